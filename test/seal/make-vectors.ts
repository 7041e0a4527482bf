/**
 * The test vectors of docs/spec/vectors/, made by @coffer/seal with fixed keys, salts and nonces. `node
 * dist/test/seal/make-vectors.js docs/spec/vectors` writes them anew; that is right only together with a new format version,
 * because vectors of a released format never change.
 */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  customerKey,
  deriveRootKeys,
  encodeKeyFile,
  keyFingerprint,
  keyMaterialId,
  macManifest,
  wrappingKey,
} from "@coffer/seal";
import type { RowParts } from "@coffer/seal";
import {
  SUITE_C2SP_16K,
  deriveLayerKey,
  encryptKmsWithSalt,
  sealLayer,
  sealRowWithNonce,
  sealerWithSalts,
  wrapKeyWithSalt,
} from "@coffer/seal/testing";
import { fixedSegment, pattern } from "./support.js";

/** Sealed bytes longer than this are given by their hash. */
const MAX_HEX_BYTES = 1024;
const STORE_ID = "000102030405060708090a0b0c0d0e0f";
const sequence = (length: number, first = 0): Buffer => Buffer.from(Array.from({ length }, (_, i) => (first + i) & 255));
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

function sealedFields(sealed: Buffer): Record<string, unknown> {
  const sha256 = createHash("sha256").update(sealed).digest("hex");
  const fields = { sealedBytes: sealed.length, sealedSha256: sha256 };
  return sealed.length <= MAX_HEX_BYTES ? { ...fields, sealed: toHex(sealed) } : fields;
}

function streamVectors(): unknown {
  const segments = [1, 2].flatMap((layers) =>
    [0, 1, 300, 65535, 65536, 65537, 200000].map((size) => {
      const segment = fixedSegment(layers);
      const salts = sequence(24 * layers);
      const sealer = sealerWithSalts(segment, salts);
      return {
        dataKeys: segment.dataKeys.map(toHex),
        segmentId: toHex(segment.segmentId),
        bucketId: segment.bucketId,
        suite: 1,
        salts: toHex(salts),
        plaintextBytes: size,
        prefixes: toHex(sealer.prefixes),
        ...sealedFields(sealer.sealAll(pattern(size))),
      };
    }),
  );
  const c2sp = [0, 7, 16383, 16384, 40000].map((size) => {
    const [inputKey, salt, context] = [sequence(32, 64), sequence(24, 128), Buffer.from("test context")];
    const layer = deriveLayerKey(SUITE_C2SP_16K, inputKey, salt, context);
    const fields = { inputKey: toHex(inputKey), salt: toHex(salt), context: toHex(context), plaintextBytes: size };
    return { ...fields, ...sealedFields(sealLayer(layer, pattern(size))) };
  });
  const manifest = Buffer.from("canonical bytes of a manifest");
  const manifests = [1, 2].map((layers) => {
    const { dataKeys } = fixedSegment(layers);
    return { dataKeys: dataKeys.map(toHex), manifest: toHex(manifest), mac: toHex(macManifest(dataKeys, manifest)) };
  });
  return { plaintext: "byte i is i mod 251", segments, manifests, c2sp };
}

function kmsVectors(): unknown {
  const materialId = toHex(sequence(32, 96));
  const contexts: Record<string, string>[] = [
    {},
    { "aws:s3:arn": "arn:aws:s3:::bucket/key" },
    { b: "2", a: "1", "": "empty key", "é": "ünïcode", "😀": "", "￿": "sorts before the emoji in UTF-8" },
  ];
  const keyIds = ["1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd12ab34cd56ef1234567890ab"];
  return {
    ciphertexts: keyIds.flatMap((keyId, i) =>
      contexts.map((context, j) => {
        const [header, material, salt] = [{ keyId, materialId, imported: i === 1 }, sequence(32, 160), sequence(32, 10 * j)];
        const plaintext = pattern(16 * j);
        const blob = encryptKmsWithSalt(header, material, { plaintext, context, salt });
        const secrets = { material: toHex(material), salt: toHex(salt), plaintext: toHex(plaintext) };
        return { ...header, context, ...secrets, blob: toHex(blob) };
      }),
    ),
  };
}

