/**
 * Data keys: made for every new object or upload, opened for every read. The modes differ only in who wraps them: the
 * house key (as service principal), the caller's KMS key, a bucket key, two KMS data keys, or the customer's key.
 * KMS is reached through the gate, as the caller via S3, so key policies, grants and audit apply.
 * Source: S3 encryption reference §3, §4, §14; docs/spec/objects.md §3.
 */
import { randomBytes } from "node:crypto";
import {
  customerCheck, customerKey, isSameCustomerKey, newCustomerSalt, unwrapKey, wrapKey, wrappingKeyId, type WrappingKey,
} from "@coffer/seal";
import { bucketArn, objectArn, parseArn } from "../lib/arn.js";
import { lengthPrefixed } from "../lib/bytes.js";
import { ciphertextId } from "../lib/ciphertext-id.js";
import { ServiceError } from "../lib/errors.js";
import { Secret } from "../lib/secret.js";
import type { Call } from "../gate/contract.js";
import { annotateBucketKey } from "./audit-notes.js";
import { readName, writeName, type BucketKey } from "./bucket-keys.js";
import type { BucketFacts } from "./buckets.js";
import type { Room } from "./deps.js";
import { storedContext, wrongCustomerKey, type EncryptionPlan, type KmsPlan } from "./encryption.js";
import { slowDown } from "./errors.js";
import { viaKms } from "./kms-errors.js";
import type { ObjectEncryption, WrappedKey } from "./records.js";

/** Where a data key belongs. */
export interface KeyPlace {
  readonly bucket: BucketFacts;
  readonly key: string;
}

/** Data keys in clear, innermost layer first; `wipe` when done. */
export class DataKeys {
  readonly #secrets: readonly Secret[];

