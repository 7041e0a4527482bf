/** A store in memory with objects of every mode and by every way of writing, and the verifier over it. */
import assert from "node:assert/strict";
import { createSecretKey, randomBytes } from "node:crypto";
import { runOver } from "../../src/cli/verify.js";
import { createIam, type Iam } from "../../src/iam/create-iam.js";
import { verifyAll, type VerifySummary } from "../../src/objects/verify-run.js";
import type { Segment } from "../../src/objects/records.js";
import { Space, type SpaceId } from "../../src/stores/spaces.js";
import type { Entry } from "../../src/stores/contract.js";
import type { Finding } from "../../src/wire/tables/coffer-types.js";
import { HOME, pattern, World } from "../objects/world.js";

const CHUNK = 65_536;
/** Through a body row, through a blob of several chunks. */
export const SMALL = 1000;
export const LARGE = 3 * CHUNK + 17;

const customerKey = Buffer.alloc(32, 7);
const md5 = (await import("node:crypto")).createHash("md5").update(customerKey).digest("base64");
export const CUSTOMER = {
  SSECustomerAlgorithm: "AES256", SSECustomerKey: customerKey.toString("base64"), SSECustomerKeyMD5: md5,
};

export interface Checked {
  readonly findings: readonly Finding[];
  readonly summary: VerifySummary;
}

export class House extends World {
  readonly iam: Iam = createIam({ records: this.room.records, sessionKey: createSecretKey(randomBytes(32)), clock: this.clock });

  async verify(options: { quick?: boolean; repair?: boolean; indexLimit?: number } = {}): Promise<Checked> {
    const findings: Finding[] = [];
    const run = runOver({ room: this.room, kms: this.keys }, {
      depth: options.quick === true ? "QUICK" : "FULL",
      report: (finding) => void findings.push(finding),
      repair: options.repair === true,
    });
    const summary = await verifyAll({ ...run, ...(options.indexLimit === undefined ? {} : { indexLimit: options.indexLimit }) });
    return { findings, summary };
  }

  /** Everything once; `key` is used by the KMS modes. */
  async fill(): Promise<string> {
    await this.iam.seed.ensureAccount(HOME);
    await this.bucket();
    const key = await this.key();
    await this.kms("CreateAlias", { AliasName: "alias/letters", TargetKeyId: key });
    await this.kms(
      "CreateGrant", { KeyId: key, GranteePrincipal: `arn:aws:iam::${HOME}:root`, Operations: ["Decrypt"], Name: "one" },
    );
    await this.kms("RotateKeyOnDemand", { KeyId: key });
    for (const [mode, input] of modes(key)) {
      await this.put(`${mode}/empty`, Buffer.alloc(0), input);
      await this.put(`${mode}/small`, pattern(SMALL), input);
      await this.put(`${mode}/large`, pattern(LARGE), { ...input, ChecksumAlgorithm: "SHA256" });
      await this.upload(`${mode}/parts`, [100_000, LARGE, SMALL], input);
    }
    await this.upload("composite", [100_000, SMALL], {}, { ChecksumAlgorithm: "SHA256", ChecksumType: "COMPOSITE" });
    await this.put("none/small", pattern(SMALL), { Metadata: { a: "b" }, Tagging: "t=1" });
    await this.s3("CopyObject", { Bucket: "bucket", Key: "copy", CopySource: "bucket/none/small" });
    await this.put("replaced", pattern(LARGE));
    await this.put("replaced", pattern(LARGE, 2));
    await this.configure("bucket", { versioning: "Enabled" });
    for (const seed of [1, 2, 3]) await this.put("versions", pattern(seed === 2 ? LARGE : SMALL, seed));
    await this.put("none/small", pattern(SMALL, 9));
    await this.s3("DeleteObject", { Bucket: "bucket", Key: "versions" });
    const { UploadId } = await this.s3("CreateMultipartUpload", { Bucket: "bucket", Key: "open" });
    await this.part("open", UploadId, 1, pattern(LARGE));
    await this.part("open", UploadId, 1, pattern(SMALL));
    const aborted = await this.s3("CreateMultipartUpload", { Bucket: "bucket", Key: "aborted" });
    await this.part("aborted", aborted["UploadId"], 1, pattern(LARGE));
    await this.s3("AbortMultipartUpload", { Bucket: "bucket", Key: "aborted", UploadId: aborted["UploadId"] });
    return key;
  }

