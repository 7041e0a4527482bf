/** Prometheus metrics. One registry a process; with several workers the primary adds them up. */
import { AggregatorRegistry, Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";

export interface RequestObservation {
  readonly service: string;
  readonly operation: string;
  readonly status: number;
  readonly seconds: number;
  /** AWS error code, or empty. */
  readonly code: string;
}

export class Metrics {
  readonly registry = new Registry();
  readonly #requests = new Counter({
    name: "coffer_requests_total", help: "Requests answered", labelNames: ["service", "operation", "status", "code"], registers: [this.registry],
  });
  readonly #seconds = new Histogram({
    name: "coffer_request_seconds", help: "Time from request head to the end of the answer", labelNames: ["service", "operation"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60], registers: [this.registry],
  });
  readonly #integrity = new Counter({ name: "coffer_integrity_events_total", help: "Stored data that failed authentication", registers: [this.registry] });
  readonly #internal = new Counter({ name: "coffer_internal_errors_total", help: "Requests answered 500 for a fault of ours", registers: [this.registry] });
  readonly #inFlight = new Gauge({ name: "coffer_requests_in_flight", help: "Requests under way", registers: [this.registry] });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    AggregatorRegistry.setRegistries([this.registry]);
  }

  begin(): void {
    this.#inFlight.inc();
  }
  end(observation: RequestObservation): void {
    const { service, operation, status, seconds, code } = observation;
    this.#inFlight.dec();
    this.#requests.inc({ service, operation, status: String(status), code });
    this.#seconds.observe({ service, operation }, seconds);
  }
  integrityEvent(): void {
    this.#integrity.inc();
  }
  internalError(): void {
    this.#internal.inc();
  }
}
