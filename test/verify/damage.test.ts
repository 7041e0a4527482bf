/**
 * Every kind of damage, planted and named: which object and version, and what is wrong. What is safe to repair is repaired,
 * and the store is clean afterwards; the rest is left as it is. Source: docs/reference/verify.md.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { orphanStep, newOrphanSearch, sweepStep } from "../../src/objects/sweep.js";
import { packJson, type HeadRecord } from "../../src/objects/records.js";
import { rowOf } from "../../src/objects/versions.js";
import { iamTables } from "../../src/iam/records.js";
import { DAY_MS, HOUR_MS } from "../../src/lib/clock.js";
import { newBlobId } from "../../src/stores/blob-id.js";
import type { Finding } from "../../src/wire/tables/coffer-types.js";
import { pattern } from "../objects/world.js";
import { House, LARGE, Space } from "./house.js";

interface Wanted {
  readonly fault: string;
  readonly subject: RegExp;
  readonly detail?: RegExp;
  readonly repairable?: true;
}

interface Damage {
  readonly what: string;
  plant(house: House, key: string): Promise<void>;
  /** Each must be there; nothing else may be. */
  readonly found: readonly Wanted[];
  /** Only reading bodies shows it. */
  readonly full?: true;
}

const OBJECT = (key: string): RegExp => new RegExp(`^s3://bucket/${key} version `);
const flipAt = (at: number) => (bytes: Buffer): Buffer => {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
  return changed;
};

/** The head row written anew by a bug or a thief of the metadata key: its MAC holds, its content does not. */
async function rewriteHead(house: House, key: string, change: (clear: HeadRecord) => HeadRecord): Promise<void> {
  const head = await house.head(key);
  const put = house.room.tables.heads.put(head.key, { ...rowOf(head), clear: change(head.clear) });
  await house.store.commit({ puts: [put] });
}

/** Puts fingerprints in place of those that were made. */
async function rewritePrints(house: House, key: string, prints: object): Promise<void> {
  const head = await house.head(key);
  const { incarnation } = await house.incarnation();
  const { heads, listable } = house.room.tables;
  const listed = await listable.get(incarnation, key);
  assert.ok(listed !== undefined);
  const fingerprints = packJson(prints);
  await house.store.commit({
    puts: [
      heads.put(head.key, { ...rowOf(head), fingerprints }), listable.put(listed.key, { clear: listed.clear, fingerprints }),
    ],
  });
}

const encryptionOf = (clear: HeadRecord, change: (blob: string) => string): HeadRecord => {
  const { object } = clear;
  assert.ok(object !== undefined);
  const keys = object.encryption.keys.map((key) => ({ ...key, blob: change(key.blob) }));
  return { ...clear, object: { ...object, encryption: { ...object.encryption, keys } } };
};
const flipBase64 = (text: string): string => flipAt(60)(Buffer.from(text, "base64")).toString("base64");

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

const must = <T>(value: T | undefined): T => {
  assert.ok(value !== undefined);
  return value;
};

async function partBlob(house: House, key: string, index: number): Promise<string> {
  const body = (await house.head(key)).clear.object?.body;
  assert.ok(body?.kind === "parts");
  const { incarnation } = await house.incarnation();
  const parts = await house.room.tables.uploadParts.list({ prefix: [incarnation, body.uploadId], limit: 10 });
  return must(parts[index]).clear.segment.id;
}

async function firstRow(house: House, space: (typeof Space)[keyof typeof Space]): Promise<Buffer> {
  return must((await house.rows(space))[0]).key;
}

