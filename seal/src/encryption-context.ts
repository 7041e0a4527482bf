/**
 * Canonical bytes of an encryption context: what a KMS ciphertext is bound to. Sorted by the UTF-8 bytes of the keys and
 * length-prefixed, so neither map order nor a clever choice of keys and values can make two contexts equal.
 * FORMAT: docs/spec/kms-ciphertext.md §3.
 */

/** Key to value; the empty object is the empty context. */
export type EncryptionContext = Readonly<Record<string, string>>;

const MAX_U16 = 0xffff;

/**
 * `u16 count ‖ for each pair sorted by UTF-8 key bytes: u16 length ‖ key ‖ u16 length ‖ value`, big-endian.
 * @throws RangeError when a length or the count leaves u16: validation must have refused such a context
 */
export function canonicalContext(context: EncryptionContext): Buffer {
  const pairs = Object.entries(context).map(([key, value]) => ({ key: Buffer.from(key, "utf8"), value }));
  if (pairs.length > 1) pairs.sort((a, b) => Buffer.compare(a.key, b.key));
  for (let i = 1; i < pairs.length; i++) {
    const [a, b] = [pairs[i - 1], pairs[i]];
    // Only strings that are not well-formed UTF-16 can meet here: both became U+FFFD.
    if (a !== undefined && b !== undefined && a.key.equals(b.key)) throw new RangeError("encryption context: key twice");
  }
  const out = Buffer.allocUnsafe(2 + pairs.reduce((sum, { key, value }) => sum + 4 + key.length + Buffer.byteLength(value), 0));
  let at = out.writeUInt16BE(checkedU16(pairs.length));
  for (const { key, value } of pairs) {
    at = out.writeUInt16BE(checkedU16(key.length), at);
    at += key.copy(out, at);
    at = out.writeUInt16BE(checkedU16(Buffer.byteLength(value)), at);
    at += out.write(value, at, "utf8");
  }
  return out;
}

function checkedU16(value: number): number {
  if (value > MAX_U16) throw new RangeError("encryption context: too long");
  return value;
}
