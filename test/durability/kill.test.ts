/**
 * kill -9 at random moments: what was acknowledged is there, byte for byte; what was not is there whole or not at all; and
 * nothing else, not even space. Hundreds of kills: `npm run soak`. Source: docs/reliability.md.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { campaign } from "./campaign.js";
import { freePort } from "./killable.js";

const SEED = Number(process.env["COFFER_TEST_SEED"] ?? Date.now() % 1_000_000);

for (const [workers, kills] of [[1, 8], [2, 7], [4, 5]] as const) {
  test(`${kills} kills of a server with ${workers} worker${workers === 1 ? "" : "s"} (seed ${SEED})`, async (context) => {
    const directory = mkdtempSync(join(tmpdir(), "coffer-kill-"));
    try {
      const place = { directory, workers, port: await freePort() };
      const figures = await campaign({ seed: SEED, kills, callsAKill: 25, place });
      context.diagnostic(JSON.stringify(figures));
      assert.ok(figures.kills >= kills && figures.acknowledged > 0);
      // A blob is announced before it is written, so the ledger names whatever a kill leaves.
      assert.equal(figures.orphans, 0);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
}
