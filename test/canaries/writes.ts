/**
 * Writes canaries by every path and in every encryption, and keeps count of what must be found nowhere: one marker that
 * every body and every private text holds, the keys and secrets that were handed out, and the fingerprints of the bodies.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";
import { Readable } from "node:stream";
import { CreateAccessKeyCommand, CreateRoleCommand, CreateUserCommand } from "@aws-sdk/client-iam";
import { DecryptCommand, EncryptCommand, GenerateDataKeyCommand, ReEncryptCommand } from "@aws-sdk/client-kms";
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListPartsCommand,
  PutBucketTaggingCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";
import { createPresignedPost } from "@aws-sdk/s3-presigned-post";
import { AssumeRoleCommand, GetSessionTokenCommand } from "@aws-sdk/client-sts";
import { createHasher } from "../../src/wire/checksums.js";
import { signedChunks } from "../e2e/chunked.js";
import { failure, ROOT } from "../e2e/server.js";
import { ACCOUNT, bodyOf, CHUNK, MIB, type World } from "../e2e/world.js";
import { fingerprintForms, formsOf, type Needle } from "./scanner.js";

/** In every body that is long enough, and in every private text. */
export const MARKER = `canary-${randomBytes(9).toString("hex")}`;
export const SIZES = [0, 1, 15, 4096, CHUNK - 1, CHUNK, CHUNK + 1, MIB, 3 * MIB + 1];

const customerKey = Buffer.concat([Buffer.from(MARKER), randomBytes(32)]).subarray(0, 32);
const C = { SSECustomerAlgorithm: "AES256", SSECustomerKey: customerKey.toString("base64") } as const;
const CHECKSUMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"] as const;

/** What a client says besides the body, each member a canary. */
const PRIVATE = {
  Metadata: { diagnosis: `${MARKER} metadata` },
  Tagging: `owner=${MARKER}`,
  ContentType: `text/${MARKER}`,
  CacheControl: `${MARKER}-cache`,
  ContentDisposition: `attachment; filename="${MARKER}"`,
  ContentLanguage: MARKER,
} as const;

export class Canaries {
  readonly #world: World;
  readonly #needles: Needle[] = formsOf("marker", Buffer.from(MARKER));
  readonly modes: Readonly<Record<string, object>>;
  readonly bucket: string;
  readonly #key: string;
  #bodies = 0;

  private constructor(world: World, bucket: string, key: string) {
    this.#world = world;
    this.bucket = bucket;
    this.#key = key;
    const kms = { ServerSideEncryption: "aws:kms", SSEKMSKeyId: key };
    this.modes = {
      "sse-s3": { ServerSideEncryption: "AES256" },
      "sse-kms": kms,
      "bucket-key": { ...kms, BucketKeyEnabled: true },
      dsse: { ...kms, ServerSideEncryption: "aws:kms:dsse" },
      "sse-c": C,
    };
    this.secret("root secret", ROOT.secretAccessKey);
    this.secret("customer key", customerKey);
    this.fingerprint("MD5 of the customer key", createHash("md5").update(customerKey).digest());
  }

  static async in(world: World): Promise<Canaries> {
    return new Canaries(world, await world.bucket("canaries"), await world.key());
  }

  get needles(): readonly Needle[] {
    return this.#needles;
  }

  /** The encryption as a reader must state it. */
  reading = (mode: string): object => (mode === "sse-c" ? C : {});

  secret(name: string, value: Buffer | string | Uint8Array | undefined): void {
    assert.ok(value !== undefined, name);
    this.#needles.push(...formsOf(name, Buffer.from(value)));
  }

  fingerprint(name: string, digest: Buffer): void {
    this.#needles.push(...fingerprintForms(name, digest));
  }

  /** A body of its own, full of the marker; its digests are canaries too. */
  async body(sizeBytes: number): Promise<Buffer> {
    const unit = Buffer.from(`${MARKER} ${(++this.#bodies).toString().padStart(4, "0")} `);
    // The shortest hold the marker's end, which is as long as they are.
    const bytes = sizeBytes < unit.length ? Buffer.from(MARKER).subarray(0, sizeBytes) : Buffer.alloc(sizeBytes, unit);
    await this.digested(bytes);
    return bytes;
  }

  async digested(bytes: Buffer): Promise<void> {
    if (bytes.length === 0) return;
    this.fingerprint(`MD5 of ${bytes.length} bytes`, createHash("md5").update(bytes).digest());
    for (const algorithm of CHECKSUMS) {
      const hasher = await createHasher(algorithm);
      hasher.update(bytes);
      this.fingerprint(`${algorithm} of ${bytes.length} bytes`, hasher.digest());
    }
  }

  async everything(): Promise<void> {
    await this.#putObjects();
    await this.#otherForms();
    await this.#multipart();
    await this.#copies();
    await this.#tags();
    await this.#refused();
    await this.#kms();
    await this.#credentials();
    await this.reads();
  }

