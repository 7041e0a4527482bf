/** Damage of listings, ledger, buckets, uploads and unknown rows, planted and named. Source: docs/reference/verify.md. */
import { rowOf } from "../../src/objects/versions.js";
import { firstRow, must, OBJECT, rewriteHead, testDamage, type Damage } from "./damage.js";
import { Space } from "./house.js";

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
    what: "a ledger row that is gone: rebuilt",
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

testDamage(ROW_DAMAGE);
