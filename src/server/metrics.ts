/** Prometheus metrics. One registry a process; with several workers the primary adds them up. */
import cluster from "node:cluster";
import { AggregatorRegistry, Counter, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { GateEvent } from "../gate/dependencies.js";

export class Metrics {
  readonly registry = new Registry();
  readonly #requests = new Counter({
    name: "coffer_requests_total",
    help: "Requests answered",
    labelNames: ["service", "operation", "status", "code"],
    registers: [this.registry],
  });
  readonly #seconds = new Histogram({
    name: "coffer_request_seconds",
    help: "Time from the request's head to its answer's head",
    labelNames: ["service", "operation"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
    registers: [this.registry],
  });
  readonly #integrity = new Counter({
    name: "coffer_integrity_events_total",
    help: "Stored data that failed authentication",
    registers: [this.registry],
  });
  readonly #internal = new Counter({
    name: "coffer_internal_errors_total",
    help: "Requests answered 500 for a fault of ours",
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    AggregatorRegistry.setRegistries([this.registry]);
    // In a worker, making one is what answers the primary's question.
    if (cluster.isWorker) new AggregatorRegistry();
  }

  /** What the gate tells of; `answered` also times the operation until its answer is ready. */
  observe(event: GateEvent): void {
    switch (event.kind) {
      case "answered": {
        const { service, operation, status, code, seconds } = event;
        this.#requests.inc({ service, operation, status: String(status), code });
        this.#seconds.observe({ service, operation }, seconds);
        return;
      }
      case "integrity":
        return this.#integrity.inc();
      case "internal":
        return this.#internal.inc();
    }
  }
}

/** In the primary: lets workers be asked for the sum of all. */
export function aggregateMetrics(): void {
  const aggregator = new AggregatorRegistry();
  cluster.on("message", (worker, message: { coffer?: string; id?: number }) => {
    if (message.coffer !== "metrics") return;
    aggregator.clusterMetrics().then(
      (text) => worker.send({ coffer: "metrics", id: message.id, text }),
      (error: Error) => worker.send({ coffer: "metrics", id: message.id, error: error.message }),
    );
  });
}

let asked = 0;

/** Text of all processes, in Prometheus's exposition format. */
export async function metricsText(metrics: Metrics): Promise<string> {
  if (!cluster.isWorker) return metrics.registry.metrics();
  asked += 1;
  const id = asked;
  return new Promise((resolve, reject) => {
    const onMessage = (message: { coffer?: string; id?: number; text?: string; error?: string }): void => {
      if (message.coffer !== "metrics" || message.id !== id) return;
      process.off("message", onMessage);
      if (message.text === undefined) reject(new Error(message.error));
      else resolve(message.text);
    };
    process.on("message", onMessage);
    process.send?.({ coffer: "metrics", id });
  });
}