function recordVectors(): unknown {
  const rootKey = sequence(32, 1);
  const keys = deriveRootKeys(rootKey, STORE_ID);
  const place = { kind: "head", key: sequence(20, 0x50) };
  const clear = Buffer.from('{"sizeBytes":3}');
  const parts: Record<string, RowParts> = {
    "clear only": { version: 1, clear },
    "empty clear part": { version: 0, clear: Buffer.alloc(0) },
    fingerprints: { version: 2, clear, fingerprints: pattern(40) },
    sealed: { version: 3, clear, sealed: Buffer.from("user metadata") },
    "everything, counter carry": { version: 65535, clear, fingerprints: pattern(48), sealed: Buffer.alloc(0) },
  };
  const rows = Object.entries(parts).map(([name, row]) => {
    const nonce = row.fingerprints || row.sealed ? Buffer.alloc(16, name.includes("carry") ? 0xff : 0x77) : undefined;
    return {
      name,
      kind: place.kind,
      key: toHex(place.key),
      version: row.version,
      clear: toHex(row.clear),
      fingerprints: row.fingerprints ? toHex(row.fingerprints) : null,
      sealed: row.sealed ? toHex(row.sealed) : null,
      nonce: nonce ? toHex(nonce) : null,
      row: toHex(sealRowWithNonce(keys.records, place, row, nonce)),
    };
  });
  return { rootKey: toHex(rootKey), storeId: STORE_ID, rows, ...wrapVectors(rootKey) };
}

function wrapVectors(rootKey: Buffer): Record<string, unknown> {
  const [secret, aad, salt] = [pattern(32), Buffer.from("what it belongs to"), sequence(24, 7)];
  const keys = deriveRootKeys(rootKey, STORE_ID);
  const bytes = sequence(32, 33);
  const customer = customerKey(sequence(32, 65), sequence(32, 97));
  const keyId = "1234abcd-12ab-34cd-56ef-1234567890ab";
  const fields = { secret: toHex(secret), aad: toHex(aad), salt: toHex(salt) };
  return {
    wraps: [{ wrappingKey: toHex(bytes), ...fields, blob: toHex(wrapKeyWithSalt(wrappingKey(bytes), secret, aad, salt)) }],
    materialWraps: [{ ...fields, blob: toHex(wrapKeyWithSalt(keys.materialWrapping, secret, aad, salt)) }],
    customerKeys: [
      {
        customerKey: toHex(sequence(32, 65)),
        customerSalt: toHex(sequence(32, 97)),
        check: toHex(customer.check),
        ...fields,
        blob: toHex(wrapKeyWithSalt(customer.wrapping, secret, aad, salt)),
      },
    ],
    materialIds: [{ keyId, material: toHex(secret), materialId: keyMaterialId(keys.materialIdKey, keyId, secret) }],
  };
}

function keyFileVectors(): unknown {
  const rootKey = sequence(32, 1);
  const file = encodeKeyFile(rootKey, STORE_ID).toString("latin1");
  return { files: [{ rootKey: toHex(rootKey), storeId: STORE_ID, fingerprint: keyFingerprint(rootKey), file }] };
}

/** File name to content. */
export function makeVectors(): Record<string, unknown> {
  return {
    "sealed-stream.json": streamVectors(),
    "kms-ciphertext.json": kmsVectors(),
    "records.json": recordVectors(),
    "key-file.json": keyFileVectors(),
  };
}

const folder = process.argv[2];
if (folder !== undefined && import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const [name, content] of Object.entries(makeVectors())) {
    writeFileSync(join(folder, name), `${JSON.stringify(content, undefined, 2)}\n`);
  }
}
