/**
 * How worker processes use memory. What they make lives for a request: a young generation larger than 8 MiB is pages in use
 * and no fewer collections that count, and a heap of malloc's for each of the many threads that wait for disks is pages kept
 * for nothing. Figures: docs/performance.md.
 */
const SEMI_SPACE = "--max-semi-space-size";

/** Arguments of Node.js for workers; who has chosen a size themselves keeps it. */
export function workerArguments(own: readonly string[], nodeOptions: string | undefined): readonly string[] {
  const chosen = [...own, nodeOptions ?? ""].some((text) => text.replaceAll("_", "-").includes(SEMI_SPACE));
  return chosen ? own : [...own, `${SEMI_SPACE}=8`];
}

/** Environment that workers get besides the server's own. Read by glibc at the start of a process. */
export const workerEnvironment = (environment: NodeJS.ProcessEnv): Record<string, string> =>
  environment["MALLOC_ARENA_MAX"] === undefined ? { MALLOC_ARENA_MAX: "2" } : {};
