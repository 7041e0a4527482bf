/**
 * Does an object open, and with its own key alone? The data keys are opened as every read opens them, but on nobody's
 * behalf; then the same pieces are tried with a changed key, context and place, and each trial must fail.
 * Source: docs/spec/objects.md §3; docs/spec/sealed-stream.md §2.
 */
import { segmentOpener, unwrapKey, suiteById, verifyManifest, wrappingKey } from "@coffer/seal";
import { proveCiphertext, type Proof } from "../keys/prove.js";
import { bucketArn, objectArn } from "../lib/arn.js";
import { Secret } from "../lib/secret.js";
import { bucketKeyAad, DataKeys } from "./data-keys.js";
import { storedContext } from "./encryption.js";
import type { BucketRecord, ObjectEncryption, Segment, WrappedKey } from "./records.js";
import type { Verifier } from "./verify-unit.js";

export interface KeyedPlace {
  readonly bucket: BucketRecord;
  readonly key: string;
  readonly encryption: ObjectEncryption;
  readonly kmsContext: string | undefined;
}

export type OpenedKeys =
  | { readonly dataKeys: DataKeys }
  | { readonly unproven: Extract<Proof, { unproven: string }>["unproven"] }
  /** Only its owner can: SSE-C. */
  | { readonly customer: true };

/** @throws an integrity error when they do not open */
export async function openForProof(verifier: Verifier, place: KeyedPlace): Promise<OpenedKeys> {
  const secrets: Secret[] = [];
  try {
    for (const wrapped of place.encryption.keys) {
      if (wrapped.by === "customer") return { customer: true };
      const proof = await openOne(verifier, place, wrapped);
      if ("unproven" in proof) {
        for (const secret of secrets) secret.wipe();
        return proof;
      }
      secrets.push(proof.opened);
    }
    return { dataKeys: new DataKeys(secrets) };
  } catch (error) {
    for (const secret of secrets) secret.wipe();
    throw error;
  }
}

async function openOne(verifier: Verifier, place: KeyedPlace, wrapped: Exclude<WrappedKey, { by: "customer" }>): Promise<Proof> {
  const { kms, room } = verifier;
  const { bucket, key, encryption } = place;
  const under = wrapped.by === "bucket-key";
  const blob = Buffer.from(under ? wrapped.bucketKey : wrapped.blob, "base64");
  const context = contextOf(place, under);
  const keyArn = encryption.keyArn ?? "";
  const proof = await proveCiphertext(kms, { blob, keyArn, context }, room.clock.now());
  if ("unproven" in proof) return proof;
  const untried = await refuse("a KMS ciphertext opens with another encryption context", async () => {
    const other = await proveCiphertext(
      kms, { blob, keyArn, context: { ...context, "aws:s3:arn": `${context["aws:s3:arn"] ?? ""}x` } }, room.clock.now(),
    );
    // The key was disabled or deleted since: nothing is said of the ciphertext.
    if ("unproven" in other) return other;
    other.opened.wipe();
    return undefined;
  });
  if (untried !== undefined) {
    proof.opened.wipe();
    return untried;
  }
  if (!under) return proof;
  const wrapping = wrappingKey(proof.opened.bytes);
  proof.opened.wipe();
  const dataKey = Buffer.from(wrapped.blob, "base64");
  await refuse("a data key under a bucket key opens for another object", async () => {
    unwrapKey(wrapping, dataKey, bucketKeyAad({ bucket: { record: bucket }, key: `${key}x` })).fill(0);
  });
  return { opened: new Secret(unwrapKey(wrapping, dataKey, bucketKeyAad({ bucket: { record: bucket }, key }))) };
}

function contextOf({ bucket, key, kmsContext }: KeyedPlace, underBucketKey: boolean): Record<string, string> {
  const arn = objectArn(bucket.name, key);
  return underBucketKey ? { "aws:s3:arn": bucketArn(bucket.name) } : { ...storedContext(kmsContext, arn), "aws:s3:arn": arn };
}

/** A lock that another key turns. */
export class OtherKeyIntegrityError extends Error {
  override readonly name = "OtherKeyIntegrityError";
}

/**
 * @param trial answers why it could not be made, if so
 * @returns that answer
 * @throws OtherKeyIntegrityError when `trial` succeeds
 */
async function refuse<T = undefined>(what: string, trial: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    const untried = await trial();
    if (untried !== undefined) return untried;
  } catch (error) {
    if (error instanceof Error && /^(SealIntegrityError|KmsCiphertextError)$/.test(error.name)) return undefined;
    throw error;
  }
  throw new OtherKeyIntegrityError(what);
}

/** @throws SealIntegrityError; OtherKeyIntegrityError when the MAC holds under a changed key too */
export async function proveManifest(dataKeys: DataKeys, manifest: Buffer, mac: Buffer): Promise<void> {
  verifyManifest(dataKeys.bytes, manifest, mac);
  await withOtherKeys(dataKeys, (keys) =>
    refuse("the manifest verifies under another key", async () => verifyManifest(keys, manifest, mac)),
  );
}

/** The key commitment of a segment, which its header carries: it holds for this key, id and bucket, and for no other. */
export async function proveCommitment(dataKeys: DataKeys, inc: string, segment: Segment): Promise<void> {
  const prefixes = Buffer.from(segment.prefixes, "base64");
  const described = {
    segmentId: Buffer.from(segment.id, "hex"), bucketId: inc, dataKeys: dataKeys.bytes, suite: suiteById(segment.suite),
  };
  segmentOpener(described, prefixes);
  const otherId = Buffer.from(described.segmentId);
  otherId.writeUInt8(otherId.readUInt8(0) ^ 1, 0);
  await refuse("a body opens in another bucket", async () => void segmentOpener({ ...described, bucketId: `${inc}x` }, prefixes));
  await refuse("a body opens as another", async () => void segmentOpener({ ...described, segmentId: otherId }, prefixes));
  await withOtherKeys(dataKeys, (keys) =>
    refuse("a body opens with another key", async () => void segmentOpener({ ...described, dataKeys: keys }, prefixes)),
  );
}

/** Calls `trial` with each data key changed by one bit in turn. */
async function withOtherKeys(dataKeys: DataKeys, trial: (keys: readonly Buffer[]) => Promise<void>): Promise<void> {
  const { bytes } = dataKeys;
  for (const layer of bytes.keys()) {
    const keys = bytes.map((key) => Buffer.from(key));
    keys[layer]?.writeUInt8((keys[layer]?.readUInt8(31) ?? 0) ^ 1, 31);
    try {
      await trial(keys);
    } finally {
      for (const key of keys) key.fill(0);
    }
  }
}
