/**
 * `coffer serve`: prepares the store once, then runs one worker in this process, or several under a supervisor
 * (node:cluster). Ctrl-C or SIGTERM drains and exits 0; a second one ends at once.
 */
import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { SECOND_MS, systemClock } from "../lib/clock.js";
import { createLog, type Log } from "../lib/log.js";
import { openApp } from "./app.js";
import type { Config } from "./config.js";
import { closeUntaken } from "./untaken.js";
import { writeEndpointFile } from "./endpoint-file.js";
import { survivePromises } from "./last-resort.js";
import { aggregateMetrics } from "./metrics.js";
import { prepare, type Prepared } from "./prepare.js";
import { ensureTlsMaterial } from "./tls.js";
import { startWorker, type WorkerUrls } from "./worker.js";
import { workerArguments, workerEnvironment } from "./worker-memory.js";

const DRAIN_MS = 20 * SECOND_MS;
/** npm passes on the signal that the terminal has sent to its whole group already: not a second Ctrl-C. */
const SAME_KEYPRESS_MS = 500;
/** A worker that dies is replaced, but not in a loop: so many deaths within a minute end the server. */
const MAX_DEATHS_A_MINUTE = 5;

/** @returns the exit code, once the server has ended */
export async function serve(config: Config): Promise<number> {
  const log = createLog(config.logLevel);
  survivePromises(log);
  if (cluster.isWorker) return serveAsClusterWorker(config, log);
  const prepared = await prepare(config, systemClock, log);
  try {
    return config.workers === 1 ? await serveAlone(config, prepared, log) : await supervise(config, prepared, log);
  } finally {
    await prepared.release();
  }
}

async function serveAlone(config: Config, prepared: Prepared, log: Log): Promise<number> {
  try {
    const worker = await startWorker(config, prepared.app, prepared.tls, log);
    // Listened for before the URLs are told: from then on a signal drains.
    const signal = stopSignal();
    announce(config, prepared, worker.urls);
    await signal;
    log.info({}, "draining");
    onSecondSignal(() => process.exit(130));
    await worker.drain(DRAIN_MS);
  } finally {
    await prepared.app.close();
  }
  return 0;
}

/** The primary: forks, replaces the dead, tells everyone to drain. Serves nothing itself. */
async function supervise(config: Config, prepared: Prepared, log: Log): Promise<number> {
  await prepared.app.close();
  const deaths: number[] = [];
  let serving = false;
  let draining = false;
  let giveUp: (() => void) | undefined;
  const failed = new Promise<void>((resolve) => (giveUp = resolve));
  cluster.on("exit", (worker, code, signal) => {
    if (draining) return;
    log.error({ worker: worker.id, code, signal }, "worker died");
    const now = systemClock.now();
    deaths.push(now);
    // One that dies before anything was served has said why, and the next would say the same.
    if (!serving || deaths.filter((at) => now - at < 60 * SECOND_MS).length > MAX_DEATHS_A_MINUTE) giveUp?.();
    else void fork();
  });
  aggregateMetrics();
  cluster.setupPrimary({ execArgv: [...workerArguments(process.execArgv, process.env["NODE_OPTIONS"])] });
  const signal = stopSignal();
  // The first alone: if it cannot start, its reason is told once. Once it serves, the server does.
  const urls = await Promise.race([fork(), failed, signal]);
  if (urls !== undefined) {
    serving = true;
    for (let started = 1; started < config.workers; started += 1) void fork();
    announce(config, prepared, urls);
  }
  const code = await Promise.race([signal.then(() => 0), failed.then(() => 1)]);
  draining = true;
  onSecondSignal(() => {
    for (const worker of livingWorkers()) worker.process.kill("SIGKILL");
    process.exit(130);
  });
  log.info({}, "draining");
  return endWorkers(code);
}

