/**
 * Commits that fail, before or after they took place, and calls that run into each other: what is listed reads, and nothing
 * else stays.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY_MS } from "../../src/lib/clock.js";
import { ServiceError } from "../../src/lib/errors.js";
import { newOrphanSearch, orphanStep, sweepStep } from "../../src/objects/sweep.js";
import { StoreError, type BlobStore, type MetadataStore } from "../../src/stores/contract.js";
import { memoryBlobStore } from "../../src/stores/memory-blobs.js";
import { memoryMetadataStore } from "../../src/stores/memory-metadata.js";
import { Space } from "../../src/stores/spaces.js";
import { changedStore } from "../stores/changed-store.js";
import { collect, pattern, TestBody, World, type Out } from "./world.js";

const BIG = 100_001;
const B = { Bucket: "bucket" };

interface Listed {
  readonly Key: string;
  readonly VersionId: string;
  readonly IsLatest: boolean;
  readonly Size: number;
}

async function sweepAll(world: World): Promise<void> {
  world.clock.advance(2 * DAY_MS);
  for (let steps = 0; steps < 500; steps++) if ((await sweepStep(world.room)) === "done") return;
}

/** A blob that was written although the engine said otherwise has a row all the same. */
async function assertNoOrphans(world: World): Promise<void> {
  const search = newOrphanSearch(() => assert.fail("a blob without a ledger row"));
  for (let round = 0; round < 2; round++) {
    while ((await orphanStep(world.room, search)) === "more");
    world.clock.advance(DAY_MS);
  }
}

/** Every version reads whole, before and after a sweep; once all is deleted and swept, no row and no blob is left. */
async function assertSound(world: World): Promise<void> {
  const out = await world.s3("ListObjectVersions", B);
  const versions = out["Versions"] as Listed[];
  const current = (await world.s3("ListObjectsV2", B))["Contents"] as Listed[];
  assert.deepEqual(current.map(({ Key }) => Key), versions.filter(({ IsLatest }) => IsLatest).map(({ Key }) => Key));
  for (const swept of [false, true]) {
    if (swept) await sweepAll(world);
    for (const { Key, VersionId, Size } of versions) assert.equal((await world.get(Key, { VersionId })).bytes.length, Size);
  }
  for (const { Key, UploadId } of (await world.s3("ListMultipartUploads", B))["Uploads"] as { Key: string; UploadId: string }[]) {
    await world.s3("AbortMultipartUpload", { ...B, Key, UploadId });
  }
  for (const { Key, VersionId } of [...versions, ...(out["DeleteMarkers"] as Listed[])]) {
    await world.s3("DeleteObject", { ...B, Key, VersionId });
  }
  await sweepAll(world);
  await sweepAll(world);
  const { heads, versions: older, listable, bodies, partTables, uploads, uploadsByKey, uploadParts, ledger } = Space;
  for (const space of [heads, older, listable, bodies, partTables, uploads, uploadsByKey, uploadParts, ledger]) {
    const rows = await world.store.range({ from: Buffer.from([space]), to: Buffer.from([space + 1]), limit: 9 });
    assert.equal(rows.length, 0, `rows of space ${space}`);
  }
  assert.deepEqual(await world.blobs.list(undefined, 1), []);
}

/** A store whose n-th commit from now on fails, `before` it takes place or `after`. */
function failing(): { store: MetadataStore; arm: (n: number, when: "before" | "after") => void; disarm: () => boolean } {
  const inner = memoryMetadataStore();
  let left = 0;
  let when: "before" | "after" = "before";
  const store = changedStore(inner, {
    async commit(batch) {
      if (left === 0 || --left > 0) return inner.commit(batch);
      if (when === "after") await inner.commit(batch);
      throw new Error("the disk is on fire");
    },
  });
  const arm = (n: number, moment: "before" | "after"): void => {
    left = n;
    when = moment;
  };
  return { store, arm, disarm: () => left > 0 && ((left = 0), true) };
}

const begin = async (world: World, sizes: readonly number[]): Promise<{ Key: string; UploadId: unknown; Parts: object[] }> => {
  const { UploadId } = await world.s3("CreateMultipartUpload", { ...B, Key: "big" });
  const Parts: object[] = [];
  for (const [at, size] of sizes.entries()) {
    const part = { ...B, Key: "big", UploadId, PartNumber: at + 1 };
    Parts.push({ PartNumber: at + 1, ETag: (await world.s3("UploadPart", part, { body: pattern(size, at) }))["ETag"] });
  }
  return { Key: "big", UploadId, Parts };
};
const complete = (world: World, { Key, UploadId, Parts }: { Key: string; UploadId: unknown; Parts: object[] }): Promise<Out> =>
  world.s3("CompleteMultipartUpload", { ...B, Key, UploadId, MultipartUpload: { Parts } });

