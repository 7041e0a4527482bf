import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { test } from "node:test";
import { root } from "../root.js";

/** ARCHITECTURE.md, "Rooms": a file imports its own room and lower floors only. */
const FLOORS: Readonly<Record<string, number>> = {
  lib: 0, wire: 1, policy: 1, stores: 2, gate: 2, iam: 3, keys: 3, objects: 4, jobs: 5, server: 6, cli: 7,
};
/** Floors are crossed sideways in one place only: the gate is handed stores' contract types. */
const SIDEWAYS_TYPES = new Map([["gate", new Set(["stores"])]]);

test("a file imports its own room and lower floors only", () => {
  const wrong: string[] = [];
  for (const { file, room, target, typeOnly } of imports()) {
    if (room === target) continue;
    const allowed = (FLOORS[target] ?? 99) < (FLOORS[room] ?? -1) || (typeOnly && SIDEWAYS_TYPES.get(room)?.has(target) === true);
    if (!allowed) wrong.push(`${file} (${room}) imports ${target}`);
  }
  assert.deepEqual(wrong, []);
});

test("every room under src is in the table of floors", () => {
  assert.deepEqual(readdirSync(join(root, "src")).sort(), Object.keys(FLOORS).sort());
});

test("the seal workspace imports nothing but Node and itself", () => {
  const wrong: string[] = [];
  for (const name of sources(join(root, "seal", "src"))) {
    for (const { specifier } of specifiers(readFileSync(name, "utf8"))) {
      if (!specifier.startsWith("node:") && !specifier.startsWith("./")) wrong.push(`${relative(root, name)} imports ${specifier}`);
    }
  }
  assert.deepEqual(wrong, []);
});

function imports(): { file: string; room: string; target: string; typeOnly: boolean }[] {
  const found = [];
  for (const name of sources(join(root, "src"))) {
    const file = relative(join(root, "src"), name);
    const room = file.split("/")[0] ?? "";
    for (const { specifier, typeOnly } of specifiers(readFileSync(name, "utf8"))) {
      if (!specifier.startsWith(".")) continue;
      const target = relative(join(root, "src"), resolve(dirname(name), specifier)).split("/")[0] ?? "";
      found.push({ file, room, target, typeOnly });
    }
  }
  return found;
}

function specifiers(text: string): { specifier: string; typeOnly: boolean }[] {
  const statements = text.matchAll(/^\s*(?:import|export)\s+(type\s)?[^;"']*?from\s+["']([^"']+)["']|import\(\s*["']([^"']+)["']\s*\)/gm);
  return [...statements].map((match) => ({ specifier: match[2] ?? match[3] ?? "", typeOnly: match[1] !== undefined }));
}

function sources(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(directory, name));
}
