/**
 * The HTTP face: node:http servers with every limit set, one handler. No web framework: S3 operations are no paths,
 * bodies stream, and authorization is decided before `100 Continue`.
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { SECOND_MS } from "../lib/clock.js";
import type { Log } from "../lib/log.js";
import { Occasional } from "../lib/occasional.js";
import { unmapped, type AddressSet } from "./addresses.js";
import type { Counts } from "./clients.js";
import { ConfigError, type HostPort } from "./config.js";
import { DEFAULT_LIMITS, type ServerLimits } from "./limits.js";
import { loadCredentials, watchCredentials, type TlsMaterial } from "./tls.js";
import { Turns } from "./turns.js";

/** Answers one request; never throws. `continueRequested`: the client waits for `100 Continue`. */
export type Handler = (request: IncomingMessage, response: ServerResponse, continueRequested: boolean) => Promise<void>;

/** How long a drain waits for work whose client has gone. */
const ABANDONED_MS = 5 * SECOND_MS;
/** What a listener needs beside its address. */
export interface ListenOptions {
  readonly limits?: ServerLimits;
  /** All connections: one count for all listeners of the process. */
  readonly all?: Counts;
  /** Connections by peer: one count for all listeners of the process. Proxies that are trusted stand for many clients. */
  readonly peers?: { readonly counts: Counts; readonly trusted: AddressSet };
  readonly log?: Log;
}

export interface Listener {
  /** E.g. `http://127.0.0.1:9000`. */
  readonly url: string;
  /** Stops accepting, lets requests under way finish for `graceMs`, then closes what is left. */
  drain(graceMs: number): Promise<void>;
}

export async function listenHttp(address: HostPort, handler: Handler, options: ListenOptions = {}): Promise<Listener> {
  const { limits = DEFAULT_LIMITS } = options;
  const server = createHttpServer(limits.http);
  bound(server, { limits, ...options });
  return start(server, "http", address, handler, () => {});
}

export async function listenHttps(
  address: HostPort,
  material: TlsMaterial,
  handler: Handler,
  options: ListenOptions & { readonly log: Log },
): Promise<Listener> {
  const { limits = DEFAULT_LIMITS, log } = options;
  const server: HttpsServer = createHttpsServer({
    ...limits.http,
    ...loadCredentials(material),
    minVersion: "TLSv1.2",
    handshakeTimeout: 10 * SECOND_MS,
  });
  const stop = watchCredentials(
    material,
    (credentials) => server.setSecureContext({ ...credentials, minVersion: "TLSv1.2" }),
    log,
  );
  bound(server, { limits, ...options });
  return start(server, "https", address, handler, stop);
}

/** Limits of connections, and of what they may leave undone. */
function bound(server: Server | HttpsServer, options: ListenOptions & { readonly limits: ServerLimits }): void {
  const { limits, all, peers, log } = options;
  const lines = new Occasional(1);
  const refused = (sourceIp: string | undefined, why: string): void => {
    const passed = lines.pass(performance.now());
    if (passed !== undefined) log?.warn({ sourceIp, ...passed }, `connection refused: ${why}`);
  };
  // Unlimited here, where Node would drop what is too much; the wire counts them and refuses.
  server.maxHeadersCount = 0;
  server.setTimeout(limits.idleSocketMs);
  // INVARIANT: Node's own `maxConnections` stays unset. A worker of node:cluster that has so many hands the connection back,
  // and the primary offers it to the next, for ever: with all of them full, every process spins.
  // Source: Node 20, lib/internal/cluster/child.js (`onconnection`), round_robin_handle.js (`handoff`).
  server.on("connection", (socket) => {
    const peer = unmapped(socket.remoteAddress ?? "");
    const holds = (leave: (() => void) | undefined, why: string): boolean => {
      if (leave !== undefined) socket.once("close", leave);
      else {
        refused(peer, why);
        socket.destroy();
      }
      return leave !== undefined;
    };
    if (all !== undefined && !holds(all.enter(""), "as many as --max-connections are open")) return;
    if (peers === undefined || peers.trusted.has(peer)) return;
    holds(peers.counts.enter(peer), "this peer has half of --max-connections");
  });
}

async function start(
  server: Server | HttpsServer,
  scheme: string,
  { host, port }: HostPort,
  handler: Handler,
  onClose: () => void,
): Promise<Listener> {
  let draining = false;
  const busy = new Set<ServerResponse>();
  const running = new Set<Promise<void>>();
  const turns = new Turns();
  const run = (request: IncomingMessage, response: ServerResponse, continueRequested: boolean): void => {
    busy.add(response);
    response.once("close", () => {
      busy.delete(response);
      // A keep-alive connection whose answer had begun before the drain is told of it here.
      if (draining) setImmediate(() => server.closeIdleConnections());
    });
    response.on("timeout", (socket) => {
      // Idle while a whole request waits for its answer: the time is ours (a large copy), not the client's.
      if (!request.complete || response.headersSent) socket.destroy();
    });
    if (draining) response.setHeader("connection", "close");
    const handled = handler(request, response, continueRequested);
    running.add(handled);
    void handled.finally(() => running.delete(handled));
  };
  const serve =
    (continueRequested: boolean): RequestListener =>
    (request, response) =>
      turns.take(request.socket, response, () => run(request, response, continueRequested));
  server.on("request", serve(false));
  server.on("checkContinue", serve(true));
  server.listen({ host, port, backlog: 1024 });
  try {
    await once(server, "listening");
  } catch (cause) {
    onClose();
    throw new ConfigError(`cannot listen on ${host}:${port}: ${(cause as Error).message}`, { cause });
  }
  const at = server.address() as AddressInfo;
  const shown = host.includes(":") ? `[${host}]` : host === "0.0.0.0" ? "127.0.0.1" : host;
  return {
    url: `${scheme}://${shown}:${at.port}`,
    drain: async (graceMs) => {
      draining = true;
      onClose();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const response of busy) if (!response.headersSent) response.setHeader("connection", "close");
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(timer);
      // Work whose client has gone: it ends by itself, and must not meet a closed store.
      await Promise.race([Promise.allSettled(running), delay(ABANDONED_MS, undefined, { ref: false })]);
    },
  };
}