/** Blobs of which the n-th put, get or delete from now on fails, before it takes place or after. */
function failingBlobs(): { blobs: BlobStore; arm: (n: number, when: "before" | "after") => void; disarm: () => boolean } {
  const inner = memoryBlobStore();
  let left = 0;
  let when: "before" | "after" = "before";
  const fails = async <T>(work: () => Promise<T>): Promise<T> => {
    if (left === 0 || --left > 0) return work();
    if (when === "after") await work();
    throw new StoreError("the disk is on fire");
  };
  const blobs: BlobStore = {
    put: (id, bytes, signal) => fails(() => inner.put(id, bytes, signal)),
    delete: (id) => fails(() => inner.delete(id)),
    size: (id) => inner.size(id),
    list: (after, limit) => inner.list(after, limit),
    close: () => inner.close(),
    async *get(id, range) {
      yield await fails(() => collect(inner.get(id, range)));
    },
  };
  const arm = (n: number, moment: "before" | "after"): void => {
    left = n;
    when = moment;
  };
  return { blobs, arm, disarm: () => left > 0 && ((left = 0), true) };
}

type Act = () => Promise<unknown>;
/** What is there before, and what is tried. */
const SCENES: Readonly<Record<string, (world: World) => Promise<Act>>> = {
  "PutObject, inline": async (world) => () => world.put("k", "x"),
  "PutObject, a blob over a blob": async (world) => {
    await world.put("k", pattern(BIG, 1));
    return () => world.put("k", pattern(BIG, 2));
  },
  "PutObject, a new version": async (world) => {
    await world.put("k", pattern(BIG, 1));
    await world.configure("bucket", { versioning: "Enabled" });
    return () => world.put("k", pattern(BIG, 2));
  },
  DeleteObject: async (world) => {
    await world.put("k", pattern(BIG));
    return () => world.s3("DeleteObject", { ...B, Key: "k" });
  },
  CopyObject: async (world) => {
    await world.put("k", pattern(BIG));
    return () => world.s3("CopyObject", { ...B, Key: "copy", CopySource: "bucket/k" });
  },
  CreateMultipartUpload: async (world) => () => world.s3("CreateMultipartUpload", { ...B, Key: "big" }),
  "UploadPart, again": async (world) => {
    const { Key, UploadId } = await begin(world, [BIG]);
    return () => world.s3("UploadPart", { ...B, Key, UploadId, PartNumber: 1 }, { body: pattern(BIG, 7) });
  },
  "CompleteMultipartUpload of some parts, over another object": async (world) => {
    await complete(world, await begin(world, [BIG, 5]));
    const upload = await begin(world, [BIG, BIG + 1, 5]);
    return () => complete(world, { ...upload, Parts: upload.Parts.slice(1) });
  },
  AbortMultipartUpload: async (world) => {
    const { Key, UploadId } = await begin(world, [BIG, 5]);
    return () => world.s3("AbortMultipartUpload", { ...B, Key, UploadId });
  },
  "the sweep": async (world) => {
    await complete(world, await begin(world, [BIG, BIG, 5]));
    await world.s3("DeleteObject", { ...B, Key: "big" });
    const { Key, UploadId } = await begin(world, [BIG, 5]);
    await world.s3("AbortMultipartUpload", { ...B, Key, UploadId });
    return () => sweepAll(world);
  },
};

for (const [name, scene] of Object.entries(SCENES)) {
  test(`${name}: whichever commit fails, before or after it took place, what is listed reads, no more stays`, async () => {
    for (const when of ["before", "after"] as const) {
      for (let n = 1, reached = true; reached; n++) {
        const { store, arm, disarm } = failing();
        const world = new World({ store });
        await world.bucket();
        const act = await scene(world);
        arm(n, when);
        await act().catch((error: unknown) => assert.equal((error as Error).message, "the disk is on fire"));
        reached = !disarm();
        await assertSound(world);
      }
    }
  });
}

for (const [name, scene] of Object.entries(SCENES)) {
  test(`${name}: whichever call on a blob fails, before or after it was done, what is listed reads, no more stays`, async () => {
    for (const when of ["before", "after"] as const) {
      for (let n = 1, reached = true; reached; n++) {
        const { blobs, arm, disarm } = failingBlobs();
        const world = new World({ blobs });
        await world.bucket();
        const act = await scene(world);
        arm(n, when);
        await act().catch((error: unknown) => assert.equal((error as Error).message, "the disk is on fire"));
        reached = !disarm();
        await assertNoOrphans(world);
        await assertSound(world);
      }
    }
  });
}

/** What clients may be told when others are faster. */
const EXPECTED = new Set([
  "NoSuchKey", "NoSuchUpload", "InvalidPart", "OperationAborted", "PreconditionFailed", "ConditionalRequestConflict", "SlowDown",
]);