  constructor(secrets: readonly Secret[]) {
    this.#secrets = secrets;
  }
  /** @throws Error after `wipe` */
  get bytes(): readonly Buffer[] {
    return this.#secrets.map((secret) => secret.bytes);
  }
  wipe(): void {
    for (const secret of this.#secrets) secret.wipe();
  }
}

export interface NewDataKeys {
  readonly dataKeys: DataKeys;
  readonly encryption: ObjectEncryption;
}

/**
 * Makes the data keys of a new object or upload. KMS is asked by the name that the caller used, which its policies may
 * speak of (`kms:RequestAlias`); an alias may have moved since the write was decided, so the caller judges the key that
 * comes back: see `kmsKeyOf`.
 * @throws ServiceError what KMS refuses, in S3's words
 */
export async function makeDataKeys(room: Room, call: Call, place: KeyPlace, plan: EncryptionPlan): Promise<NewDataKeys> {
  switch (plan.mode) {
    case "AES256":
      return houseKeys(room, call, place);
    case "SSE-C":
      return customerKeys(place, plan.key);
    case "aws:kms":
      return plan.bucketKey ? bucketKeyKeys(room, call, place, plan) : kmsKeys(call, place, plan, 1);
    case "aws:kms:dsse":
      return kmsKeys(call, place, plan, 2);
  }
}

/** ARN of the KMS key that is used; undefined for the modes without one of the caller's. */
export const kmsKeyOf = ({ mode, keyArn }: ObjectEncryption): string | undefined =>
  mode === "aws:kms" || mode === "aws:kms:dsse" ? keyArn : undefined;

interface GeneratedKey {
  readonly CiphertextBlob: Uint8Array;
  readonly Plaintext: Uint8Array;
  readonly KeyId: string;
}

const objectContext = ({ bucket, key }: KeyPlace): Record<string, string> => ({ "aws:s3:arn": objectArn(bucket.name, key) });

/** The object's pair behind the caller's own. */
function contextWith(pairs: Readonly<Record<string, string>>, place: KeyPlace): Record<string, string> {
  return Object.keys(pairs).length === 0 ? objectContext(place) : { ...pairs, ...objectContext(place) };
}

async function houseKeys(room: Room, call: Call, place: KeyPlace): Promise<NewDataKeys> {
  const { region } = place.bucket.record;
  const input = { KeyId: await room.houseKeyArn(region), KeySpec: "AES_256", EncryptionContext: objectContext(place) };
  const made = await call.invoke<GeneratedKey>("kms", "GenerateDataKey", input, { as: "service", region });
  const keys: WrappedKey[] = [{ by: "kms", blob: base64(made.CiphertextBlob) }];
  return { dataKeys: new DataKeys([secretOf(made)]), encryption: { mode: "AES256", keys, keyArn: made.KeyId } };
}

async function kmsKeys(call: Call, place: KeyPlace, plan: KmsPlan, layers: 1 | 2): Promise<NewDataKeys> {
  checkKeyRegion(plan.keyId, place.bucket.record.region);
  const secrets: Secret[] = [];
  const keys: WrappedKey[] = [];
  let keyArn = "";
  try {
    for (let layer = 0; layer < layers; layer++) {
      const made = await generate(call, place, plan.keyId, contextWith(plan.context, place));
      secrets.push(secretOf(made));
      keys.push({ by: "kms", blob: base64(made.CiphertextBlob) });
      // An alias that moved between the layers: the client's next attempt finds it settled.
      if (layer > 0 && made.KeyId !== keyArn) throw slowDown();
      keyArn = made.KeyId;
    }
  } catch (error) {
    for (const secret of secrets) secret.wipe();
    throw error;
  }
  return { dataKeys: new DataKeys(secrets), encryption: { mode: plan.mode, keys, keyArn } };
}

function generate(call: Call, { bucket }: KeyPlace, keyId: string, context: Record<string, string>): Promise<GeneratedKey> {
  const input = { KeyId: keyId, KeySpec: "AES_256", EncryptionContext: context };
  return viaKms(() => call.invoke<GeneratedKey>("kms", "GenerateDataKey", input, { region: bucket.record.region }));
}

async function bucketKeyKeys(room: Room, call: Call, place: KeyPlace, plan: KmsPlan): Promise<NewDataKeys> {
  checkKeyRegion(plan.keyId, place.bucket.record.region);
  const { record } = place.bucket;
  const context = { "aws:s3:arn": bucketArn(record.name) };
  const nameOf = (keyArn: string): string => writeName(requesterOf(call), record.incarnation, keyArn);
  const lookUp = async (): Promise<string> =>
    nameOf((await room.resolveKeyArn?.(record.region, call.principal.accountId ?? "", plan.keyId)) ?? plan.keyId);
  const name = await lookUp();
  let under: BucketKey | undefined;
  if (room.bucketKeys.peek(name) !== undefined) {
    const input = { KeyId: plan.keyId, KeySpec: "AES_256", EncryptionContext: context };
    await viaKms(() => call.permit("kms", "GenerateDataKey", input, { region: record.region }));
    // An alias that moved since: the permit was about another key than this one.
    if ((await lookUp()) === name) under = room.bucketKeys.take(name);
  }
  if (under === undefined) {
    const made = await generate(call, place, plan.keyId, context);
    under = bucketKeyOf(call, { key: secretOf(made), blob: Buffer.from(made.CiphertextBlob), keyArn: made.KeyId });
    room.bucketKeys.keep(nameOf(made.KeyId), under);
  }
  annotateBucketKey(call, "bucketKeyWrite", under);
  const dataKey = randomBytes(32);
  const blob = wrapKey(wrappingOf(under), dataKey, bucketKeyAad(place));
  const keys: WrappedKey[] = [{ by: "bucket-key", blob: base64(blob), bucketKey: base64(under.blob) }];
  const encryption: ObjectEncryption = { mode: "aws:kms", keys, keyArn: under.keyArn, bucketKey: true };
  return { dataKeys: new DataKeys([new Secret(dataKey)]), encryption };
}

/** A bucket key that KMS has just made or opened for this call. */
const bucketKeyOf = (call: Call, made: Pick<BucketKey, "key" | "blob" | "keyArn">): BucketKey => ({
  ...made,
  wrappingId: wrappingKeyId(made.key.bytes),
  id: ciphertextId(made.blob),
  broughtBy: call.requestId,
});

/** @throws Error when the key has left the cache and was wiped */
const wrappingOf = ({ wrappingId, key }: BucketKey): WrappingKey => ({ id: wrappingId, key: key.bytes });

/** FORMAT: what a data key under a bucket key belongs to. */
export const bucketKeyAad = ({ bucket, key }: { bucket: { record: { incarnation: string } }; key: string }): Buffer =>
  lengthPrefixed("coffer/data-key/bucket-key/v1", bucket.record.incarnation, key);

/** FORMAT: what a data key under a customer key belongs to. */
const customerAad = ({ bucket, key }: KeyPlace): Buffer =>
  lengthPrefixed("coffer/data-key/sse-c/v1", bucket.record.incarnation, key);

function customerKeys(place: KeyPlace, customer: Secret): NewDataKeys {
  const salt = newCustomerSalt();
  const { wrapping, check } = customerKey(customer.bytes, salt);
  customer.wipe();
  const dataKey = randomBytes(32);
  const blob = wrapKey(wrapping, dataKey, customerAad(place));
  const keys: WrappedKey[] = [{ by: "customer", blob: base64(blob), salt: base64(salt), check: base64(check) }];
  return { dataKeys: new DataKeys([new Secret(dataKey)]), encryption: { mode: "SSE-C", keys } };
}

/** What a read needs besides the record. */
export interface OpeningFacts extends KeyPlace {
  /** The caller's stored context header. */
  readonly kmsContext?: string | undefined;
  /** SSE-C: the key sent with this request. Wiped by whoever parsed it. */
  readonly customer?: Secret | undefined;
}

/** Opens an object's or upload's data keys. @throws ServiceError what KMS refuses; AccessDenied for a wrong customer key */
export async function openDataKeys(room: Room, call: Call, at: OpeningFacts, encryption: ObjectEncryption): Promise<DataKeys> {
  const secrets: Secret[] = [];
  try {
    for (const wrapped of encryption.keys) secrets.push(await openOne(room, call, at, { encryption, wrapped }));
  } catch (error) {
    for (const secret of secrets) secret.wipe();
    throw error;
  }
  return new DataKeys(secrets);
}

interface StoredKey {
  readonly encryption: ObjectEncryption;
  readonly wrapped: WrappedKey;
}

async function openOne(room: Room, call: Call, at: OpeningFacts, { encryption, wrapped }: StoredKey): Promise<Secret> {
  const { region } = at.bucket.record;
  switch (wrapped.by) {
    case "customer":
      return openUnderCustomer(at, wrapped);
    case "bucket-key":
      return openUnderBucketKey(room, call, at, { encryption, wrapped });
    case "kms": {
      const own = encryption.mode === "AES256";
      const input = decryptInput(wrapped.blob, encryption, wholeContext(at));
      if (own) return secretOf(await call.invoke<Opened>("kms", "Decrypt", input, { as: "service", region }));
      return secretOf(await viaKms(() => call.invoke<Opened>("kms", "Decrypt", input, { region })));
    }
  }
}

/** The object's context and the caller's, where there was one. */
function wholeContext(at: OpeningFacts): Record<string, string> {
  if (at.kmsContext === undefined) return objectContext(at);
  return contextWith(storedContext(at.kmsContext, objectArn(at.bucket.name, at.key)), at);
}

interface Opened {
  readonly Plaintext: Uint8Array;
}

function decryptInput(blob: string, encryption: ObjectEncryption, context: Record<string, string>): object {
  return { CiphertextBlob: Buffer.from(blob, "base64"), EncryptionContext: context, KeyId: encryption.keyArn };
}

async function openUnderBucketKey(room: Room, call: Call, at: OpeningFacts, { encryption, wrapped }: StoredKey): Promise<Secret> {
  if (wrapped.by !== "bucket-key") throw new Error("invariant: not under a bucket key");
  const { record } = at.bucket;
  const options = { region: record.region };
  const name = readName(requesterOf(call), record.incarnation, Buffer.from(wrapped.bucketKey, "base64"));
  const input = decryptInput(wrapped.bucketKey, encryption, { "aws:s3:arn": bucketArn(record.name) });
  let under: BucketKey | undefined;
  if (room.bucketKeys.peek(name) !== undefined) {
    await viaKms(() => call.permit("kms", "Decrypt", input, options));
    under = room.bucketKeys.take(name);
  }
  if (under === undefined) {
    const opened = await viaKms(() => call.invoke<Opened>("kms", "Decrypt", input, options));
    const blob = Buffer.from(wrapped.bucketKey, "base64");
    under = bucketKeyOf(call, { key: secretOf(opened), blob, keyArn: encryption.keyArn ?? "" });
    room.bucketKeys.keep(name, under);
  }
  annotateBucketKey(call, "bucketKeyRead", under);
  return new Secret(unwrapKey(wrappingOf(under), Buffer.from(wrapped.blob, "base64"), bucketKeyAad(at)));
}

function openUnderCustomer(at: OpeningFacts, wrapped: Extract<WrappedKey, { by: "customer" }>): Secret {
  if (at.customer === undefined) throw new Error("invariant: SSE-C object opened without its key");
  const key = customerKey(at.customer.bytes, Buffer.from(wrapped.salt, "base64"));
  if (!isSameCustomerKey(key, Buffer.from(wrapped.check, "base64"))) throw wrongCustomerKey();
  return new Secret(unwrapKey(key.wrapping, Buffer.from(wrapped.blob, "base64"), customerAad(at)));
}

/** Is `customer` the key that the object or upload was written under? */
export function isCustomerKeyOf(encryption: ObjectEncryption, customer: Secret): boolean {
  const [wrapped] = encryption.keys;
  if (wrapped?.by !== "customer") return false;
  const key = customerCheck(customer.bytes, Buffer.from(wrapped.salt, "base64"));
  return isSameCustomerKey(key, Buffer.from(wrapped.check, "base64"));
}

/** The KMS calls that opening would make, to be permitted without being made. */
function opening(
  at: OpeningFacts,
  encryption: ObjectEncryption,
): { readonly input: object; readonly context: Record<string, string> } | undefined {
  const [wrapped] = encryption.keys;
  if (encryption.mode === "AES256" || encryption.mode === "SSE-C" || wrapped === undefined || wrapped.by === "customer")
    return undefined;
  const under = wrapped.by === "bucket-key";
  const context = under
    ? { "aws:s3:arn": bucketArn(at.bucket.name) }
    : wholeContext(at);
  return { input: decryptInput(under ? wrapped.bucketKey : wrapped.blob, encryption, context), context };
}

/** May the caller open this now? Nothing is decrypted. @throws ServiceError what KMS would refuse */
export async function permitDecrypt(call: Call, at: OpeningFacts, encryption: ObjectEncryption): Promise<void> {
  const planned = opening(at, encryption);
  if (planned === undefined) return;
  await viaKms(() => call.permit("kms", "Decrypt", planned.input, { region: at.bucket.record.region }));
}

/** Are the permissions there that showing checksums asks for: Decrypt and GenerateDataKey? @throws as `permitDecrypt` */
export async function permitChecksums(call: Call, at: OpeningFacts, encryption: ObjectEncryption): Promise<void> {
  const planned = opening(at, encryption);
  if (planned === undefined) return;
  await permitDecrypt(call, at, encryption);
  const input = { KeyId: encryption.keyArn, KeySpec: "AES_256", EncryptionContext: planned.context };
  await viaKms(() => call.permit("kms", "GenerateDataKey", input, { region: at.bucket.record.region }));
}

/** Whose bucket keys these are: a session is another requester than its role's next session. */
const requesterOf = (call: Call): string =>
  [call.principal.accountId ?? "", call.principal.userId, call.principal.accessKeyId ?? ""].join("\0");

/** A key of another region does not exist for this bucket. */
function checkKeyRegion(keyId: string, region: string): void {
  const arn = parseArn(keyId);
  if (arn === undefined || arn.region === region) return;
  throw new ServiceError("KMS.NotFoundException", `Invalid arn ${arn.region}`, { status: 400 });
}

/** Takes the very bytes over that the nested call answered with: nobody else has them. */
function secretOf({ Plaintext }: { readonly Plaintext: Uint8Array }): Secret {
  return new Secret(Buffer.from(Plaintext.buffer, Plaintext.byteOffset, Plaintext.byteLength));
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