const ROW_DAMAGE: readonly Damage[] = [
  {
    what: "a listing row that is gone, and one of a deleted key",
    plant: async (house) => {
      const { incarnation } = await house.incarnation();
      const { listable } = house.room.tables;
      const row = must(await listable.get(incarnation, "copy"));
      const marker = listable.put(listable.key(incarnation, "versions"), { clear: row.clear, fingerprints: row.fingerprints });
      await house.store.commit({ puts: [marker], deletes: [row.key] });
    },
    found: [
      { fault: "listing-row-wrong", subject: OBJECT("copy"), detail: /not listed/, repairable: true },
      { fault: "listing-row-wrong", subject: OBJECT("versions"), detail: /still listed/, repairable: true },
    ],
  },
  {
    what: "a ledger row that is gone: rebuilt, before the sweep takes the blob for an orphan",
    plant: async (house) => void (await house.store.commit({ deletes: [house.room.tables.ledger.key(
      "l", (await house.segmentOf("kms/large")).id,
    )] })),
    found: [{ fault: "ledger-row-missing", subject: OBJECT("kms/large"), repairable: true }],
  },
  {
    what: "a ledger row that names another upload",
    plant: async (house) => {
      const { ledger } = house.room.tables;
      const key = ledger.key("l", (await house.segmentOf("kms/large")).id);
      await house.store.commit({ puts: [ledger.put(
        key, { clear: { inc: (await house.incarnation()).incarnation, upload: "x" } },
      )] });
    },
    found: [{ fault: "ledger-row-wrong", subject: OBJECT("kms/large") }],
  },
  {
    what: "a ledger row without blob and without owner",
    plant: async (house) => {
      const { ledger } = house.room.tables;
      await house.store.commit({ puts: [ledger.put(
        ledger.key("l", "0".repeat(32)), { clear: { inc: (await house.incarnation()).incarnation } },
      )] });
    },
    found: [{ fault: "ledger-row-unowned", subject: /^blob 0{32}$/ }],
  },
  {
    what: "a living object's body that waits for the sweep",
    plant: async (house) => {
      const { ledger } = house.room.tables;
      const { id } = await house.segmentOf("kms/large");
      const { incarnation: inc } = await house.incarnation();
      const key = ledger.key("g", "000001767225600000".slice(-15), id);
      await house.store.commit({ puts: [ledger.put(key, { clear: { kind: "segment", inc, segment: id, at: "blob" } })] });
    },
    found: [
      {
        fault: "owner-not-one",
        subject: /^piece [0-9a-f]{32}$/,
        detail: /waits for the sweep, but belongs to s3:\/\/bucket\/kms\/large/,
      },
    ],
  },
  {
    what: "two objects with one body",
    plant: async (house) => {
      const { body } = must((await house.head("kms/large")).clear.object);
      await rewriteHead(house, "kms/small", (clear) => ({ ...clear, object: { ...must(clear.object), body } }));
    },
    found: [
      { fault: "size-wrong", subject: OBJECT("kms/small") },
      { fault: "does-not-open", subject: OBJECT("kms/small") },
      {
        fault: "owner-not-one",
        subject: /^piece/,
        detail: /kms\/large version null and to s3:\/\/bucket\/kms\/small version null/,
      },
      { fault: "body-unowned", subject: /^body/ },
    ],
  },
  {
    what: "a ledger row of a kind that nobody knows, and a row of a space that nobody knows",
    plant: async (house) => {
      const { ledger } = house.room.tables;
      const put = ledger.put(ledger.key("x", "y"), { clear: { inc: "" } });
      await house.store.commit({ puts: [
        put, { key: Buffer.from([0x99, 1]), bytes: Buffer.from("?") }, { key: Buffer.from([0x01]), bytes: Buffer.from("?") },
      ] });
    },
    found: [
      { fault: "ledger-row-unknown", subject: /^ledger row x y$/ },
      { fault: "row-unknown", subject: /^row 01$/ },
      { fault: "row-unknown", subject: /^row 9901$/ },
    ],
  },
  {
    what: "rows of a bucket that is not there",
    plant: async (house) => {
      const { heads } = house.room.tables;
      const head = await house.head("copy");
      const key = heads.key("0".repeat(32), "copy");
      await house.store.commit({ puts: [heads.put(key, rowOf(head))] });
    },
    found: [{ fault: "bucket-missing", subject: /^object of bucket 0{32}$/ }],
  },
  {
    what: "a bucket row that is gone",
    plant: async (house) => void (await house.store.commit({ deletes: [house.room.tables.buckets.key("bucket")] })),
    found: [
      { fault: "bucket-missing", subject: /^bucket of owner \d{12} bucket$/, repairable: true },
      ...["object", "version", "listing row"].map((kind) => ({
        fault: "bucket-missing", subject: new RegExp(`^${kind} of bucket [0-9a-f]{32}$`),
      })),
      { fault: "*", subject: /unowned/ },
    ],
  },
  {
    what: "a bucket that its owner's list lacks",
    plant: async (house) => void (await house.store.commit({ deletes: [await firstRow(house, Space.bucketsByOwner)] })),
    found: [{ fault: "index-row-missing", subject: /^bucket bucket$/, repairable: true }],
  },
  {
    what: "an open upload that its key's list lacks",
    plant: async (house) => void (await house.store.commit({ deletes: [await firstRow(house, Space.uploadsByKey)] })),
    found: [{ fault: "index-row-missing", subject: /^upload [0-9a-f]{64} of s3:\/\/bucket\/open$/, repairable: true }],
  },
  {
    what: "a part of an open upload that was changed",
    plant: async (house) => {
      const { incarnation } = await house.incarnation();
      const listed = must((await house.rows(Space.uploadsByKey))[0]);
      const [row] = house.room.tables.uploadsByKey.decodePage([listed]);
      const part = must(await house.room.tables.uploadParts.get(incarnation, must(row).clear.uploadId, 1));
      await house.flipRow(house.room.tables.bodies.key(incarnation, part.clear.segment.id));
    },
    found: [{ fault: "body-does-not-open", subject: /^upload [0-9a-f]{64} of s3:\/\/bucket\/open part 1$/ }],
    full: true,
  },
  {
    what: "an upload row that is gone: its parts belong to nobody",
    plant: async (house) => {
      const [listed] = house.room.tables.uploadsByKey.decodePage([must((await house.rows(Space.uploadsByKey))[0])]);
      const { incarnation } = await house.incarnation();
      await house.store.commit({ deletes: [house.room.tables.uploads.key(incarnation, must(listed).clear.uploadId)] });
    },
    found: [
      { fault: "upload-missing", subject: /^listed upload / , repairable: true },
      { fault: "upload-missing", subject: /^parts of upload / },
      { fault: "body-unowned", subject: /^body/ },
    ],
  },
];

