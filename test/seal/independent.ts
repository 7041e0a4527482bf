/**
 * A second decoder of every format, written from docs/spec/ alone and sharing nothing with @coffer/seal but node:crypto:
 * slow and plain. If the two disagree, either the document or the code is wrong.
 */
import { createCipheriv, createDecipheriv, createHash, createHmac } from "node:crypto";

const ascii = (text: string): Buffer => Buffer.from(text, "ascii");
const u8 = (value: number): Buffer => Buffer.from([value]);
const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);

function expand(key: Buffer, info: Buffer, length: number): Buffer {
  let out = Buffer.alloc(0);
  let last = Buffer.alloc(0);
  for (let i = 1; out.length < length; i++) {
    last = createHmac("sha512", key).update(Buffer.concat([last, info, u8(i)])).digest();
    out = Buffer.concat([out, last]);
  }
  return out.subarray(0, length);
}

function gcmOpen(key: Buffer, nonce: Buffer, sealed: Buffer, aad: Buffer): Buffer {
  const cipher = createDecipheriv("aes-256-gcm", key, nonce).setAAD(aad).setAuthTag(sealed.subarray(-16));
  return Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]);
}

function same(a: Buffer, b: Buffer, what: string): void {
  if (!a.equals(b)) throw new Error(what);
}

/** docs/spec/sealed-stream.md §2. */
export function openStream(input: { info: Buffer; chunk: number; inputKey: Buffer; context: Buffer; sealed: Buffer }): Buffer {
  const { info, chunk, inputKey, context, sealed } = input;
  const okm = expand(inputKey, Buffer.concat([info, sealed.subarray(0, 24), context]), 76);
  same(okm.subarray(44), sealed.subarray(24, 56), "commitment");
  const base = BigInt(`0x${okm.toString("hex", 32, 44)}`);
  const out: Buffer[] = [];
  for (let at = 56, k = 0n; ; at += chunk + 16, k++) {
    const body = sealed.subarray(at, at + chunk + 16);
    const nonce = Buffer.from((base ^ k).toString(16).padStart(24, "0"), "hex");
    out.push(gcmOpen(okm.subarray(0, 32), nonce, body, Buffer.alloc(0)));
    if (body.length < chunk + 16) return Buffer.concat(out);
  }
}

/** docs/spec/sealed-stream.md §1, §4. */
export function openSegment(dataKeys: Buffer[], segmentId: Buffer, bucketId: string, sealed: Buffer): Buffer {
  let bytes = sealed;
  for (let layer = dataKeys.length - 1; layer >= 0; layer--) {
    const bucket = Buffer.from(bucketId);
    const head = Buffer.from([1, dataKeys.length, layer]);
    const context = Buffer.concat([ascii("coffer/v1"), head, segmentId, u8(bucket.length), bucket]);
    const info = ascii("coffer/sealed-stream@v1+64KiB+AEAD_AES_256_GCM\0");
    bytes = openStream({ info, chunk: 65536, inputKey: dataKeys[layer] as Buffer, context, sealed: bytes });
  }
  return bytes;
}

/** docs/spec/sealed-stream.md §5. */
export function manifestMac(dataKeys: Buffer[], manifest: Buffer): Buffer {
  const key = Buffer.concat(dataKeys.map((dataKey) => expand(dataKey, ascii("coffer/manifest/v1"), 32)));
  return createHmac("sha256", key).update(manifest).digest();
}

const lp = (...fields: readonly (string | number | Buffer)[]): Buffer =>
  Buffer.concat(fields.flatMap((field) => {
    const bytes = Buffer.isBuffer(field) ? field : Buffer.from(String(field));
    return [Buffer.from([bytes.length >>> 24, bytes.length >>> 16, bytes.length >>> 8, bytes.length]), bytes];
  }));

/** docs/spec/objects.md §3: segment id, size, place, prefixes, suite. */
type SegmentFields = readonly [string, number, string, string, number];

/** docs/spec/objects.md §3. @param fields from incarnation to checksum, in the document's order */
export function objectManifest(
  fields: readonly (string | number)[], body: { segment: SegmentFields } | { parts: readonly [string, number, string] },
): Buffer {
  const last = "segment" in body ? lp("segment", lp(...body.segment)) : lp("parts", ...body.parts);
  return lp("coffer/object-manifest/v1", ...fields, last);
}

/** docs/spec/objects.md §3: part number, segment, checksum. */
export function partTableHash(parts: readonly (readonly [number, SegmentFields, string])[]): string {
  const entries = parts.map(([n, segment, checksum]) => lp(n, lp(...segment), checksum));
  return createHash("sha256").update(Buffer.concat([ascii("coffer/part-table/v1"), ...entries])).digest("base64");
}

