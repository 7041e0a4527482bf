/**
 * `npm run soak`: what takes too long for `npm test`. Alone: kills a server hundreds of times (test/durability/soak.ts);
 * `-- model`: a thousand seeded histories against the model, and every planted mistake (test/model/).
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root, setup } from "./setup.mjs";

setup();
const [first, ...rest] = process.argv.slice(2);
const built = (...path) => join(root, "dist", "test", ...path);
const isModel = first === "model";
const model = ["concurrent", "planted", "real"].map((name) => built("model", `${name}.test.js`));
const args = isModel ? ["--test", ...model] : [built("durability", "soak.js"), ...process.argv.slice(2)];
const long = isModel ? { COFFER_TEST_LONG: "1", COFFER_TEST_HISTORIES: rest[0] ?? "350" } : {};
const { status } = spawnSync(process.execPath, ["--enable-source-maps", ...args], { stdio: "inherit", env: { ...process.env, ...long } });
process.exitCode = status ?? 1;
