/**
 * Makes a fresh clone runnable: installs what the lock file names and compiles, each only where needed.
 * Used by `npm start` and `npm test`; needs nothing but Node and npm.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
const at = (...parts) => join(root, ...parts);

export function setup() {
  requireNode();
  const lock = createHash("sha256")
    .update(readFileSync(at("package-lock.json")))
    .digest("hex");
  if (readIfThere(at("node_modules", ".coffer-lock")) !== lock) {
    run("npm", ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"], "installing");
    writeFileSync(at("node_modules", ".coffer-lock"), lock);
  }
  const sources = fingerprint();
  if (readIfThere(at("dist", ".coffer-sources")) !== sources) {
    run(process.execPath, [at("node_modules", "typescript", "bin", "tsc"), "-b"], "compiling");
    mkdirSync(at("dist"), { recursive: true });
    writeFileSync(at("dist", ".coffer-sources"), sources);
  }
}

function requireNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  console.error(`coffer: Node.js 20.19 or later is needed; this is ${process.versions.node}`);
  process.exit(1);
}

function run(command, args, what) {
  console.error(`coffer: ${what} …`);
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], env: process.env });
  if (status === 0) return;
  console.error(`coffer: ${what} failed${error ? `: ${error.message}` : ""}`);
  process.exit(1);
}

const readIfThere = (path) => (existsSync(path) ? readFileSync(path, "utf8") : undefined);

/** Names, sizes and times of everything that is compiled. */
function fingerprint() {
  const hash = createHash("sha256");
  const walk = (directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) {
        if (entry.name !== "node_modules" && entry.name !== "dist") walk(path);
        continue;
      }
      // Written by the compiler itself.
      if (entry.name.endsWith(".tsbuildinfo")) continue;
      const { size, mtimeMs } = statSync(path);
      hash.update(`${path}\0${size}\0${mtimeMs}\n`);
    }
  };
  for (const directory of ["src", "seal", "test", "bench"]) walk(at(directory));
  for (const file of ["tsconfig.json", "tsconfig.base.json"]) hash.update(readFileSync(at(file)));
  return hash.digest("hex");
}
