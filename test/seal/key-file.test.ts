/** Key files: what is written comes back; any damage is named and never taken for a key. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  KeyFileError,
  MAX_KEY_FILE_BYTES,
  decodeKeyFile,
  encodeKeyFile,
  keyFingerprint,
  newRootKey,
  newStoreId,
} from "@coffer/seal";
import { flipped } from "./support.js";

const rootKey = newRootKey();
const storeId = newStoreId();
const file = encodeKeyFile(rootKey, storeId);
const text = file.toString("latin1");

const isReason = (reason: string) => (error: unknown): boolean =>
  error instanceof KeyFileError && error.reason === reason && !error.message.includes(rootKey.toString("hex").slice(0, 8));

test("a key file gives back root key, store id and fingerprint", () => {
  assert.deepEqual(decodeKeyFile(file), { rootKey, storeId, fingerprint: keyFingerprint(rootKey) });
  assert.ok(text.split("\n").every((line) => line.length <= 120 && /^[\x20-\x7e]*$/.test(line)));
});

test("line ends, trailing spaces, comments, blank lines and the order of lines do not matter", () => {
  const [first, ...lines] = text.trimEnd().split("\n");
  const ends = [text.replaceAll("\n", "\r\n"), text.replaceAll("\n", "  \n"), text.trimEnd()];
  for (const variant of [...ends, `${text}\n\n# found in the safe\n`, [first, ...lines.toReversed()].join("\n")]) {
    assert.deepEqual(decodeKeyFile(Buffer.from(variant)).rootKey, rootKey);
  }
});

test("a flip of any bit of any value is refused", () => {
  const values = text.indexOf("store-id");
  for (let at = 0; at < file.length; at++) {
    const comment = at >= text.indexOf("#") && at < values;
    const lineEnd = file[at] === 0x0a && at === file.length - 1;
    if (comment || lineEnd) continue;
    assert.throws(() => decodeKeyFile(flipped(file, at)), KeyFileError, `byte ${at}`);
  }
});

test("another digit anywhere is a checksum fault; a malformed, missing, double or unknown line is named", () => {
  const key = /root-key (.)/;
  const digit = key.exec(text)?.[1] === "0" ? "1" : "0";
  assert.throws(() => decodeKeyFile(Buffer.from(text.replace(key, `root-key ${digit}`))), isReason("checksum"));
  assert.throws(() => decodeKeyFile(Buffer.from(text.replace(/store-id .*/, `store-id ${newStoreId()}`))), isReason("checksum"));
  for (const name of ["store-id", "fingerprint", "root-key", "checksum"]) {
    const line = new RegExp(`${name} .*\n`);
    assert.throws(() => decodeKeyFile(Buffer.from(text.replace(line, ""))), isReason("damaged"), name);
    assert.throws(() => decodeKeyFile(Buffer.from(text.replace(line, "$&$&"))), isReason("damaged"), name);
    assert.throws(() => decodeKeyFile(Buffer.from(text.replace(line, `${name} 00\n`))), isReason("damaged"), name);
    assert.throws(() => decodeKeyFile(Buffer.from(text.replace(line, `${name}\n`))), isReason("damaged"), name);
  }
  assert.throws(() => decodeKeyFile(Buffer.from(`${text}extra 00\n`)), isReason("damaged"));
});

test("every truncation is refused", () => {
  for (let length = 0; length < file.length - 1; length++) {
    assert.throws(() => decodeKeyFile(file.subarray(0, length)), KeyFileError, `${length} bytes`);
  }
});

test("other files and later versions are told apart", () => {
  for (const other of ["", "\n", "{}", "-----BEGIN PRIVATE KEY-----\n", `\n${text}`, text.toUpperCase()]) {
    assert.throws(() => decodeKeyFile(Buffer.from(other)), isReason("not-a-key-file"));
  }
  assert.throws(() => decodeKeyFile(Buffer.alloc(MAX_KEY_FILE_BYTES + 1)), isReason("not-a-key-file"));
  assert.throws(() => decodeKeyFile(Buffer.from(text.replace("version 1", "version 2"))), isReason("version"));
});

test("a root key or store id of another form is not written", () => {
  assert.throws(() => encodeKeyFile(Buffer.alloc(31), storeId), RangeError);
  for (const id of ["", storeId.slice(1), `${storeId}0`, "Z".repeat(32)]) {
    assert.throws(() => encodeKeyFile(rootKey, id), RangeError);
  }
});
