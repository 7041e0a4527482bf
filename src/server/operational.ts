/** `/-/live`, `/-/ready`, `/-/metrics`: for supervisors, on the service host only, without credentials. */
import type { Answer } from "../gate/request.js";
import { SECOND_MS } from "../lib/clock.js";
import type { RoutedOperational } from "../wire/contract.js";
import { metricsText, type Metrics } from "./metrics.js";

/** A store that takes longer does not serve. */
const READY_WITHIN_MS = 2 * SECOND_MS;

/** @param metricsAllowed may the one who asks see numbers of operations and errors? */
export type Operational = (routed: RoutedOperational, metricsAllowed: boolean) => Promise<Answer>;

/** @param ready resolves when keys are unsealed and the store answers; rejects with the reason otherwise */
export function createOperational(metrics: Metrics, ready: () => Promise<void>): Operational {
  return async ({ rawPath, method }, metricsAllowed) => {
    if (method !== "GET" && method !== "HEAD") return text(405, "method not allowed\n");
    switch (rawPath) {
      case "/-/live":
        return text(200, "live\n");
      case "/-/ready":
        return within(READY_WITHIN_MS, ready()).then(
          () => text(200, "ready\n"),
          (error: Error) => text(503, `not ready: ${error.message}\n`),
        );
      case "/-/metrics":
        if (!metricsAllowed) return text(403, "metrics are for loopback, and for the networks of --metrics-from\n");
        return text(200, await metricsText(metrics), "text/plain; version=0.0.4; charset=utf-8");
      default:
        return text(404, "not found\n");
    }
  };
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer from the store within ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function text(status: number, body: string, type = "text/plain; charset=utf-8"): Answer {
  const bytes = Buffer.from(body, "utf8");
  return {
    status,
    headers: { "content-type": type, "content-length": String(bytes.length), "cache-control": "no-store" },
    body: bytes,
  };
}
