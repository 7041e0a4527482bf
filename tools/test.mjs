/**
 * `npm test [-- FILTER…]`: sets a fresh clone up and runs every test under test/, or those whose path contains a FILTER.
 * Tests that need a tool which is not there skip with one line; with CI=true those of Debian's packages fail instead.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import { spec, tap } from "node:test/reporters";
import { root, setup } from "./setup.mjs";

/** Begun first: they wait for others most of their time, so the rest runs beside them. */
const SLOW = ["terraform/", "clients/", "cli/", "process/"];
/** One more than this needs cores: see SLOW. */
const CONCURRENCY = 3;

setup();
const filters = process.argv.slice(2);
// By their sources: dist/ may still hold what an older checkout had.
const names = readdirSync(join(root, "test"), { recursive: true })
  .filter((name) => name.endsWith(".test.ts"))
  .filter((name) => filters.length === 0 || filters.some((filter) => name.includes(filter)))
  .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
if (names.length === 0) {
  console.error("coffer: no test matches");
  process.exit(1);
}
process.chdir(root);
process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ""} --enable-source-maps`.trim();
const files = names.map((name) => join(root, "dist", "test", name.replace(/\.ts$/, ".js")));
const results = run({ files, concurrency: CONCURRENCY });
results.on("test:fail", () => {
  process.exitCode = 1;
});
results.compose(process.stdout.isTTY ? new spec() : tap).pipe(process.stdout);

function rank(name) {
  const at = SLOW.findIndex((prefix) => name.startsWith(prefix));
  return at < 0 ? SLOW.length : at;
}
