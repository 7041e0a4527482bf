/**
 * The committed vectors of docs/spec/vectors/: our code makes exactly these bytes, our readers open them, and so does the
 * independent decoder that was written from the documents.
 */
import assert from "node:assert/strict";
import { createHash, createHmac, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  customerKey,
  decodeKeyFile,
  decryptKms,
  deriveRootKeys,
  openRow,
  openSegment,
  parseKmsHeader,
  unwrapKey,
  verifyManifest,
  wrappingKey,
} from "@coffer/seal";
import { SUITE_C2SP_16K, deriveLayerKey, hkdfExpand, kdfCounter, sealLayer, sealerWithSalts } from "@coffer/seal/testing";
import * as independent from "./independent.js";
import { makeVectors } from "./make-vectors.js";
import { hex, pattern } from "./support.js";

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** Vectors as committed; tests are started in the repository's root. */
function committed<T>(name: string): T {
  return JSON.parse(readFileSync(join("docs", "spec", "vectors", name), "utf8")) as T;
}

for (const [name, made] of Object.entries(makeVectors())) {
  test(`${name}: the code makes exactly the committed bytes`, () => {
    assert.deepEqual(JSON.parse(JSON.stringify(made)), committed(name));
  });
}

interface StreamVectors {
  segments: {
    dataKeys: string[];
    segmentId: string;
    bucketId: string;
    salts: string;
    plaintextBytes: number;
    sealedBytes: number;
    sealedSha256: string;
    sealed?: string;
  }[];
  manifests: { dataKeys: string[]; manifest: string; mac: string }[];
  c2sp: { inputKey: string; salt: string; context: string; plaintextBytes: number; sealedSha256: string; sealed?: string }[];
}

test("sealed-stream.json: segments open with our reader and with the independent one", () => {
  const { segments, manifests, c2sp } = committed<StreamVectors>("sealed-stream.json");
  for (const vector of segments) {
    const dataKeys = vector.dataKeys.map(hex);
    const segment = { dataKeys, segmentId: hex(vector.segmentId), bucketId: vector.bucketId };
    const plain = pattern(vector.plaintextBytes);
    const sealed = vector.sealed === undefined ? sealerWithSalts(segment, hex(vector.salts)).sealAll(plain) : hex(vector.sealed);
    assert.equal(sealed.length, vector.sealedBytes);
    assert.equal(sha256(sealed), vector.sealedSha256);
    assert.deepEqual(openSegment(segment, sealed), plain);
    assert.deepEqual(independent.openSegment(dataKeys, segment.segmentId, vector.bucketId, sealed), plain);
  }
  for (const { dataKeys, manifest, mac } of manifests) {
    verifyManifest(dataKeys.map(hex), hex(manifest), hex(mac));
    assert.deepEqual(independent.manifestMac(dataKeys.map(hex), hex(manifest)), hex(mac));
  }
  for (const vector of c2sp) {
    const [inputKey, salt, context] = [hex(vector.inputKey), hex(vector.salt), hex(vector.context)];
    const sealed = sealLayer(deriveLayerKey(SUITE_C2SP_16K, inputKey, salt, context), pattern(vector.plaintextBytes));
    assert.equal(sha256(sealed), vector.sealedSha256);
    const info = Buffer.from("c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0", "ascii");
    const plain = independent.openStream({ info, chunk: 16384, inputKey, context, sealed });
    assert.deepEqual(plain, pattern(vector.plaintextBytes));
  }
});

interface KmsVectors {
  ciphertexts: {
    keyId: string;
    materialId: string;
    imported: boolean;
    material: string;
    context: Record<string, string>;
    plaintext: string;
    blob: string;
  }[];
}

test("kms-ciphertext.json: blobs open with our reader and with the independent one", () => {
  for (const vector of committed<KmsVectors>("kms-ciphertext.json").ciphertexts) {
    const { keyId, materialId, imported, context } = vector;
    const [blob, material, plaintext] = [hex(vector.blob), hex(vector.material), hex(vector.plaintext)];
    assert.deepEqual(parseKmsHeader(blob), { keyId, materialId, imported });
    assert.deepEqual(decryptKms(blob, material, context), plaintext);
    assert.deepEqual(independent.openKms(material, context, blob), plaintext);
    assert.equal(blob.length, plaintext.length + 133);
  }
});

