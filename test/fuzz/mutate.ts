/** Mutations of byte strings: the usual ones of a fuzzer, a few at a time. */
import type { Random } from "../random.js";

const INTERESTING = [0x00, 0x01, 0x0a, 0x0d, 0x20, 0x22, 0x25, 0x26, 0x2f, 0x3b, 0x3c, 0x3d, 0x7f, 0x80, 0xc0, 0xed, 0xff];

/** @param other another input, to splice with */
export function mutate(input: Buffer, other: Buffer, words: readonly string[], random: Random): Buffer {
  let out: Buffer = Buffer.from(input);
  for (let n = 1 + random.below(4); n > 0; n--) out = mutateOnce(out, other, words, random);
  return out;
}

function mutateOnce(input: Buffer, other: Buffer, words: readonly string[], random: Random): Buffer {
  const at = random.below(input.length + 1);
  const size = Math.min(input.length - at, 1 + random.below(random.below(8) === 0 ? 256 : 8));
  switch (random.below(9)) {
    case 0: return setByte(input, at, (byte) => byte ^ (1 << random.below(8)));
    case 1: return setByte(input, at, () => random.pick(INTERESTING));
    case 2: return setByte(input, at, (byte) => byte + random.below(35) - 17);
    case 3: return replaced(input, at, size, Buffer.alloc(0));
    case 4: return replaced(input, at, 0, input.subarray(at, at + size));
    case 5: {
      const word = words.length === 0 ? "0" : random.pick(words);
      return replaced(input, at, random.below(2) * size, Buffer.from(word, "latin1"));
    }
    case 6: {
      const from = random.below(other.length + 1);
      return replaced(input, at, size, other.subarray(from, from + size + random.below(16)));
    }
    case 7: {
      const count = 1 + random.below(random.below(16) === 0 ? 4096 : 16);
      return replaced(input, at, 0, Buffer.alloc(count, input[at] ?? 0x61));
    }
    default: {
      const from = random.below(input.length + 1);
      return replaced(input, at, 0, input.subarray(from, from + size));
    }
  }
}

function setByte(input: Buffer, at: number, change: (byte: number) => number): Buffer {
  if (at < input.length) input[at] = change(input[at] ?? 0) & 0xff;
  return input;
}

function replaced(input: Buffer, at: number, size: number, by: Uint8Array): Buffer {
  return Buffer.concat([input.subarray(0, at), by, input.subarray(at + size)]);
}
