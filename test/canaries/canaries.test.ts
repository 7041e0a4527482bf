/**
 * Nothing secret lies anywhere in clear: bodies, user metadata, tags, stored headers, customer keys, KMS plaintexts, data
 * keys, secrets, session tokens, and fingerprints of bodies are looked for in every byte that the server leaves behind
 * (data, configuration, logs, temporary files), while it runs, after kill -9 and after the next start.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { startServer, type TestServer } from "../e2e/server.js";
import { World } from "../e2e/world.js";
import { formsOf, Scanner } from "./scanner.js";
import { Canaries } from "./writes.js";

/** These must hold what they protect, and are 0600: test/process/key-file.test.ts, root-credential.test.ts. */
const MAY_HOLD = ["config/root.key", "config/root-credential.json"];

const directory = mkdtempSync(join(tmpdir(), "coffer-canaries-"));
after(() => rmSync(directory, { recursive: true, force: true }));
mkdirSync(join(directory, "tmp"));
const options = {
  disk: true,
  directory,
  flags: ["--sse-c-on-new-buckets", "allow", "--log-level", "debug"],
  environment: { TMPDIR: join(directory, "tmp") },
};

function assertNoneIn(scanner: Scanner, server: TestServer, when: string): void {
  assert.deepEqual(scanner.findInFiles(directory, MAY_HOLD), [], when);
  const said = Buffer.from(server.stdout() + server.stderr());
  assert.deepEqual([...scanner.find(said)], [], when);
}

test("no canary of any size, encryption or way of writing is on disk or in a log: running, killed, again", async (context) => {
  let world = new World(await startServer(options));
  after(() => world.server.kill());
  const canaries = await Canaries.in(world);
  await canaries.everything();
  const scanner = new Scanner(canaries.needles);
  context.diagnostic(`${canaries.needles.length} needles`);
  assertNoneIn(scanner, world.server, "while it runs");
  const known = { "bucket name": canaries.bucket, "object name": "multipart/sse-kms" };
  const names = new Scanner(Object.entries(known).flatMap(([name, text]) => formsOf(name, Buffer.from(text))));
  const seen = names.findInFiles(directory).join("\n");
  for (const line of ["data/metadata/data.mdb: bucket name (plain)", "data/metadata/data.mdb: object name (plain)"]) {
    assert.ok(seen.includes(line), `the scanner sees what is no secret: ${line}`);
  }
  assert.match(seen, /data\/audit\/.*: bucket name \(plain\)/);
  await world.server.kill();
  assertNoneIn(scanner, world.server, "after kill -9");
  world = new World(await startServer(options));
  await canaries.reads(world);
  assertNoneIn(scanner, world.server, "after the next start");
  assert.equal(await world.server.stop(), 0);
  assertNoneIn(scanner, world.server, "after it has ended");
});
