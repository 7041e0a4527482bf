import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deriveRootKeys, newRootKey, newStoreId } from "@coffer/seal";
import { decodeKey, decodeText, encodeKey, encodeText, spanOf } from "../../src/stores/key-encoding.js";
import { memoryMetadataStore } from "../../src/stores/memory-metadata.js";
import { createRecords } from "../../src/stores/record-table.js";
import { Space } from "../../src/stores/spaces.js";
import { generator } from "./metadata-suite.js";

const STRINGS = [
  ...["", "\0", "\0\0", "\u0001", "a", "a\0", "a\0b", "a\u0001", "a/", "a/b", "aa", "b"],
  ...["\u007f", "\u0080", "é", "\uffff", "😀", "\u{10ffff}"],
];
const NUMBERS = [0, 1, 255, 256, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER - 1, Number.MAX_SAFE_INTEGER];
const utf8 = (text: string): Buffer => Buffer.from(text, "utf8");

describe("row keys", () => {
  it("strings keep the order of their UTF-8 bytes, a shorter one before any that it begins, whatever follows", () => {
    const random = generator(5);
    for (let i = 0; i < 2000; i++) {
      const one = (): string => STRINGS[Math.floor(random() * STRINGS.length)] ?? "";
      const [a, b] = [one() + one() + one(), one() + one() + one()];
      const [x = 0, y = 0] = [0, 1].map(() => NUMBERS[Math.floor(random() * NUMBERS.length)]);
      const order = Buffer.compare(encodeKey(1, [a, x]), encodeKey(1, [b, y]));
      assert.equal(order, Buffer.compare(utf8(a), utf8(b)) || Math.sign(x - y), JSON.stringify([a, x, b, y]));
    }
  });

  it("numbers keep their order; only safe integers ≥ 0 are keys", () => {
    const keys = NUMBERS.map((number) => encodeKey(1, [number]));
    assert.deepEqual([...keys].sort(Buffer.compare), keys);
    for (const bad of [-1, 0.5, NaN, Infinity, 2 ** 53]) assert.throws(() => encodeKey(1, [bad]), /safe integer/);
  });

  it("no two lists of strings share a key", () => {
    const seen = new Map<string, string>();
    for (const a of STRINGS) {
      for (const parts of [[a], ...STRINGS.map((b) => [a, b]), ...STRINGS.map((b) => [a, b, ""])]) {
        const key = encodeKey(1, parts).toString("latin1");
        assert.equal(seen.get(key), undefined);
        seen.set(key, JSON.stringify(parts));
      }
    }
  });

  it("keys decode to the parts they were made of, and to nothing else", () => {
    for (const text of STRINGS) {
      for (const number of NUMBERS) {
        const key = encodeKey(Space.versions, [text, number, text]);
        assert.equal(key[0], Space.versions);
        assert.deepEqual(decodeKey(key, ["string", "number", "string"]), [text, number, text]);
        assert.throws(() => decodeKey(key, ["string", "number"]), /more parts/);
        assert.throws(() => decodeKey(key, ["string", "number", "string", "string"]), /ends within/);
        assert.throws(() => decodeKey(key.subarray(0, -1), ["string", "number", "string"]), /ends within/);
      }
    }
  });

  it("has the bytes of the examples in docs/spec/data-directory.md §3", () => {
    const hex = (key: Buffer): string => key.toString("hex").replace(/..(?!$)/g, "$& ");
    assert.equal(hex(encodeKey(0x53, ["b", "a/é"])), "53 63 00 62 30 c4 aa 00");
    assert.equal(hex(encodeKey(0x53, ["b", ""])), "53 63 00 00");
    assert.equal(hex(encodeKey(0x53, ["b", 258])), "53 63 00 00 00 00 00 00 00 01 02");
    assert.equal(hex(Buffer.concat([encodeKey(0x53, ["b"]), encodeText("a/")])), "53 63 00 62 30");
  });

  it("a lone surrogate is refused: two such strings would share a key", () => {
    for (const bad of ["\ud800", "a\udc00b", "\udc00\ud800"]) assert.throws(() => encodeText(bad), /well-formed/);
  });

  it("a span holds all keys below its parts and no others", () => {
    const { from, to } = spanOf(1, ["a"]);
    const inside = (key: Buffer): boolean => Buffer.compare(from, key) <= 0 && Buffer.compare(key, to) < 0;
    for (const rest of STRINGS) {
      assert.equal(inside(encodeKey(1, ["a", rest])), true);
      assert.equal(inside(encodeKey(1, [`a${rest}`, ""])), rest === "");
      assert.equal(inside(encodeKey(2, ["a", rest])), false);
    }
  });

  it("a position of a table's keys holds one type: mixing them is refused as a bug", () => {
    const keys = deriveRootKeys(newRootKey(), newStoreId()).records;
    const table = createRecords(memoryMetadataStore(), keys).table({ space: Space.heads, kind: "head", version: 1 });
    table.key("a", 1);
    assert.throws(() => table.key("a", "1"), /part 1 of a head key is a number/);
    assert.throws(() => table.span(1), /part 0/);
  });
});

describe("delimited listing over encoded keys", () => {
  it("finds the groups that a listing of the plain strings has, for delimiters of any length", async () => {
    const store = memoryMetadataStore();
    const records = createRecords(store, deriveRootKeys(newRootKey(), newStoreId()).records);
    const table = records.table<string>({ space: Space.listable, kind: "listable", version: 1 });
    const keys = ["a", "a/b", "a/c/d", "a//x", "é/ü", "日本/語", "日月", "z\0/1", "z\0/2", "\u{10ffff}/", "--a--b", "--a--c"];
    await store.commit({ puts: keys.map((key) => table.put(table.key("bucket", key), { clear: key })) });
    const { from } = table.span("bucket");
    for (const delimiter of ["/", "//", "日", "--", "\0", "\0/", "é"]) {
      for (const prefix of ["", "a/", "--", "z", "日"]) {
        const items = await store.groups({
          prefix: Buffer.concat([from, encodeText(prefix)]),
          delimiter: encodeText(delimiter),
          limit: 100,
        });
        const lines = items.map((item) =>
          "group" in item ? `[${decodeText(item.group.subarray(from.length))}]` : table.decodePage([item.entry])[0]?.clear);
        const inside = keys.filter((key) => key.startsWith(prefix)).sort((a, b) => Buffer.compare(utf8(a), utf8(b)));
        const wanted = inside.map((key) => {
          const at = key.indexOf(delimiter, prefix.length);
          return at < 0 ? key : `[${key.slice(0, at + delimiter.length)}]`;
        });
        assert.deepEqual(lines, [...new Set(wanted)], `${JSON.stringify(prefix)} by ${JSON.stringify(delimiter)}`);
      }
    }
  });
});
