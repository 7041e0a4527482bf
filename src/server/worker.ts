/** One serving process: the app behind its listeners. */
import type { Log } from "../lib/log.js";
import type { App } from "./app.js";
import type { Config } from "./config.js";
import { Counts } from "./clients.js";
import { createHandler } from "./handler.js";
import { limitsOf, type ServerLimits } from "./limits.js";
import { listenHttp, listenHttps, type Handler, type Listener, type ListenOptions } from "./listen.js";
import { createOperational } from "./operational.js";
import { Pace } from "./pace.js";
import type { TlsMaterial } from "./tls.js";

export interface WorkerUrls {
  readonly httpUrl?: string;
  readonly httpsUrl?: string;
}

export interface RunningWorker {
  readonly urls: WorkerUrls;
  /** Finishes what is under way for at most `graceMs`. The app stays open. */
  drain(graceMs: number): Promise<void>;
}

/** @param limits other than configured, for tests */
export async function startWorker(
  config: Config,
  app: App,
  tls: TlsMaterial | undefined,
  log: Log,
  limits: ServerLimits = limitsOf(config),
): Promise<RunningWorker> {
  const { trustedProxies, insecureSseFrom, metricsFrom } = config;
  const pace = new Pace(limits.pace, (why) => log.info({}, `answer broken off: ${why}`));
  const peers = { counts: new Counts(limits.maxConnectionsPerPeer), trusted: trustedProxies };
  const handler = createHandler({
    gate: app.gate,
    rules: { trustedProxies, insecureSseFrom, metricsFrom },
    pace,
    clients: new Counts(limits.maxRequestsPerClient),
    operational: createOperational(app.metrics, app.ready),
    metrics: app.metrics,
    log,
  });
  const listen: ListenOptions & { readonly log: Log } = { limits, all: new Counts(limits.maxConnections), peers, log };
  const http: Listener | undefined = config.listen === undefined ? undefined : await listenHttp(config.listen, handler, listen);
  const https = await startHttps(config, tls, handler, listen).catch(async (error: unknown) => {
    await http?.drain(0);
    throw error;
  });
  app.startJobs();
  return {
    urls: {
      ...(http === undefined ? {} : { httpUrl: http.url }),
      ...(https === undefined ? {} : { httpsUrl: https.url }),
    },
    drain: async (graceMs) => {
      await Promise.all([http?.drain(graceMs), https?.drain(graceMs)]);
      pace.stop();
    },
  };
}

async function startHttps(
  config: Config,
  tls: TlsMaterial | undefined,
  handler: Handler,
  listen: ListenOptions & { readonly log: Log },
): Promise<Listener | undefined> {
  return config.tlsListen === undefined || tls === undefined ? undefined : listenHttps(config.tlsListen, tls, handler, listen);
}
