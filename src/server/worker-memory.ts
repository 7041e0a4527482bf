/**
 * How worker processes use memory. What they make lives for a request, so a large young generation, and an old one that may
 * grow to several times of what lives before it is collected, as V8 would have it, are pages in use and no fewer collections
 * that count: here it may double. A heap of malloc's for each of the many threads that wait for disks is pages kept for
 * nothing. Figures: docs/performance.md.
 */
const DEFAULTS = [["--max-semi-space-size", "8"], ["--heap-growing-percent", "100"]] as const;

/** Arguments of Node.js for workers; who has chosen one of the values themselves keeps it. */
export function workerArguments(own: readonly string[], nodeOptions: string | undefined): readonly string[] {
  const chosen = [...own, nodeOptions ?? ""].map((text) => text.replaceAll("_", "-"));
  const missing = DEFAULTS.filter(([name]) => !chosen.some((text) => text.includes(name)));
  return [...own, ...missing.map(([name, value]) => `${name}=${value}`)];
}

/** Environment that workers get besides the server's own. Read by glibc at the start of a process. */
export const workerEnvironment = (environment: NodeJS.ProcessEnv): Record<string, string> =>
  environment["MALLOC_ARENA_MAX"] === undefined ? { MALLOC_ARENA_MAX: "2" } : {};
