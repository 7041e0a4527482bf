/**
 * The same programs where nobody arranges the turns: over LMDB and files in this process, and over HTTP against a server
 * with two workers. A failure cannot be replayed here, so it prints the whole history.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { newStoreId } from "@coffer/seal";
import { createDataDirectory } from "../../src/stores/data-directory.js";
import { openStores } from "../../src/stores/open-stores.js";
import { WireClient } from "../../src/wire/client.js";
import { discard, ROOT, startServer } from "../e2e/server.js";
import { World } from "../objects/world.js";
import { judge, tell, type Observed } from "./history.js";
import { randomProgram, type ProgramOptions } from "./program.js";
import { runProgram } from "./run.js";
import type { ModelLimits } from "./s3-model.js";
import { COMING_AND_GOING, LIMITS, SMALL, UPLOADS } from "./scheduled.js";
import type { Action } from "./state.js";
import { wireTarget, worldTarget, type Target } from "./target.js";

const HISTORIES = Number(process.env["COFFER_TEST_HISTORIES"] ?? 8);
const FIRST = Number(process.env["COFFER_TEST_SEED"] ?? 1);
const KINDS: readonly ProgramOptions[] = [SMALL, COMING_AND_GOING, UPLOADS];

function assertLinear(history: readonly Observed[], limits: ModelLimits, seed: number): void {
  const { ok } = judge(history, limits);
  assert.ok(ok, ok ? "" : `seed ${seed}: no order of these calls gives these answers\n${tell(history)}`);
}

test(`${HISTORIES} histories over LMDB and files`, async () => {
  for (let seed = FIRST; seed < FIRST + HISTORIES; seed++) {
    const directory = mkdtempSync(join(tmpdir(), "coffer-model-"));
    try {
      await createDataDirectory(join(directory, "data"), newStoreId());
      const stores = await openStores(join(directory, "data"));
      const world = new World({ store: stores.metadata, blobs: stores.blobs, limits: { inlineBytes: 64, ...LIMITS } });
      const program = randomProgram(seed, KINDS[seed % KINDS.length] ?? SMALL);
      assertLinear(await runProgram(program, worldTarget(world)), LIMITS, seed);
      await stores.close();
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
});

/** Programs of one server do not meet: each has buckets of its own. */
function withOwnBuckets(target: Target, seed: number): Target {
  const own = (name: unknown): string => `${String(name)}-${seed}`;
  return (action: Action) => {
    const { Bucket, CopySource, ...rest } = action.input;
    const source = CopySource === undefined ? {} : { CopySource: String(CopySource).replace(/^[^/]+/, own) };
    return target({ ...action, input: { Bucket: own(Bucket), ...source, ...rest } });
  };
}

test(`${HISTORIES} histories over HTTP, two workers`, async () => {
  const server = await startServer({ disk: true, flags: ["--workers", "2"] });
  try {
    const client = new WireClient({ endpoint: server.httpUrl, region: "us-east-1", credentials: ROOT });
    for (let seed = FIRST; seed < FIRST + HISTORIES; seed++) {
      const options = { ...(KINDS[seed % KINDS.length] ?? SMALL), sizes: [0, 5, 65_536, 65_537, 200_000] };
      const history = await runProgram(randomProgram(seed, options), withOwnBuckets(wireTarget(client), seed));
      const failed = history.filter(({ answer }) => answer === "unknown");
      assert.deepEqual(failed, [], tell(failed));
      assertLinear(history, { minPartBytes: 5 * 1024 * 1024 }, seed);
    }
    assert.equal(server.stderr(), "");
  } finally {
    await discard(server);
  }
});
