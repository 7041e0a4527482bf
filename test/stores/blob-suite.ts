/** What every blob engine must do: one suite, run against each (contract.ts). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { newBlobId } from "../../src/stores/blob-id.js";
import { BlobMissing, StoreError, type BlobStore } from "../../src/stores/contract.js";

const MIB = 1024 * 1024;

/** Bytes that differ everywhere, so that a piece in the wrong place shows. */
export function pattern(sizeBytes: number): Buffer {
  const bytes = Buffer.allocUnsafe(sizeBytes);
  for (let i = 0; i < sizeBytes; i++) bytes[i] = (i * 31 + (i >>> 8) * 7 + (i >>> 16)) & 0xff;
  return bytes;
}

export async function* inPieces(bytes: Buffer, pieceBytes: number): AsyncGenerator<Buffer, void, void> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

export async function collect(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

type On = (body: (store: BlobStore) => Promise<void>) => Promise<void>;

export function blobSuite(engine: string, openEmpty: () => Promise<BlobStore>): void {
  const on: On = async (body) => {
    const store = await openEmpty();
    try {
      await body(store);
    } finally {
      await store.close();
    }
  };
  describe(`blob store: ${engine}`, () => {
    contents(on);
    failures(on);
    listing(on);
  });
}

function contents(on: On): void {
  it("gives back sizes around every edge, whatever the pieces they came in", () =>
    on(async (store) => {
      for (const size of [0, 1, 65_535, 65_536, MIB - 1, MIB, MIB + 1, 3 * MIB, 5 * MIB + 17]) {
        for (const pieceBytes of [65_552, 2 * MIB + 3]) {
          const id = newBlobId();
          const bytes = pattern(size);
          assert.equal(await store.put(id, inPieces(bytes, pieceBytes)), size);
          assert.equal(await store.size(id), size);
          assert.ok((await collect(store.get(id))).equals(bytes), `${size} in pieces of ${pieceBytes}`);
        }
      }
    }));

  it("a writer may reuse its buffer for the next piece", () =>
    on(async (store) => {
      const id = newBlobId();
      const bytes = pattern(3 * MIB);
      const shared = Buffer.alloc(100_000);
      await store.put(id, (async function* () {
        for (let at = 0; at < bytes.length; at += shared.length) yield shared.subarray(0, bytes.copy(shared, 0, at));
      })());
      assert.ok((await collect(store.get(id))).equals(bytes));
    }));

  it("reads ranges at their edges: first, last, across pieces, whole", () =>
    on(async (store) => {
      const id = newBlobId();
      const bytes = pattern(4 * MIB + 5);
      await store.put(id, inPieces(bytes, 300_000));
      const last = bytes.length - 1;
      const ranges = [[0, 0], [last, last], [0, last], [MIB - 1, MIB], [MIB, 2 * MIB - 1], [5, 3 * MIB + 7], [last - MIB, last]];
      for (const [start = 0, end = 0] of ranges) {
        const read = await collect(store.get(id, { start, end }));
        assert.ok(read.equals(bytes.subarray(start, end + 1)), `${start}-${end}`);
      }
    }));

  it("a range that leaves the blob is a StoreError on the first pull", () =>
    on(async (store) => {
      const id = newBlobId();
      const empty = newBlobId();
      await store.put(id, inPieces(pattern(10), 3));
      await store.put(empty, inPieces(pattern(0), 3));
      for (const range of [{ start: 0, end: 10 }, { start: 10, end: 10 }, { start: -1, end: 3 }, { start: 5, end: 4 }]) {
        await assert.rejects(collect(store.get(id, range)), StoreError);
      }
      await assert.rejects(collect(store.get(empty, { start: 0, end: 0 })), StoreError);
    }));

  it("many readers and writers at once get their own bytes", () =>
    on(async (store) => {
      await Promise.all(Array.from({ length: 8 }, async (_, i) => {
        const id = newBlobId();
        const bytes = pattern(2 * MIB + i * 1000).fill(i, 0, 500);
        await store.put(id, inPieces(bytes, 65_536));
        const reads = await Promise.all([collect(store.get(id)), collect(store.get(id, { start: 400, end: 2 * MIB - 1 }))]);
        assert.ok(reads[0]?.equals(bytes));
        assert.ok(reads[1]?.equals(bytes.subarray(400, 2 * MIB)));
      }));
    }));

  it("a reader may stop early, again and again", () =>
    on(async (store) => {
      const id = newBlobId();
      await store.put(id, inPieces(pattern(6 * MIB), MIB));
      for (let i = 0; i < 40; i++) {
        for await (const piece of store.get(id)) {
          assert.ok(piece.length > 0);
          break;
        }
      }
      assert.ok((await collect(store.get(id))).equals(pattern(6 * MIB)));
    }));
}

function failures(on: On): void {
  it("a source that throws leaves nothing, at the first piece or later, and its error is what the writer sees", () =>
    on(async (store) => {
      for (const good of [0, 1, 40]) {
        const id = newBlobId();
        const source = (async function* () {
          for (let i = 0; i < good; i++) yield pattern(100_000);
          throw new RangeError("source");
        })();
        await assert.rejects(store.put(id, source), RangeError);
        assert.equal(await store.size(id), undefined);
      }
      assert.deepEqual(await store.list(undefined, 10), []);
    }));

  it("an abort leaves nothing: before, during and at the end of the source; the source is closed", () =>
    on(async (store) => {
      for (const abortAt of [0, 1, 30, 40]) {
        const aborter = new AbortController();
        let closed = abortAt === 0;
        if (abortAt === 0) aborter.abort(new Error("gone"));
        const source = (async function* () {
          try {
            for (let i = 1; i <= 40; i++) {
              if (i === abortAt) aborter.abort(new Error("gone"));
              yield pattern(100_000);
            }
          } finally {
            closed = true;
          }
        })();
        await assert.rejects(store.put(newBlobId(), source, aborter.signal), /gone/);
        assert.equal(closed, true);
      }
      assert.deepEqual(await store.list(undefined, 10), []);
    }));

  it("an id is written once: a second put fails and leaves the first alone", () =>
    on(async (store) => {
      const id = newBlobId();
      await store.put(id, inPieces(pattern(1000), 100));
      await assert.rejects(store.put(id, inPieces(pattern(5), 5)), StoreError);
      assert.ok((await collect(store.get(id))).equals(pattern(1000)));
    }));

  it("a missing blob: BlobMissing on the first pull, no size, delete is nothing", () =>
    on(async (store) => {
      const id = newBlobId();
      const reader = store.get(id)[Symbol.asyncIterator]();
      await assert.rejects(reader.next(), BlobMissing);
      assert.equal(await store.size(id), undefined);
      await store.delete(id);
      await store.put(id, inPieces(pattern(3), 3));
      await store.delete(id);
      await store.delete(id);
      await assert.rejects(collect(store.get(id)), BlobMissing);
    }));

  it("ids that are not of the form newBlobId makes are refused, paths above all", () =>
    on(async (store) => {
      for (const id of ["", "..", "../../../etc/passwd", "a".repeat(31), "A".repeat(32), `${"a".repeat(31)}/`, "a".repeat(33)]) {
        await assert.rejects(store.put(id, inPieces(pattern(1), 1)), StoreError);
        await assert.rejects(collect(store.get(id)), StoreError);
        await assert.rejects(store.delete(id), StoreError);
        await assert.rejects(store.size(id), StoreError);
      }
    }));
}

function listing(on: On): void {
  it("lists ids in order, behind a given one, page by page", () =>
    on(async (store) => {
      const ids = Array.from({ length: 60 }, newBlobId);
      for (const id of ids) await store.put(id, inPieces(pattern(1), 1));
      ids.sort();
      assert.deepEqual(await store.list(undefined, 100), ids);
      assert.deepEqual(await store.list(undefined, 7), ids.slice(0, 7));
      assert.deepEqual(await store.list(ids[6], 7), ids.slice(7, 14));
      assert.deepEqual(await store.list(ids[59], 7), []);
      assert.deepEqual(await store.list("0".repeat(32), 60), ids);
    }));
}
