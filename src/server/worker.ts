/** One serving process: the app behind its listeners. */
import type { Log } from "../lib/log.js";
import type { App } from "./app.js";
import type { Config } from "./config.js";
import { createHandler } from "./handler.js";
import { listenHttp, listenHttps, type Handler, type Listener } from "./listen.js";
import { createOperational } from "./operational.js";
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

export async function startWorker(config: Config, app: App, tls: TlsMaterial | undefined, log: Log): Promise<RunningWorker> {
  const handler = createHandler({
    gate: app.gate,
    rules: { trustedProxies: config.trustedProxies, insecureSseFrom: config.insecureSseFrom },
    operational: createOperational(app.metrics, app.ready),
    metrics: app.metrics,
    log,
  });
  const http: Listener | undefined = config.listen === undefined ? undefined : await listenHttp(config.listen, handler);
  const https = await startHttps(config, tls, handler, log).catch(async (error: unknown) => {
    await http?.drain(0);
    throw error;
  });
  app.startJobs();
  return {
    urls: {
      ...(http === undefined ? {} : { httpUrl: http.url }),
      ...(https === undefined ? {} : { httpsUrl: https.url }),
    },
    drain: async (graceMs) => void (await Promise.all([http?.drain(graceMs), https?.drain(graceMs)])),
  };
}

async function startHttps(
  config: Config,
  tls: TlsMaterial | undefined,
  handler: Handler,
  log: Log,
): Promise<Listener | undefined> {
  return config.tlsListen === undefined || tls === undefined ? undefined : listenHttps(config.tlsListen, tls, handler, log);
}
