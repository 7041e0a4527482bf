/**
 * The HTTP face: node:http servers with every limit set, one handler. No web framework: S3 operations are no paths,
 * bodies stream, and authorization is decided before `100 Continue`.
 */
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../lib/clock.js";
import type { Log } from "../lib/log.js";
import { ConfigError, type HostPort } from "./config.js";
import { loadCredentials, watchCredentials, type TlsMaterial } from "./tls.js";

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
const MAX_HEADERS = 400;

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
  const server: HttpsServer = createHttpsServer({ ...LIMITS, ...loadCredentials(material), minVersion: "TLSv1.2", handshakeTimeout: 10 * SECOND_MS });
  const stop = watchCredentials(material, (credentials) => server.setSecureContext({ ...credentials, minVersion: "TLSv1.2" }), log);
  return start(server, "https", address, handler, stop);
}

async function start(server: Server | HttpsServer, scheme: string, { host, port }: HostPort, handler: Handler, onClose: () => void): Promise<Listener> {
  let draining = false;
  const busy = new Set<ServerResponse>();
  const serve = (continueRequested: boolean): RequestListener => (request, response) => {
    busy.add(response);
    response.once("close", () => {
      busy.delete(response);
      // A keep-alive connection whose answer had begun before the drain is told of it here.
      if (draining) setImmediate(() => server.closeIdleConnections());
    });
    if (draining) response.setHeader("connection", "close");
    void handler(request, response, continueRequested);
  };
  server.maxHeadersCount = MAX_HEADERS;
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
    },
  };
}