  async #putObjects(): Promise<void> {
    for (const [mode, sse] of Object.entries(this.modes)) {
      for (const [index, size] of SIZES.entries()) {
        const Body = await this.body(size);
        const place = { Bucket: this.bucket, Key: `${mode}/${size}` };
        const algorithms = [{}, { ChecksumAlgorithm: "SHA256" }, { ChecksumAlgorithm: "SHA1" }] as const;
        await this.#world.s3.send(new PutObjectCommand({ ...place, Body, ...PRIVATE, ...sse, ...algorithms[index % 3] }));
      }
    }
  }

  /** aws-chunked with signatures and with a trailer, a stream over TLS, a browser's form. */
  async #otherForms(): Promise<void> {
    const { s3, s3tls, server } = this.#world;
    const host = new URL(server.httpUrl).host;
    for (const [Key, trailer] of [["chunked", undefined], ["trailer", "crc32"]] as const) {
      const body = await this.body(CHUNK * 2 + 7);
      const sum = Buffer.alloc(4);
      sum.writeUInt32BE(crc32(body));
      const target = `/${this.bucket}/form/${Key}`;
      const framed = signedChunks({
        target,
        host,
        credentials: ROOT,
        chunks: [body.subarray(0, CHUNK), body.subarray(CHUNK)],
        headers: { "x-amz-meta-diagnosis": `${MARKER} chunked` },
        ...(trailer === undefined ? {} : { trailer: ["x-amz-checksum-crc32", sum.toString("base64")] as const }),
      });
      assert.equal((await this.#world.raw({ method: "PUT", path: target, ...framed })).status, 200);
    }
    const streamed = await this.body(MIB);
    const place = { Bucket: this.bucket, Key: "form/stream", ContentLength: streamed.length };
    await s3tls.send(new PutObjectCommand({ ...place, Body: Readable.from([streamed]), ...this.modes["sse-kms"] }));
    const form = new FormData();
    const Fields = { "x-amz-meta-diagnosis": `${MARKER} form` };
    const Conditions = [["starts-with", "$x-amz-meta-diagnosis", ""]] as ["starts-with", string, string][];
    const post = await createPresignedPost(s3, { Bucket: this.bucket, Key: "form/post", Fields, Conditions });
    for (const [name, value] of Object.entries(post.fields)) form.set(name, value);
    form.set("file", new Blob([new Uint8Array(await this.body(100_000))]), `${MARKER}.txt`);
    assert.equal((await fetch(post.url, { method: "POST", body: form })).status, 204);
  }

  async #multipart(): Promise<void> {
    const { s3 } = this.#world;
    for (const [mode, sse] of Object.entries(this.modes)) {
      const place = { Bucket: this.bucket, Key: `multipart/${mode}` };
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...place, ...PRIVATE, ...sse }));
      const bodies = [await this.body(5 * MIB), await this.body(1000)];
      const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
      for (const [index, Body] of bodies.entries()) {
        const part = { ...place, UploadId, PartNumber: index + 1, ...this.reading(mode) };
        Parts.push({ PartNumber: index + 1, ETag: (await s3.send(new UploadPartCommand({ ...part, Body }))).ETag });
      }
      if (mode === "sse-s3") {
        const copy = { ...place, UploadId, PartNumber: 3, CopySource: `${this.bucket}/sse-kms/${MIB}` };
        const { CopyPartResult } = await s3.send(new UploadPartCopyCommand(copy));
        Parts.splice(1, 1);
        Parts.push({ PartNumber: 3, ETag: CopyPartResult?.ETag });
      }
      await s3.send(new ListPartsCommand({ ...place, UploadId }));
      const whole = { ...place, UploadId, MultipartUpload: { Parts }, ...this.reading(mode) };
      await s3.send(new CompleteMultipartUploadCommand(whole));
      await this.digested(Buffer.concat(bodies));
    }
    // One stays open, one is aborted: their parts lie there until the sweep.
    const open = { Bucket: this.bucket, Key: "multipart/open" };
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...open, ...PRIVATE }));
    await s3.send(new UploadPartCommand({ ...open, UploadId, PartNumber: 1, Body: await this.body(MIB) }));
  }

  /** Copies that change the encryption, from and to each mode; and one over itself. */
  async #copies(): Promise<void> {
    const names = Object.keys(this.modes);
    for (const [index, from] of names.entries()) {
      const to = names[(index + 1) % names.length] ?? from;
      const C_SOURCE = { CopySourceSSECustomerAlgorithm: "AES256", CopySourceSSECustomerKey: C.SSECustomerKey };
      const source = from === "sse-c" ? C_SOURCE : {};
      for (const size of [4096, MIB]) {
        const place = { Bucket: this.bucket, Key: `copy/${from}-${to}/${size}`, CopySource: `${this.bucket}/${from}/${size}` };
        await this.#world.s3.send(new CopyObjectCommand({ ...place, ...source, ...this.modes[to], ChecksumAlgorithm: "SHA256" }));
      }
    }
  }

  async #tags(): Promise<void> {
    const TagSet = [{ Key: "owner", Value: `${MARKER} tag` }];
    await this.#world.s3.send(new PutBucketTaggingCommand({ Bucket: this.bucket, Tagging: { TagSet } }));
    await this.#world.s3.send(new PutObjectTaggingCommand({ Bucket: this.bucket, Key: "sse-kms/15", Tagging: { TagSet } }));
  }

  /** What is refused must not be told to a log either. */
  async #refused(): Promise<void> {
    const { s3 } = this.#world;
    const place = { Bucket: this.bucket, Key: "refused" };
    const wrong = await this.body(CHUNK * 3);
    const ContentMD5 = createHash("md5").update("other").digest("base64");
    const bad = await failure(s3.send(new PutObjectCommand({ ...place, Body: wrong, ContentMD5, ...PRIVATE })));
    assert.equal(bad.code, "BadDigest");
    const otherKey = Buffer.concat([Buffer.from(MARKER), Buffer.alloc(32)]).subarray(0, 32);
    const other = { SSECustomerAlgorithm: "AES256", SSECustomerKey: otherKey.toString("base64") };
    const denied = await failure(s3.send(new GetObjectCommand({ Bucket: this.bucket, Key: "sse-c/15", ...other })));
    assert.equal(denied.status, 403);
    const nowhere = { ...place, Bucket: "no-such-bucket-here", Body: wrong, ...PRIVATE, ...C };
    assert.equal((await failure(s3.send(new PutObjectCommand(nowhere)))).status, 404);
    const credentials = { accessKeyId: ROOT.accessKeyId, secretAccessKey: `${MARKER}-wrong-secret` };
    const headers = { "x-amz-meta-a": MARKER };
    const path = `/${this.bucket}/refused`;
    const answer = await this.#world.wire({ credentials }).send({ method: "PUT", path, headers, body: wrong });
    assert.equal(answer.status, 403);
  }

  async #kms(): Promise<void> {
    const { kms } = this.#world;
    const KeyId = this.#key;
    const Plaintext = Buffer.from(`${MARKER} plaintext`);
    const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId, Plaintext }));
    await kms.send(new DecryptCommand({ CiphertextBlob }));
    await kms.send(new ReEncryptCommand({ CiphertextBlob, DestinationKeyId: await this.#world.key() }));
    this.secret("generated data key", (await kms.send(new GenerateDataKeyCommand({ KeyId, KeySpec: "AES_256" }))).Plaintext);
  }

  async #credentials(): Promise<void> {
    const { iam } = this.#world;
    await iam.send(new CreateUserCommand({ UserName: "canary-user" }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "canary-user" }));
    this.secret("secret of a user", AccessKey?.SecretAccessKey);
    const trust = { Effect: "Allow", Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: "sts:AssumeRole" };
    const AssumeRolePolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [trust] });
    const { Role } = await iam.send(new CreateRoleCommand({ RoleName: "canary-role", AssumeRolePolicyDocument }));
    const { AccessKeyId: accessKeyId = "", SecretAccessKey: secretAccessKey = "" } = AccessKey ?? {};
    const user = this.#world.sts({ accessKeyId, secretAccessKey });
    await this.#world.allow("canary-user", [{ Effect: "Allow", Action: "*", Resource: "*" }]);
    const sessions = [
      await user.send(new AssumeRoleCommand({ RoleArn: Role?.Arn, RoleSessionName: "canary" })),
      await user.send(new GetSessionTokenCommand({})),
    ];
    for (const { Credentials } of sessions) {
      this.secret("secret of a session", Credentials?.SecretAccessKey);
      this.secret("session token", Credentials?.SessionToken);
    }
  }

  /** Readers' requests hold secrets too; every body comes back. @param world default: where they were written */
  async reads({ s3 }: Pick<World, "s3"> = this.#world): Promise<void> {
    for (const mode of Object.keys(this.modes)) {
      for (const size of SIZES) {
        const place = { Bucket: this.bucket, Key: `${mode}/${size}`, ...this.reading(mode) };
        const head = await s3.send(new HeadObjectCommand(place));
        const got = await s3.send(new GetObjectCommand({ ...place, IfMatch: head.ETag, ChecksumMode: "ENABLED" }));
        const bytes = await bodyOf(got);
        assert.equal(bytes.length, size);
        assert.ok(size < MARKER.length || bytes.includes(MARKER));
        assert.deepEqual(got.Metadata, PRIVATE.Metadata);
      }
      const whole = { Bucket: this.bucket, Key: `multipart/${mode}`, ...this.reading(mode) };
      await s3.send(new GetObjectAttributesCommand({ ...whole, ObjectAttributes: ["ETag", "Checksum", "ObjectParts"] }));
    }
  }
}
