/**
 * `npm run soak`: what takes too long for `npm test`. Alone: kills a server hundreds of times (test/durability/soak.ts);
 * `-- model`: a thousand seeded histories against the model, and every planted mistake (test/model/); `-- faults`: every
 * file operation under every operation fails in turn (test/faults/).
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root, setup } from "./setup.mjs";

setup();
const [first, ...rest] = process.argv.slice(2);
const built = (...path) => join(root, "dist", "test", ...path);
const suites = { model: ["concurrent", "planted", "real"], faults: ["faults"] };
const suite = suites[first]?.map((name) => built(first, `${name}.test.js`));
const args = suite === undefined ? [built("durability", "soak.js"), ...process.argv.slice(2)] : ["--test", ...suite];
const long = suite === undefined ? {} : { COFFER_TEST_LONG: "1", COFFER_TEST_HISTORIES: rest[0] ?? "350" };
const env = { ...process.env, ...long };
const { status } = spawnSync(process.execPath, ["--enable-source-maps", ...args], { stdio: "inherit", env });
process.exitCode = status ?? 1;