const KEY_DAMAGE: readonly Damage[] = [
  {
    what: "key material that is gone: the key, and the objects under it",
    plant: async (house, arn) => {
      const keyId = must(arn.split("/")[1]);
      const rows = await house.keys.tables.materials.list({ prefix: ["us-east-1", keyId], limit: 10 });
      await house.store.commit({ deletes: rows.map(({ key }) => key) });
    },
    found: [
      { fault: "key-material-missing", subject: /^KMS key us-east-1 /, detail: /current material/ },
      { fault: "key-material-missing", subject: /^KMS key us-east-1 /, detail: /2 materials/ },
      { fault: "*", subject: /does-not-open/ },
    ],
  },
  {
    what: "wrapped material that was changed",
    plant: async (house, arn) => {
      const { tables } = house.keys;
      const keyId = must(arn.split("/")[1]);
      const rows = await tables.materials.list({ prefix: ["us-east-1", keyId], limit: 10 });
      const old = must(rows.find(({ clear }) => clear.sequence === 0));
      await house.store.commit({ puts: [tables.materials.put(
        old.key, { clear: { ...old.clear, wrapped: flipBase64(old.clear.wrapped) } },
      )] });
    },
    found: [{ fault: "material-does-not-open", subject: /^KMS key material us-east-1 / }],
  },
  {
    what: "an alias that is gone, and one that leads nowhere",
    plant: async (house) => {
      const { aliases } = house.keys.tables;
      const row = must((await aliases.list({ limit: 1 }))[0]);
      const key = aliases.key("111122223333", "us-east-1", "alias/other");
      await house.store.commit({
        deletes: [row.key], puts: [aliases.put(key, { clear: { ...row.clear, name: "alias/other", keyId: "none" } })],
      });
    },
    found: [
      { fault: "alias-missing", subject: /^KMS key us-east-1 /, detail: /alias\/letters/ },
      { fault: "alias-dangling", subject: /^KMS alias 111122223333 us-east-1 alias\/other$/ },
    ],
  },
  {
    what: "a grant that is gone: what leads to it, and the key's count",
    plant: async (house) => void (await house.store.commit({ deletes: [await firstRow(house, Space.kmsGrants)] })),
    found: [
      { fault: "grant-count-wrong", subject: /^KMS key us-east-1 / },
      { fault: "grant-missing", subject: /^KMS grant by grantee / },
      { fault: "grant-missing", subject: /^KMS grant by name / },
    ],
  },
  {
    what: "the row that decisions read a grant by",
    plant: async (house) => void (await house.store.commit({ deletes: [await firstRow(house, Space.kmsGrantees)] })),
    found: [{ fault: "index-row-missing", subject: /^KMS grant us-east-1 /, repairable: true }],
  },
  {
    what: "a key that its account's list lacks",
    plant: async (house, arn) => {
      const { byAccount } = house.keys.tables;
      await house.store.commit({ deletes: [byAccount.key("111122223333", "us-east-1", must(arn.split("/")[1]))] });
    },
    found: [{ fault: "index-row-missing", subject: /^KMS key us-east-1 /, repairable: true }],
  },
  {
    what: "identities that do not agree",
    plant: async (house) => {
      const tables = iamTables(house.room.records);
      const clear = { accountId: "111122223333", name: "Ada", path: "/", id: "AIDAADA", createdMs: 1, attached: [
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
      ], groups: ["AGPANONE"], accessKeys: ["AKIANONE"] };
      const user = tables.user.put(tables.user.key("111122223333", "ada"), { clear });
      const stray = tables.accessKeys.put(tables.accessKeys.key("AKIASTRAY"), {
        clear: {
          accessKeyId: "AKIASTRAY", accountId: "111122223333", status: "Active", createdMs: 1,
        }, sealed: Buffer.from("secret"),
      });
      const id = tables.uniqueIds.put(
        tables.uniqueIds.key("AROANONE"), { clear: { kind: "role", accountId: "111122223333", name: "none" } },
      );
      await house.store.commit({ puts: [user, stray, id] });
    },
    found: [
      { fault: "index-row-missing", subject: /^user 111122223333 ada$/, detail: /unique id/, repairable: true },
      { fault: "access-key-missing", subject: /^user 111122223333 ada$/, detail: /AKIANONE/ },
      { fault: "policy-missing", subject: /^user 111122223333 ada$/, detail: /ReadOnlyAccess/ },
      { fault: "index-row-missing", subject: /^user 111122223333 ada$/, detail: /group AGPANONE/ },
      { fault: "owner-missing", subject: /^access key AKIASTRAY$/ },
      { fault: "entity-missing", subject: /^unique id AROANONE$/ },
    ],
  },
  {
    what: "a row under another's key",
    plant: async (house) => {
      const tables = iamTables(house.room.records);
      const row = must((await tables.accounts.list({ limit: 1 }))[0]);
      await house.store.commit({ puts: [tables.accounts.put(tables.accounts.key("999999999999"), { clear: row.clear })] });
    },
    found: [{ fault: "row-misplaced", subject: /^account 999999999999$/ }],
  },
];

