/**
 * What one serving process takes from its clients: sizes of heads, times, connections, requests at once. The limits of
 * bodies are the wire's and the gate's, those of stored things the rooms'; docs/reference/limits.md lists them all.
 */
import { HOUR_MS, MINUTE_MS, SECOND_MS } from "../lib/clock.js";
import type { Config } from "./config.js";

const KIB = 1024;

export interface ServerLimits {
  /** Of node:http. */
  readonly http: {
    readonly maxHeaderSize: number;
    readonly headersTimeout: number;
    readonly requestTimeout: number;
    readonly keepAliveTimeout: number;
    readonly connectionsCheckingInterval: number;
  };
  /** A socket on which nothing moves, either way. */
  readonly idleSocketMs: number;
  /** Beyond this, connections are refused rather than files of objects. */
  readonly maxConnections: number;
  /** One peer cannot keep all others out. */
  readonly maxConnectionsPerPeer: number;
  readonly maxRequestsPerClient: number;
  readonly pace: PaceLimits;
}

export interface PaceLimits {
  readonly checkEveryMs: number;
  /** A body under way brings so many bytes in so much time, or the rest of it. */
  readonly bodyWindowMs: number;
  readonly bodyBytesPerWindow: number;
  /** An answer of which the client has taken no further piece (1 MiB at most) for so long is broken off. */
  readonly stalledAnswerMs: number;
  /**
   * From the end of the request to the end of its answer.
   * INVARIANT: shorter than the grace after which the sweep removes what a reader may still read (objects/deps.ts).
   */
  readonly longestAnswerMs: number;
}

/** What the sweep waits beyond the longest answer: clocks of several processes, and the time from a read row to the answer. */
const SWEEP_MARGIN_MS = 5 * MINUTE_MS;

export const DEFAULT_LIMITS: ServerLimits = {
  http: {
    maxHeaderSize: 64 * KIB,
    headersTimeout: 30 * SECOND_MS,
    /** Whole requests may take long (5 GiB over a thin line); idle and dripping ones may not. */
    requestTimeout: 24 * HOUR_MS,
    keepAliveTimeout: 65 * SECOND_MS,
    connectionsCheckingInterval: 10 * SECOND_MS,
  },
  idleSocketMs: 2 * MINUTE_MS,
  maxConnections: 1024,
  maxConnectionsPerPeer: 512,
  maxRequestsPerClient: 256,
  pace: {
    checkEveryMs: 5 * SECOND_MS,
    bodyWindowMs: 30 * SECOND_MS,
    bodyBytesPerWindow: 30 * KIB,
    stalledAnswerMs: 5 * MINUTE_MS,
    longestAnswerMs: 55 * MINUTE_MS,
  },
};

/** As configured. */
export function limitsOf(config: Pick<Config, "maxConnections" | "maxRequestsPerClient" | "longestAnswerMs">): ServerLimits {
  const { maxConnections, maxRequestsPerClient, longestAnswerMs } = config;
  return {
    ...DEFAULT_LIMITS,
    maxConnections,
    maxConnectionsPerPeer: Math.ceil(maxConnections / 2),
    maxRequestsPerClient,
    pace: { ...DEFAULT_LIMITS.pace, longestAnswerMs },
  };
}

/** How long garbage stays for those who may still read it. */
export const graceMsOf = ({ longestAnswerMs }: Pick<Config, "longestAnswerMs">): number => longestAnswerMs + SWEEP_MARGIN_MS;