test("calls of every kind that run into each other on two keys leave objects that read, and nothing else", async () => {
  let seed = 77;
  const below = (n: number): number => Math.floor(((seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32) * n);
  const turns = async (): Promise<void> => {
    for (let left = below(4); left > 0; left--) await new Promise(setImmediate);
  };
  const inner = memoryMetadataStore();
  const late = async <T>(work: () => Promise<T>): Promise<T> => {
    await turns();
    const result = await work();
    await turns();
    return result;
  };
  const store = changedStore(inner, {
    get: (keys) => late(() => inner.get(keys)),
    range: (query) => late(() => inner.range(query)),
    groups: (query) => late(() => inner.groups(query)),
    commit: (batch) => late(() => inner.commit(batch)),
  });
  const world = new World({ store });
  await world.bucket();
  const key = (): string => (below(2) === 0 ? "a" : "b");
  const made: { Key: string; VersionId: unknown }[] = [];
  const calls: (() => Promise<unknown>)[] = [
    async () => {
      const Key = key();
      const { VersionId = "null" } = await world.put(Key, pattern(below(2) === 0 ? 10 : 70_000, below(99)));
      made.push({ Key, VersionId });
    },
    () => world.put(key(), "only if absent", { IfNoneMatch: "*" }),
    () => world.s3("DeleteObject", { ...B, Key: key() }),
    () => world.s3("DeleteObject", { ...B, ...(made[below(made.length || 1)] ?? { Key: "a" }) }),
    () => world.configure("bucket", { versioning: below(3) === 0 ? "Suspended" : "Enabled" }),
    () => world.get(key()),
    () => world.s3("CopyObject", { ...B, Key: key(), CopySource: `bucket/${key()}`, MetadataDirective: "REPLACE" }),
    () => world.s3("PutObjectTagging", { ...B, Key: key(), Tagging: { TagSet: [{ Key: "a", Value: "b" }] } }),
    () => world.s3("ListObjectVersions", B),
    async () => {
      const upload = await begin(world, [BIG, 5]);
      const part = { ...B, Key: "big", UploadId: upload.UploadId, PartNumber: 1 };
      const others = [
        () => complete(world, upload),
        () => world.s3("UploadPart", part, { body: pattern(BIG, 3) }),
        () => world.s3("AbortMultipartUpload", { ...B, Key: "big", UploadId: upload.UploadId }),
      ];
      const ended = await Promise.allSettled([complete(world, upload), (others[below(3)] ?? complete)(world, upload)]);
      for (const end of ended) if (end.status === "rejected") throw end.reason;
    },
  ];
  const client = async (): Promise<void> => {
    for (let n = 0; n < 25; n++) {
      await calls[below(calls.length)]?.().catch((error: unknown) => {
        if (!(error instanceof ServiceError) || !EXPECTED.has(error.code)) throw error;
      });
    }
  };
  await Promise.all(Array.from({ length: 6 }, client));
  await assertSound(world);
});

test("a read that cannot be recorded holds neither its blob nor its keys", async () => {
  const inner = memoryBlobStore();
  let open = 0;
  const blobs: BlobStore = {
    put: (id, bytes, signal) => inner.put(id, bytes, signal),
    async *get(id, range) {
      open += 1;
      try {
        yield* inner.get(id, range);
      } finally {
        open -= 1;
      }
    },
    size: (id) => inner.size(id),
    delete: (id) => inner.delete(id),
    list: (after, limit) => inner.list(after, limit),
    close: () => inner.close(),
  };
  const world = new World({ blobs });
  await world.bucket();
  await world.put("k", pattern(BIG));
  const full = new Error("no space left for the audit file");
  world.audit.push = (record) => {
    if (record["eventName"] === "GetObject") throw full;
    return 0;
  };
  await assert.rejects(world.s3("GetObject", { ...B, Key: "k" }), full);
  assert.equal(open, 0);
});

test("a blob that is refused before a byte is read leaves no source open: neither the request's body nor a copied blob", async () => {
  const inner = memoryBlobStore();
  let open = 0;
  let refuses = false;
  const blobs: BlobStore = {
    put: async (...given) => (refuses ? Promise.reject(new StoreError("no more files")) : inner.put(...given)),
    async *get(...given) {
      open += 1;
      try {
        yield* inner.get(...given);
      } finally {
        open -= 1;
      }
    },
    size: (id) => inner.size(id),
    delete: (id) => inner.delete(id),
    list: (after, limit) => inner.list(after, limit),
    close: () => inner.close(),
  };
  const world = new World({ blobs });
  await world.bucket();
  await world.put("big", pattern(3 * BIG));
  refuses = true;
  await assert.rejects(world.s3("CopyObject", { ...B, Key: "copy", CopySource: "bucket/big" }), StoreError);
  assert.equal(open, 0);
  class Watched extends TestBody {
    override async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
      open += 1;
      try {
        yield* super[Symbol.asyncIterator]();
      } finally {
        open -= 1;
      }
    }
  }
  await assert.rejects(world.put("other", new Watched(pattern(3 * BIG))), StoreError);
  assert.equal(open, 0);
  refuses = false;
  await assertSound(world);
});