/** `*`: any number of findings whose fault matches. */
function compare(findings: readonly Finding[], { found }: Damage): void {
  const rest = [...findings];
  const lines = findings.map((finding) => JSON.stringify(finding)).join("\n");
  for (const { fault, subject, detail, repairable } of found.filter((wanted) => wanted.fault !== "*")) {
    const at = rest.findIndex(
      (finding) => finding.Fault === fault && subject.test(finding.Subject) && (detail?.test(finding.Detail) ?? true),
    );
    assert.ok(at >= 0, `${fault} ${String(subject)} is not among:\n${lines}`);
    assert.equal(rest[at]?.State === "REPAIRABLE", repairable === true, `${fault}: ${rest[at]?.State ?? "FOUND"}`);
    rest.splice(at, 1);
  }
  const any = found.filter(({ fault }) => fault === "*");
  assert.deepEqual(rest.filter(({ Fault }) => !any.some(({ subject }) => subject.test(Fault))), []);
}

for (const damage of [...OBJECT_DAMAGE, ...ROW_DAMAGE, ...KEY_DAMAGE]) {
  test(`names ${damage.what}`, async () => {
    const house = new House();
    const key = await house.fill();
    await damage.plant(house, key);
    compare((await house.verify({ quick: damage.full !== true })).findings, damage);
    if (damage.full === true) assert.deepEqual((await house.verify({ quick: true })).findings, []);
    const repaired = (await house.verify({ repair: true })).findings.filter(({ State }) => State === "REPAIRED").length;
    assert.equal(repaired, damage.found.filter(({ repairable }) => repairable === true).length);
    if (damage.found.every(({ repairable }) => repairable === true)) assert.deepEqual((await house.verify()).findings, []);
  });
}

