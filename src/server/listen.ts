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
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../lib/clock.js";
import type { Log } from "../lib/log.js";
import { ConfigError, type HostPort } from "./config.js";
import { loadCredentials, watchCredentials, type TlsMaterial } from "./tls.js";
import { Turns } from "./turns.js";

/** Answers one request; never throws. `continueRequested`: the client waits for `100 Continue`. */
export type Handler = (request: IncomingMessage, response: ServerResponse, continueRequested: boolean) => Promise<void>;

const LIMITS = {
  maxHeaderSize: 64 * 1024,
  headersTimeout: 30 * SECOND_MS,
  /** Whole requests may take long (5 GiB over a thin line); idle sockets may not. */
  requestTimeout: 24 * HOUR_MS,
  keepAliveTimeout: 65 * SECOND_MS,
  connectionsCheckingInterval: 10 * SECOND_MS,
} as const;
const IDLE_SOCKET_MS = 2 * MINUTE_MS;
/** How long a drain waits for work whose client has gone. */
const ABANDONED_MS = 5 * SECOND_MS;
/** Beyond this, connections are refused rather than files of objects. */
const MAX_CONNECTIONS = 10_000;

export interface Listener {
  /** E.g. `http://127.0.0.1:9000`. */
  readonly url: string;
  /** Stops accepting, lets requests under way finish for `graceMs`, then closes what is left. */
  drain(graceMs: number): Promise<void>;
}

export async function listenHttp(address: HostPort, handler: Handler): Promise<Listener> {
  const server = createHttpServer(LIMITS);
  return start(server, "http", address, handler, () => {});
}

export async function listenHttps(address: HostPort, material: TlsMaterial, handler: Handler, log: Log): Promise<Listener> {
  const server: HttpsServer = createHttpsServer({
    ...LIMITS,
    ...loadCredentials(material),
    minVersion: "TLSv1.2",
    handshakeTimeout: 10 * SECOND_MS,
  });
  const stop = watchCredentials(
    material,
    (credentials) => server.setSecureContext({ ...credentials, minVersion: "TLSv1.2" }),
    log,
  );
  return start(server, "https", address, handler, stop);
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
  // Unlimited here, where Node would drop what is too much; the wire counts them and refuses.
  server.maxHeadersCount = 0;
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(IDLE_SOCKET_MS);
  server.on("request", serve(false));
  server.on("checkContinue", serve(true));
  server.listen({ host, port, backlog: 1024 });
  try {
    await once(server, "listening");
  } catch (cause) {
    onClose();
    throw new ConfigError(`cannot listen on ${host}:${port}: ${(cause as Error).message}`, { cause });
  }
  const bound = server.address() as AddressInfo;
  const shown = host.includes(":") ? `[${host}]` : host === "0.0.0.0" ? "127.0.0.1" : host;
  return {
    url: `${scheme}://${shown}:${bound.port}`,
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