/** docs/spec/kms-ciphertext.md. */
export function openKms(material: Buffer, context: Record<string, string>, blob: Buffer): Buffer {
  const keys = Object.keys(context).map((key) => Buffer.from(key)).sort(Buffer.compare);
  const pairs = keys.flatMap((key) => {
    const value = Buffer.from(context[key.toString()] as string);
    return [u16(key.length), key, u16(value.length), value];
  });
  const canonical = Buffer.concat([u16(keys.length), ...pairs]);
  const fixed = Buffer.concat([
    ascii("coffer/kms/v1\0"),
    blob.subarray(53, 85),
    blob.subarray(0, 53),
    createHash("sha256").update(canonical).digest(),
    Buffer.from("00000200", "hex"),
  ]);
  const okm = createHmac("sha512", material).update(Buffer.from([0, 0, 0, 1])).update(fixed).digest();
  same(okm.subarray(32), blob.subarray(85, 117), "commitment");
  const aad = Buffer.concat([blob.subarray(0, 117), canonical]);
  return gcmOpen(okm.subarray(0, 32), Buffer.alloc(12), blob.subarray(117), aad);
}

/** docs/spec/records.md §2. */
export function rootSubkey(rootKey: Buffer, storeId: string, label: string): Buffer {
  const info = Buffer.concat([ascii("coffer/root/v1"), u8(label.length), ascii(label), Buffer.from(storeId, "hex")]);
  return expand(rootKey, info, 32);
}

/** docs/spec/records.md §3, §4. */
export function openRow(rootKey: Buffer, storeId: string, kind: string, key: Buffer, row: Buffer) {
  const store = Buffer.from(storeId, "hex");
  const place = Buffer.concat([ascii("coffer/row/v1"), store, u8(kind.length), ascii(kind), u16(key.length), key]);
  const aes = (block: Buffer): Buffer => {
    const cipher = createCipheriv("aes-256-ecb", rootSubkey(rootKey, storeId, "record-mac"), null).setAutoPadding(false);
    return cipher.update(block);
  };
  const hash = createHash("sha256").update(place).update(row.subarray(0, -16)).digest();
  const first = aes(hash.subarray(0, 16));
  same(aes(Buffer.from(first.map((byte, i) => byte ^ (hash[16 + i] as number)))), row.subarray(-16), "mac");
  const flags = row[1] as number;
  let at = flags === 0 ? 8 : 24;
  const nonce = row.subarray(8, at);
  let fingerprints = Buffer.alloc(0);
  if ((flags & 2) !== 0) {
    const length = row.readUInt16BE(at);
    const cipher = createDecipheriv("aes-256-ctr", rootSubkey(rootKey, storeId, "record-mask"), nonce);
    fingerprints = Buffer.from(cipher.update(row.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  const clear = row.subarray(at, at + row.readUInt32BE(4));
  at += clear.length;
  if ((flags & 1) === 0) return { version: row.readUInt16BE(2), clear, fingerprints, sealed: undefined };
  const cipher = createDecipheriv("aes-256-ctr", rootSubkey(rootKey, storeId, "record-seal"), nonce);
  const sealed = Buffer.from(cipher.update(row.subarray(at, -16)));
  return { version: row.readUInt16BE(2), clear, fingerprints, sealed };
}

/** docs/spec/records.md §5. */
export function unwrap(wrappingKey: Buffer, aad: Buffer, blob: Buffer): Buffer {
  same(expand(wrappingKey, ascii("coffer/key-id/v1"), 16), blob.subarray(2, 18), "key id");
  const okm = expand(wrappingKey, Buffer.concat([ascii("coffer/wrap/v1"), blob.subarray(0, 42), aad]), 64);
  same(okm.subarray(32), blob.subarray(42, 74), "commitment");
  return gcmOpen(okm.subarray(0, 32), Buffer.alloc(12), blob.subarray(74), blob.subarray(0, 74));
}

/** docs/spec/records.md §6. */
export function customerKey(key: Buffer, salt: Buffer): { wrappingKey: Buffer; check: Buffer } {
  const prk = createHmac("sha512", salt).update(key).digest();
  return { wrappingKey: expand(prk, ascii("coffer/sse-c/wrap/v1"), 32), check: expand(prk, ascii("coffer/sse-c/check/v1"), 32) };
}

/** docs/spec/key-file.md §2. */
export function readKeyFile(file: string): { rootKey: Buffer; storeId: string } {
  const lines = file.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const field = (name: string): Buffer => {
    const line = lines.find((each) => each.startsWith(`${name} `));
    return Buffer.from((line as string).slice(name.length + 1), "hex");
  };
  const [storeId, fingerprint, rootKey] = [field("store-id"), field("fingerprint"), field("root-key")];
  same(expand(rootKey, ascii("coffer/fingerprint/v1"), 16), fingerprint, "fingerprint");
  const sum = createHash("sha256").update(Buffer.concat([ascii("coffer/key-file/v1"), storeId, fingerprint, rootKey])).digest();
  same(sum.subarray(0, 16), field("checksum"), "checksum");
  return { rootKey, storeId: storeId.toString("hex") };
}
