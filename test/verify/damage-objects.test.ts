/**
 * Damage of objects and their versions, planted and named: which object and version, and what is wrong.
 * Source: docs/reference/verify.md.
 */
import assert from "node:assert/strict";
import {
  encryptionOf, flipAt, flipBase64, must, OBJECT, partBlob, rewriteHead, rewritePrints, testDamage, type Damage,
} from "./damage.js";
import { LARGE } from "./house.js";

const OBJECT_DAMAGE: readonly Damage[] = [
  {
    what: "a flipped bit of a blob's chunk",
    plant: async (house) => house.replaceBlob((await house.segmentOf("s3/large")).id, flipAt(70_000)),
    found: [{ fault: "body-does-not-open", subject: OBJECT("s3/large"), detail: /chunk 1/ }],
    full: true,
  },
  {
    what: "a flipped bit in the second layer",
    plant: async (house) => house.replaceBlob((await house.segmentOf("dsse/large")).id, flipAt(LARGE)),
    found: [{ fault: "body-does-not-open", subject: OBJECT("dsse/large") }],
    full: true,
  },
  {
    what: "a flipped bit of a blob's header, under a customer's key too",
    plant: async (house) => house.replaceBlob((await house.segmentOf("sse-c/large")).id, flipAt(3)),
    found: [{ fault: "body-header-wrong", subject: OBJECT("sse-c/large") }],
  },
  {
    what: "a truncated blob",
    plant: async (house) => house.replaceBlob((await house.segmentOf("kms/large")).id, (bytes) => bytes.subarray(0, -1)),
    found: [{ fault: "body-size-wrong", subject: OBJECT("kms/large"), detail: /bytes instead of/ }],
  },
  {
    what: "an extended blob",
    plant: async (house) => house.replaceBlob(
      (await house.segmentOf("s3/large")).id, (bytes) => Buffer.concat([bytes, bytes.subarray(0, 9)]),
    ),
    found: [{ fault: "body-size-wrong", subject: OBJECT("s3/large") }],
  },
  {
    what: "a blob that is gone",
    plant: async (house) => house.blobs.delete((await house.segmentOf("bucket-key/large")).id),
    found: [{ fault: "blob-missing", subject: OBJECT("bucket-key/large") }],
  },
  {
    what: "another's blob in its place",
    plant: async (house) => {
      const [a, b] = [await house.segmentOf("s3/large"), await house.segmentOf("kms/large")];
      const parts: Buffer[] = [];
      for await (const piece of house.blobs.get(b.id)) parts.push(Buffer.from(piece));
      await house.replaceBlob(a.id, () => Buffer.concat(parts));
    },
    found: [{ fault: "body-header-wrong", subject: OBJECT("s3/large") }],
  },
  {
    what: "a flipped bit of a body row",
    plant: async (house) => {
      const { incarnation } = await house.incarnation();
      await house.flipRow(house.room.tables.bodies.key(incarnation, (await house.segmentOf("dsse/small")).id));
    },
    found: [{ fault: "body-does-not-open", subject: OBJECT("dsse/small") }],
    full: true,
  },
  {
    what: "a body row that is gone",
    plant: async (house) => {
      const { incarnation } = await house.incarnation();
      await house.store.commit({ deletes: [house.room.tables.bodies.key(
        incarnation, (await house.segmentOf("sse-c/small")).id,
      )] });
    },
    found: [{ fault: "body-missing", subject: OBJECT("sse-c/small") }],
  },
  {
    what: "a damaged head row: named, and the body that nobody names now as well",
    plant: async (house) => house.flipRow((await house.head("s3/small")).key),
    found: [
      { fault: "row-damaged", subject: /^object [0-9a-f]{32} s3\/small$/ },
      { fault: "body-unowned", subject: /^body [0-9a-f]{32}$/ },
    ],
  },
  {
    what: "a head row that is gone",
    plant: async (house) => void (await house.store.commit({ deletes: [(await house.head("s3/large")).key] })),
    found: [
      { fault: "listing-row-wrong", subject: /^listing row [0-9a-f]{32} s3\/large$/, detail: /does not exist/, repairable: true },
      { fault: "ledger-row-unowned", subject: /^blob [0-9a-f]{32}$/ },
    ],
  },
  {
    what: "a size that is not the body's, with a good row MAC",
    plant: (house) => rewriteHead(
      house, "kms/small", (clear) => ({ ...clear, object: { ...must(clear.object), sizeBytes: 999 } }),
    ),
    found: [
      { fault: "listing-row-wrong", subject: OBJECT("kms/small"), repairable: true },
      { fault: "size-wrong", subject: OBJECT("kms/small") },
      { fault: "does-not-open", subject: OBJECT("kms/small"), detail: /manifest/ },
    ],
  },
  {
    what: "a wrapped data key that was changed",
    plant: (house) => rewriteHead(house, "kms/large", (clear) => encryptionOf(clear, flipBase64)),
    found: [{ fault: "does-not-open", subject: OBJECT("kms/large"), detail: /KMS ciphertext/ }],
  },
  {
    what: "a data key under a bucket key that was changed",
    plant: (house) => rewriteHead(house, "bucket-key/small", (clear) => encryptionOf(clear, flipBase64)),
    found: [{ fault: "does-not-open", subject: OBJECT("bucket-key/small"), detail: /wrapped key/ }],
  },
  {
    what: "an ETag that is not the bytes' MD5, and a checksum that is not theirs",
    plant: (house) => rewritePrints(house, "none/small", { etag: "0".repeat(32), checksum: "AAAAAAAAAAA=" }),
    found: [{ fault: "does-not-open", subject: OBJECT("none/small"), detail: /manifest/ }],
  },
  {
    what: "a part table page that is gone",
    plant: async (house) => {
      const body = (await house.head("s3/parts")).clear.object?.body;
      assert.ok(body?.kind === "parts");
      const { incarnation } = await house.incarnation();
      await house.store.commit({ deletes: [house.room.tables.partTables.key(incarnation, body.uploadId, 0)] });
    },
    found: [{ fault: "part-table-missing", subject: OBJECT("s3/parts") }],
  },
  {
    what: "a part's blob that is gone",
    plant: async (house) => house.blobs.delete(await partBlob(house, "dsse/parts", 1)),
    found: [{ fault: "blob-missing", subject: /^s3:\/\/bucket\/dsse\/parts version \S+ part 2$/ }],
  },
  {
    what: "a noncurrent version whose blob is cut",
    plant: async (house) => {
      const { incarnation } = await house.incarnation();
      const rows = await house.room.tables.versions.list({ prefix: [incarnation, "versions"], limit: 10 });
      const old = rows.map(
        ({ clear }) => clear.object?.body,
      ).find((body) => body?.kind === "segment" && body.segment.at === "blob");
      assert.ok(old?.kind === "segment");
      await house.replaceBlob(old.segment.id, (bytes) => bytes.subarray(1));
    },
    found: [{ fault: "body-size-wrong", subject: OBJECT("versions") }],
  },
  {
    what: "a head row that knows nothing of its older versions",
    plant: (house) => rewriteHead(house, "versions", ({ hasOlder: _hasOlder, ...clear }) => clear),
    found: [{ fault: "older-versions-unsaid", subject: OBJECT("versions"), repairable: true }],
  },
  {
    what: "a current version that is gone while older ones are there",
    plant: async (house) => void (await house.store.commit({ deletes: [(await house.head("versions")).key] })),
    found: [
      ...Array.from({ length: 3 }, () => ({ fault: "head-missing", subject: /^version [0-9a-f]{32} versions / })),
      { fault: "*", subject: /unowned/ },
    ],
  },
  {
    what: "a null version that the head names and nobody has",
    plant: async (house) => rewriteHead(house, "none/small", (clear) => ({ ...clear, nullSeq: 7 })),
    found: [{ fault: "null-version-missing", subject: OBJECT("none/small") }],
  },
];

testDamage(OBJECT_DAMAGE);