  async part(Key: string, UploadId: unknown, PartNumber: number, body: Buffer, more: object = {}): Promise<unknown> {
    const out = await this.s3("UploadPart", { Bucket: "bucket", Key, UploadId, PartNumber, ...more }, { body });
    return out["ETag"];
  }

  async upload(Key: string, sizes: readonly number[], input: object, create: object = {}): Promise<string> {
    const { UploadId } = await this.s3("CreateMultipartUpload", { Bucket: "bucket", Key, ...input, ...create });
    const customer = "SSECustomerKey" in input ? input : {};
    const Parts = [];
    for (const [at, size] of sizes.entries()) {
      const body = pattern(size, at + 1);
      const out = await this.s3(
        "UploadPart", { Bucket: "bucket", Key, UploadId, PartNumber: at + 1, ...customer, ...pick(create) }, { body },
      );
      Parts.push({
        PartNumber: at + 1, ETag: out["ETag"], ...("ChecksumSHA256" in out ? { ChecksumSHA256: out["ChecksumSHA256"] } : {}),
      });
    }
    await this.s3("CompleteMultipartUpload", { Bucket: "bucket", Key, UploadId, MultipartUpload: { Parts } });
    return String(UploadId);
  }

  /** Body segment of the current version. */
  async segmentOf(key: string): Promise<Segment> {
    const body = (await this.head(key)).clear.object?.body;
    assert.ok(body?.kind === "segment");
    return body.segment;
  }

  async head(key: string) {
    const { incarnation } = await this.incarnation();
    const row = await this.room.tables.heads.get(incarnation, key);
    assert.ok(row !== undefined);
    return row;
  }

  async incarnation(): Promise<{ incarnation: string }> {
    const row = await this.room.tables.buckets.get("bucket");
    assert.ok(row !== undefined);
    return row.clear;
  }

  rows(space: SpaceId): Promise<Entry[]> {
    return this.store.range({ from: Buffer.from([space]), to: Buffer.from([space + 1]), limit: 1000 });
  }

  /** Flips the last bit of a stored row, as an editor of the database or a failing disk would. */
  async flipRow(key: Uint8Array): Promise<void> {
    const [value] = await this.store.get([key]);
    assert.ok(value !== undefined);
    const bytes = Buffer.from(value.bytes);
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    await this.store.commit({ puts: [{ key, bytes }] });
  }

  async replaceBlob(id: string, change: (bytes: Buffer) => Buffer): Promise<void> {
    const parts: Buffer[] = [];
    for await (const piece of this.blobs.get(id)) parts.push(Buffer.from(piece));
    await this.blobs.delete(id);
    const changed = change(Buffer.concat(parts));
    await this.blobs.put(id, (async function* () {
      yield changed;
    })());
  }
}

const pick = (create: object): object => ("ChecksumAlgorithm" in create ? { ChecksumAlgorithm: create.ChecksumAlgorithm } : {});

export const modes = (key: string): [string, object][] => [
  ["s3", { ServerSideEncryption: "AES256" }],
  ["kms", {
    ServerSideEncryption: "aws:kms", SSEKMSKeyId: key, SSEKMSEncryptionContext: Buffer.from('{"a":"b"}').toString("base64"),
  }],
  ["bucket-key", { ServerSideEncryption: "aws:kms", SSEKMSKeyId: key, BucketKeyEnabled: true }],
  ["dsse", { ServerSideEncryption: "aws:kms:dsse", SSEKMSKeyId: key }],
  ["sse-c", CUSTOMER],
];

export { Space };