interface Wrapped {
  secret: string;
  aad: string;
  blob: string;
}
interface RecordVectors {
  rootKey: string;
  storeId: string;
  rows: {
    name: string;
    kind: string;
    key: string;
    version: number;
    clear: string;
    fingerprints: string | null;
    sealed: string | null;
    row: string;
  }[];
  wraps: (Wrapped & { wrappingKey: string })[];
  materialWraps: Wrapped[];
  customerKeys: (Wrapped & { customerKey: string; customerSalt: string; check: string })[];
}

test("records.json: rows open with our reader and with the independent one", () => {
  const { rootKey, storeId, rows } = committed<RecordVectors>("records.json");
  const keys = deriveRootKeys(hex(rootKey), storeId);
  for (const vector of rows) {
    const [key, row] = [hex(vector.key), hex(vector.row)];
    const mine = openRow(keys.records, { kind: vector.kind, key }, row);
    const other = independent.openRow(hex(rootKey), storeId, vector.kind, key, row);
    for (const got of [{ ...mine, sealed: mine.sealed() }, other]) {
      assert.equal(got.version, vector.version, vector.name);
      assert.equal(got.clear.toString("hex"), vector.clear, vector.name);
      assert.equal(got.fingerprints.toString("hex"), vector.fingerprints ?? "", vector.name);
      assert.equal(got.sealed?.toString("hex") ?? null, vector.sealed, vector.name);
    }
  }
});

test("records.json: wrapped keys and customer keys open with our reader and with the independent one", () => {
  const { rootKey, storeId, wraps, materialWraps, customerKeys } = committed<RecordVectors>("records.json");
  const checkWrap = (key: Buffer, { secret, aad, blob }: Wrapped): void => {
    assert.deepEqual(unwrapKey(wrappingKey(key), hex(blob), hex(aad)), hex(secret));
    assert.deepEqual(independent.unwrap(key, hex(aad), hex(blob)), hex(secret));
  };
  for (const vector of wraps) checkWrap(hex(vector.wrappingKey), vector);
  for (const vector of materialWraps) {
    checkWrap(independent.rootSubkey(hex(rootKey), storeId, "material-wrap"), vector);
    const { materialWrapping } = deriveRootKeys(hex(rootKey), storeId);
    assert.deepEqual(unwrapKey(materialWrapping, hex(vector.blob), hex(vector.aad)), hex(vector.secret));
  }
  for (const vector of customerKeys) {
    const [key, salt] = [hex(vector.customerKey), hex(vector.customerSalt)];
    const other = independent.customerKey(key, salt);
    assert.equal(other.check.toString("hex"), vector.check);
    assert.deepEqual(customerKey(key, salt).check, other.check);
    checkWrap(other.wrappingKey, vector);
  }
});

test("key-file.json: the file decodes with our reader and with the independent one", () => {
  interface KeyFileVectors {
    files: { rootKey: string; storeId: string; fingerprint: string; file: string }[];
  }
  for (const { file, rootKey, storeId, fingerprint } of committed<KeyFileVectors>("key-file.json").files) {
    assert.deepEqual(decodeKeyFile(Buffer.from(file, "latin1")), { rootKey: hex(rootKey), storeId, fingerprint });
    assert.deepEqual(independent.readKeyFile(file), { rootKey: hex(rootKey), storeId });
  }
});

test("the counter-mode KDF equals NIST's (CAVP KBKDF, HMAC_SHA256, counter before, 32 bits, L = 128, COUNT 0)", () => {
  const key = hex("dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0");
  const fixed = hex(
    "01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b8" +
      "64a145fab25e517b08f8683d0315bb2911d80a0e8aba17f3b413faac",
  );
  assert.equal(kdfCounter("sha256", key, fixed, 16).toString("hex"), "10621342bfb0fd40046c0e29f2cfdbf0");
});

test("HKDF-Expand equals Node's own for every number of blocks", () => {
  for (const length of [1, 32, 63, 64, 65, 128, 129, 1000]) {
    const prk = createHmac("sha512", "salt").update("key").digest();
    const expected = Buffer.from(hkdfSync("sha512", "key", "salt", "info", length));
    assert.deepEqual(hkdfExpand(prk, Buffer.from("info"), length), expected);
  }
});