test("every row of every table that is flipped is named", async () => {
  const house = new House();
  await house.fill();
  for (const space of Object.values(Space)) {
    if (space === Space.bodies) continue;
    const [row] = await house.rows(space);
    if (row === undefined) continue;
    const { bytes } = must((await house.store.get([row.key]))[0]);
    await house.flipRow(row.key);
    const { findings } = await house.verify({ quick: true });
    assert.ok(
      findings.some(({ Fault, Detail }) => Fault === "row-damaged" && Detail.includes(row.key.toString("hex"))), `space ${space}`,
    );
    await house.store.commit({ puts: [{ key: row.key, bytes }] });
  }
  assert.deepEqual((await house.verify({ quick: true })).findings, []);
});

test("a blob that no row knows is a leftover: repaired by giving it to the sweep, which waits for the longest read", async () => {
  const house = new House();
  await house.fill();
  const id = newBlobId();
  await house.blobs.put(id, (async function* () {
    yield pattern(100);
  })());
  const found = await house.verify();
  assert.deepEqual(found.findings, [
    {
      Severity: "LEFTOVER",
      Fault: "blob-orphan",
      Subject: `blob ${id}`,
      Detail: "no ledger row and no owner, 100 bytes",
      State: "REPAIRABLE",
    },
  ]);
  assert.equal((await house.verify({ repair: true })).summary.repaired, 1);
  assert.equal(await house.blobs.size(id), 100);
  assert.deepEqual((await house.verify()).findings, []);
  house.clock.advance(2 * HOUR_MS);
  while ((await sweepStep(house.room)) === "more");
  assert.equal(await house.blobs.size(id), undefined);
  assert.deepEqual((await house.verify()).findings, []);
});

test("a pending row whose writer is long gone is a leftover; one whose lease runs is none", async () => {
  const house = new House();
  const { ledger } = house.room.tables;
  const put = ledger.put(ledger.key("p", "a".repeat(32)), { clear: { leaseUntilMs: house.clock.now() } });
  await house.store.commit({ puts: [put] });
  assert.deepEqual((await house.verify()).findings, []);
  house.clock.advance(DAY_MS);
  assert.deepEqual(
    (await house.verify()).findings.map(({ Severity, Fault }) => [Severity, Fault]), [["LEFTOVER", "pending-stale"]],
  );
});

test("a blob whose ledger row is lost survives: repaired before the orphan search comes twice", async () => {
  const house = new House();
  await house.fill();
  const { id } = await house.segmentOf("s3/large");
  await house.store.commit({ deletes: [house.room.tables.ledger.key("l", id)] });
  await house.verify({ repair: true });
  const search = newOrphanSearch();
  for (let round = 0; round < 3; round++) {
    while ((await orphanStep(house.room, search)) === "more");
    house.clock.advance(2 * HOUR_MS);
  }
  assert.ok((await house.get("s3/large")).bytes.equals(pattern(LARGE)));
});
