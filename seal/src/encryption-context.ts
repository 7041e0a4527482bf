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
  const pairs = Object.entries(context).map(([key, value]) => ({ key: utf8(key), value: utf8(value) }));
  pairs.sort((a, b) => Buffer.compare(a.key, b.key));
  for (let i = 1; i < pairs.length; i++) {
    const [a, b] = [pairs[i - 1], pairs[i]];
    // Only strings that are not well-formed UTF-16 can meet here: both became U+FFFD.
    if (a !== undefined && b !== undefined && a.key.equals(b.key)) throw new RangeError("encryption context: key twice");
  }
  const parts: Buffer[] = [u16(pairs.length)];
  for (const { key, value } of pairs) parts.push(u16(key.length), key, u16(value.length), value);
  return Buffer.concat(parts);
}

function utf8(text: string): Buffer {
  return Buffer.from(text, "utf8");
}

function u16(value: number): Buffer {
  if (value > MAX_U16) throw new RangeError("encryption context: too long");
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
