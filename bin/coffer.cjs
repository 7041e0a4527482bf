#!/usr/bin/env node
/**
 * The `coffer` command: hands over to dist/src/cli/main.js. CommonJS on purpose: libuv's thread pool takes its size at its
 * first use, and Node's loader of ES modules already uses it. Sixteen, because every request's reads and fsyncs wait in it.
 */
const { existsSync } = require("node:fs");
const { join } = require("node:path");
const { pathToFileURL } = require("node:url");

process.env.UV_THREADPOOL_SIZE ??= "16";
const main = join(__dirname, "..", "dist", "src", "cli", "main.js");
if (existsSync(main)) {
  import(pathToFileURL(main).href).then((cli) => cli.main(process.argv.slice(2)));
} else {
  console.error("coffer: not built yet; npm start builds and serves");
  process.exitCode = 1;
}
