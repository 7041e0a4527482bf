/** One blob's way into a backup and out of it: who is at fault when it fails, and how long it may take. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { copyBlob } from "../../src/server/backup.js";
import { StoreError, type BlobStore } from "../../src/stores/contract.js";
import { memoryBlobStore } from "../../src/stores/memory-blobs.js";

const ID = "0123456789abcdef0123456789abcdef";
const PIECES = ["one", "two", "three"].map((text) => Buffer.from(text));

/** Gives its pieces, and then what `end` does. */
function source(end: () => void = () => {}): BlobStore {
  return Object.assign(memoryBlobStore(), {
    async *get() {
      yield* PIECES;
      end();
    },
  });
}

const failing = (message: string) => (): never => {
  throw new StoreError(message);
};

test("whoever copies is heard from at every piece: a large blob on a slow disk takes longer than a pin lasts", async () => {
  const target = memoryBlobStore();
  let heard = 0;
  const copied = await copyBlob(source(), target, ID, async () => void (heard += 1));
  assert.deepEqual(copied, { sizeBytes: 11, sha256: createHash("sha256").update("onetwothree").digest("hex") });
  assert.equal(heard, PIECES.length);
});

test("a blob that cannot be read is no blob, and leaves nothing; what the target or the pin says ends the copy", async () => {
  const target = memoryBlobStore();
  assert.equal(await copyBlob(source(failing("input/output error")), target, ID), undefined);
  assert.equal(await target.size(ID), undefined);
  await assert.rejects(copyBlob(source(), target, ID, async () => failing("run out")()), /run out/);
  const full = Object.assign(memoryBlobStore(), { put: async () => failing("no space")() });
  await assert.rejects(copyBlob(source(), full, ID), /no space/);
});
