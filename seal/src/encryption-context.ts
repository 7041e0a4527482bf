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
  const names = Object.keys(context);
  const [name = ""] = names;
  const only = names.length === 1 ? onePair(name, context[name] ?? "") : undefined;
  if (only !== undefined) return only;
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

/** The usual case, S3's: one pair of ASCII. @returns undefined for any other */
function onePair(key: string, value: string): Buffer | undefined {
  const valueAt = 4 + key.length;
  if (valueAt + value.length > SHORT) return undefined;
  const out = Buffer.allocUnsafe(valueAt + 2 + value.length);
  out[0] = 0;
  out[1] = 1;
  return addAscii(out, 2, key) && addAscii(out, valueAt, value) ? out : undefined;
}

/** What is short is written character by character: a call of the UTF-8 encoder costs more. */
const SHORT = 512;

/** A length and the text; false when it is not all ASCII. */
function addAscii(out: Buffer, at: number, text: string): boolean {
  out[at] = text.length >>> 8;
  out[at + 1] = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return false;
    out[at + 2 + i] = unit;
  }
  return true;
}

function checkedU16(value: number): number {
  if (value > MAX_U16) throw new RangeError("encryption context: too long");
  return value;
}
