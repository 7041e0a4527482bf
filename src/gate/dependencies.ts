/** What the gate is given, and what it tells. */
import type { Clock } from "../lib/clock.js";
import type { Log } from "../lib/log.js";
import type { MetadataStore } from "../stores/contract.js";
import type { RouteConfig } from "../wire/contract.js";
import type { AuditSink } from "./audit.js";
import type { Directory } from "./contract.js";
import type { Registry } from "./registry.js";

export interface GateDependencies {
  readonly registry: Registry;
  readonly directory: Directory;
  readonly audit: AuditSink;
  readonly store: MetadataStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly routing: RouteConfig;
  /** The default first. */
  readonly regions: readonly string[];
  /** Of all bodies that are held in memory. */
  readonly bodyBudgetBytes?: number;
  /** Told of every answer. */
  readonly observe: (event: GateEvent) => void;
}

export type GateEvent =
  | { readonly kind: "answered"; readonly service: string; readonly operation: string; readonly status: number; readonly code: string; readonly seconds: number }
  | { readonly kind: "integrity" }
  | { readonly kind: "internal" };
