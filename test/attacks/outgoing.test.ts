/**
 * Attack A.9 no. 39 (minio-ssrf, seaweed-ssrf-metadata, rustfs-oidc-rebinding): the server opens no connection to anywhere. There
 * is nothing to redirect, rebind or point at a metadata address; should that change, this test asks for the defences.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "../root.js";

/** Who may: the command line's client, and the lock of the data directory, which asks its holder on a local socket. */
const MAY = new Set(["wire/client.ts", "stores/directory-lock.ts"]);
const OUTGOING = [
  /\bfetch\s*\(/,
  /\bnew WebSocket\b/,
  /\bimport\s*\{[^}]*\b(request|get|connect|createConnection|Agent)\b[^}]*\}\s*from "node:(https?|net|tls)"/,
  /\bfrom "node:(dgram|dns|dns\/promises|http2|child_process)"/,
  /\bfrom "(undici|axios|got|ws)"/,
];

test("nothing under src but the command line's client opens a connection, resolves a name or starts a program", () => {
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  assert.ok(files.length > 200);
  const outgoing = files.filter((name) => {
    const text = readFileSync(join(root, "src", name), "utf8");
    return OUTGOING.some((pattern) => pattern.test(text));
  });
  assert.deepEqual(
    outgoing.filter((name) => !MAY.has(name) && !name.startsWith("cli/")),
    [],
  );
  assert.ok(outgoing.includes("wire/client.ts"), "the patterns find nothing");
  const serving = files.filter(
    (name) => !name.startsWith("cli/") && readFileSync(join(root, "src", name), "utf8").includes('/client.js"'),
  );
  assert.deepEqual(serving, [], "the server uses the client");
});
