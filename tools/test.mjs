/**
 * `npm test [-- FILTER…]`: sets a fresh clone up and runs every test under test/, or those whose path contains a FILTER.
 * Tests that need a tool which is not there skip with one line; with CI=true those of Debian's packages fail instead.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { root, setup } from "./setup.mjs";

setup();
const filters = process.argv.slice(2);
// By their sources: dist/ may still hold what an older checkout had.
const files = readdirSync(join(root, "test"), { recursive: true })
  .filter((name) => name.endsWith(".test.ts"))
  .filter((name) => filters.length === 0 || filters.some((filter) => name.includes(filter)))
  .map((name) => join("dist", "test", name.replace(/\.ts$/, ".js")))
  .sort();
if (files.length === 0) {
  console.error("coffer: no test matches");
  process.exit(1);
}
const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-concurrency=2", ...files], { cwd: root, stdio: "inherit" });
process.exit(status ?? 1);