/** @returns where the worker listens; undefined if it died before it did */
async function fork(): Promise<WorkerUrls | undefined> {
  const worker = cluster.fork(workerEnvironment(process.env));
  closeUntaken(worker);
  return new Promise((resolve) => {
    worker.on("message", (message: { coffer?: string; urls?: WorkerUrls }) => {
      if (message.coffer === "hearing") hearing.add(worker);
      if (message.coffer === "listening") resolve(message.urls);
    });
    worker.once("exit", () => resolve(undefined));
  });
}

/** Workers that hear when they are told to drain. Said before they listen: from then on they may hold a request. */
const hearing = new WeakSet<Worker>();

const livingWorkers = (): Worker[] =>
  Object.values(cluster.workers ?? {}).filter((worker): worker is Worker => worker !== undefined && !worker.isDead());

async function endWorkers(code: number): Promise<number> {
  const all = livingWorkers();
  const ended = all.map((worker) => once(worker, "exit"));
  for (const worker of all) {
    if (hearing.has(worker) && worker.isConnected()) worker.send({ coffer: "drain" });
    else worker.process.kill("SIGKILL");
  }
  const timer = setTimeout(() => all.forEach((worker) => worker.process.kill("SIGKILL")), DRAIN_MS + 5 * SECOND_MS);
  await Promise.all(ended);
  clearTimeout(timer);
  return code;
}

async function serveAsClusterWorker(config: Config, log: Log): Promise<number> {
  // The terminal sends Ctrl-C to every process of the group; the primary decides.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => {});
  const end = Promise.race([drainMessage(), once(process, "disconnect")]);
  process.send?.({ coffer: "hearing" });
  // Made by the primary before it forked: this finds it.
  const tls = config.tlsListen === undefined ? undefined : ensureTlsMaterial(config, systemClock.now());
  const app = await openApp(config, systemClock, log);
  const worker = await startWorker(config, app, tls, log).catch(async (error: unknown) => {
    await app.close();
    throw error;
  });
  process.send?.({ coffer: "listening", urls: worker.urls });
  await end;
  await worker.drain(DRAIN_MS);
  await app.close();
  process.exit(0);
}

function drainMessage(): Promise<void> {
  return new Promise((resolve) => {
    process.on("message", (message: { coffer?: string }) => {
      if (message.coffer === "drain") resolve();
    });
  });
}

function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once("SIGINT", () => resolve());
    process.once("SIGTERM", () => resolve());
  });
}

function onSecondSignal(end: () => void): void {
  const firstMs = performance.now();
  const onSignal = (): void => {
    if (performance.now() - firstMs > SAME_KEYPRESS_MS) end();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
}

/** What the operator sees. The secret goes to a terminal only, never into a pipe or a log. */
function announce(config: Config, prepared: Prepared, urls: WorkerUrls): void {
  const caFile = prepared.tls?.caFile;
  const endpoint = {
    ...(urls.httpUrl === undefined ? {} : { httpUrl: urls.httpUrl }),
    ...(urls.httpsUrl === undefined ? {} : { httpsUrl: urls.httpsUrl }),
    ...(caFile === undefined ? {} : { caFile }),
    region: config.region,
  };
  if (!config.memory) writeEndpointFile(config, endpoint);
  const lines = ["Coffer is ready: S3, KMS, IAM and STS on one endpoint"];
  for (const url of [urls.httpUrl, urls.httpsUrl]) if (url !== undefined) lines.push(`  ${url}`);
  if (caFile !== undefined) lines.push(`  CA bundle for https: ${caFile}`);
  for (const line of prepared.notice(process.stdout.isTTY === true)) lines.push(`  ${line}`);
  if (!config.insecureSseFrom.empty)
    lines.push("  SSE-KMS and SSE-C are accepted over clear HTTP from the networks of --insecure-sse-from");
  if (!config.memory) lines.push('  In another shell, in this directory: eval "$(npx coffer env)"   then: aws s3 ls');
  // In one piece: whoever reads the first line from a pipe has the rest.
  process.stdout.write(`${lines.join("\n")}\n`);
}
