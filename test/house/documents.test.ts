import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";
import { root } from "../root.js";

const documents = [
  ...["README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md"].map((name) => join(root, name)),
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".md")).map((name) => join(root, "docs", name)),
];

test("every source file that a document names exists", () => {
  const missing: string[] = [];
  for (const document of documents) {
    for (const [, name = ""] of readFileSync(document, "utf8").matchAll(/`((?:src|seal|tools|test|docs|bench)\/[\w./-]+)`/g)) {
      if (!existsSync(join(root, name))) missing.push(`${relative(root, document)}: ${name}`);
    }
  }
  assert.deepEqual(missing, []);
});

test("every relative link of a document leads to a file", () => {
  const missing: string[] = [];
  for (const document of documents) {
    for (const [, target = ""] of readFileSync(document, "utf8").matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      if (!existsSync(join(dirname(document), target))) missing.push(`${relative(root, document)}: ${target}`);
    }
  }
  assert.deepEqual(missing, []);
});

test("docs/dependencies.md has a line for every package, and names none that is not there", () => {
  const text = readFileSync(join(root, "docs", "dependencies.md"), "utf8");
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Record<string, Record<string, string>>;
  const listed = [...text.matchAll(/^\| (`[^|]+`) \|/gm)].flatMap(([, cell = ""]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name));
  for (const name of Object.keys(dependencies ?? {})) assert.ok(listed.includes(name), `${name} has no line`);
  for (const name of Object.keys(devDependencies ?? {})) {
    assert.ok(listed.some((pattern) => name === pattern || name === `@aws-sdk/${pattern}` || (pattern.endsWith("*") && name.startsWith(pattern.slice(0, -1)))), `${name} has no line`);
  }
});

test("docs/reference/configuration.md lists the options as src/server/options.ts has them", () => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, "tools", "reference.mjs"), "--check"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});

test("the lock file carries no download addresses", () => {
  const lock = readFileSync(join(root, "package-lock.json"), "utf8");
  assert.equal(/"resolved":\s*"https?:/.test(lock), false);
});
