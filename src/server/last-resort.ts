/**
 * What happens to errors that nobody caught. A promise that failed behind somebody's back is logged as a fault of ours and
 * the process goes on: state changes in single commits only, and one request must not end everybody's. An exception out
 * of an event handler ends the process, as Node means it: its supervisor (serve.ts, or the operating system's) starts anew.
 */
import type { Log } from "../lib/log.js";

/** Call once a process. */
export function survivePromises(log: Log): void {
  process.on("unhandledRejection", (reason) => {
    log.error({ err: reason instanceof Error ? reason : new Error(String(reason)) }, "a failure was handled nowhere");
  });
}
