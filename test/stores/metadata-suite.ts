/** What every metadata engine must do: one suite, run against each (contract.ts). */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Entry, GroupsItem, GroupsQuery, MetadataStore, RangeQuery } from "../../src/stores/contract.js";
import { StoreError } from "../../src/stores/contract.js";
import { MAX_KEY_BYTES, MAX_VALUE_BYTES } from "../../src/stores/batch.js";
import { Random } from "../random.js";

const text = (value: string): Buffer => Buffer.from(value, "latin1");
const keyOf = (entry: Entry): string => entry.key.toString("latin1");

/** A fresh, empty store; the suite closes it. */
export type OpenEmpty = () => Promise<MetadataStore>;

export function metadataSuite(engine: string, openEmpty: OpenEmpty): void {
  const on = async (body: (store: MetadataStore) => Promise<void>): Promise<void> => {
    const store = await openEmpty();
    try {
      await body(store);
    } finally {
      await store.close();
    }
  };
  describe(`metadata store: ${engine}`, () => {
    values(on);
    checks(on);
    ranges(on);
    delimited(on);
    limits(on);
    concurrency(on);
  });
}

type On = (body: (store: MetadataStore) => Promise<void>) => Promise<void>;

async function put(store: MetadataStore, ...keys: string[]): Promise<number> {
  const result = await store.commit({ puts: keys.map((key) => ({ key: text(key), bytes: text(`=${key}`) })) });
  assert.ok(result.ok);
  return result.stamp;
}

function values(on: On): void {
  it("gives back what was put, in the order asked, and undefined for what is not there", () =>
    on(async (store) => {
      const stamp = await put(store, "b", "a");
      const [missing, a, b] = await store.get([text("c"), text("a"), text("b")]);
      assert.equal(missing, undefined);
      assert.deepEqual(a, { bytes: text("=a"), stamp });
      assert.deepEqual(b, { bytes: text("=b"), stamp });
      assert.deepEqual(await store.get([]), []);
    }));

  it("keeps bytes exactly: empty values, every byte value, keys that contain zeros and 0xff", () =>
    on(async (store) => {
      const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      const keys = [Buffer.from([0]), Buffer.from([0, 0]), Buffer.from([255]), Buffer.from([255, 255]), all];
      const puts = keys.map((key, i) => ({ key, bytes: i === 0 ? Buffer.alloc(0) : Buffer.concat([all, key]) }));
      await store.commit({ puts });
      const found = await store.get(keys);
      found.forEach((value, i) => assert.deepEqual(value?.bytes, puts[i]?.bytes));
      const entries = await store.range({ from: Buffer.from([0]), to: Buffer.from([255, 255, 255]), limit: 10 });
      assert.deepEqual(entries.map((entry) => entry.key), [...keys].sort(Buffer.compare));
    }));

  it("overwrites and deletes; deleting what is not there is nothing", () =>
    on(async (store) => {
      await put(store, "a", "b");
      const result = await store.commit({ puts: [{ key: text("a"), bytes: text("new") }], deletes: [text("b"), text("zz")] });
      assert.ok(result.ok);
      const [a, b] = await store.get([text("a"), text("b")]);
      assert.deepEqual(a, { bytes: text("new"), stamp: result.stamp });
      assert.equal(b, undefined);
    }));

  it("stamps rise with every commit and are not reused after a delete", () =>
    on(async (store) => {
      const stamps: number[] = [];
      for (let i = 0; i < 5; i++) {
        stamps.push(await put(store, "a"));
        const gone = await store.commit({ deletes: [text("a")] });
        assert.ok(gone.ok);
        stamps.push(gone.stamp);
      }
      assert.deepEqual(stamps, [...stamps].sort((a, b) => a - b));
      assert.equal(new Set(stamps).size, stamps.length);
    }));

  it("what was read is the caller's: changing it changes nothing in the store", () =>
    on(async (store) => {
      await put(store, "a");
      const [value] = await store.get([text("a")]);
      value?.bytes.fill(0);
      const [again] = await store.get([text("a")]);
      assert.deepEqual(again?.bytes, text("=a"));
    }));

  it("values of 0, 1, 4096 and 16 MiB − 1, 16 MiB bytes survive, in get and in range", () =>
    on(async (store) => {
      const sizes = [0, 1, 4096, MAX_VALUE_BYTES - 1, MAX_VALUE_BYTES];
      for (const [i, size] of sizes.entries()) {
        await store.commit({ puts: [{ key: text(`k${i}`), bytes: Buffer.alloc(size, 65 + i) }] });
      }
      const found = await store.get(sizes.map((_, i) => text(`k${i}`)));
      found.forEach((value, i) => assert.ok(value?.bytes.equals(Buffer.alloc(sizes[i] ?? 0, 65 + i)), `get ${sizes[i]}`));
      const entries = await store.range({ from: text("k"), to: text("l"), limit: 9 });
      entries.forEach((entry, i) => assert.ok(entry.bytes.equals(Buffer.alloc(sizes[i] ?? 0, 65 + i)), `range ${sizes[i]}`));
    }));
}

function checks(on: On): void {
  it("a stamp check holds for the present stamp only; nothing is written when it fails", () =>
    on(async (store) => {
      const first = await put(store, "a");
      const second = await put(store, "a");
      const puts = [{ key: text("b"), bytes: text("1") }];
      assert.deepEqual(await store.commit({ checks: [{ key: text("a"), stamp: first }], puts }), { ok: false, failed: 0 });
      assert.deepEqual(await store.commit({ checks: [{ key: text("zz"), stamp: second }], puts }), { ok: false, failed: 0 });
      assert.deepEqual(await store.get([text("b")]), [undefined]);
      assert.equal((await store.commit({ checks: [{ key: text("a"), stamp: second }], puts })).ok, true);
    }));

  it("an absent check holds while there is no such row", () =>
    on(async (store) => {
      const batch = { checks: [{ key: text("a"), stamp: "absent" as const }], puts: [{ key: text("a"), bytes: text("1") }] };
      assert.equal((await store.commit(batch)).ok, true);
      assert.deepEqual(await store.commit(batch), { ok: false, failed: 0 });
      await store.commit({ deletes: [text("a")] });
      assert.equal((await store.commit(batch)).ok, true);
    }));

  it("an empty-range check includes its first key and not its last", () =>
    on(async (store) => {
      await put(store, "b");
      const attempt = async (from: string, to: string): Promise<boolean> =>
        (await store.commit({ checks: [{ emptyRange: { from: text(from), to: text(to) } }] })).ok;
      assert.equal(await attempt("a", "b"), true);
      assert.equal(await attempt("b", "c"), false);
      assert.equal(await attempt("a", "b\0"), false);
      assert.equal(await attempt("b\0", "c"), true);
      assert.equal(await attempt("b", "b"), true);
    }));

  it("names the first check that failed, by index", () =>
    on(async (store) => {
      const stamp = await put(store, "a");
      const result = await store.commit({
        checks: [
          { key: text("a"), stamp },
          { emptyRange: { from: text("b"), to: text("c") } },
          { key: text("a"), stamp: "absent" },
          { key: text("c"), stamp: 1 },
        ],
        deletes: [text("a")],
      });
      assert.deepEqual(result, { ok: false, failed: 2 });
      assert.ok((await store.get([text("a")]))[0]);
    }));

  it("an empty batch commits and takes a stamp", () =>
    on(async (store) => {
      const first = await store.commit({});
      const second = await store.commit({ checks: [], puts: [], deletes: [] });
      assert.ok(first.ok && second.ok && second.stamp > first.stamp);
    }));
}

function ranges(on: On): void {
  it("range is half-open, in byte order, bounded by its limit, and runs both ways", () =>
    on(async (store) => {
      await put(store, "a", "ab", "abc", "b", "ba", "\xff");
      const range = async (from: string, to: string, limit: number, reverse?: boolean): Promise<string[]> => {
        const query: RangeQuery = { from: text(from), to: text(to), limit, ...(reverse === undefined ? {} : { reverse }) };
        return (await store.range(query)).map(keyOf);
      };
      assert.deepEqual(await range("a", "b", 10), ["a", "ab", "abc"]);
      assert.deepEqual(await range("a\0", "b\0", 10), ["ab", "abc", "b"]);
      assert.deepEqual(await range("a", "c", 2), ["a", "ab"]);
      assert.deepEqual(await range("a", "c", 5), ["a", "ab", "abc", "b", "ba"]);
      assert.deepEqual(await range("c", "d", 5), []);
      assert.deepEqual(await range("b", "a", 5), []);
      assert.deepEqual(await range("a", "b", 10, true), ["abc", "ab", "a"]);
      assert.deepEqual(await range("a\0", "b\0", 2, true), ["b", "abc"]);
      assert.deepEqual(await range("b", "b", 2, true), []);
      assert.deepEqual(await range("ab", "\xff\xff", 1, true), ["\xff"]);
    }));

  it("agrees with a sorted list on random keys, ranges and directions", () =>
    on(async (store) => {
      const random = generator(7);
      const model = new Set<string>();
      for (let round = 0; round < 40; round++) {
        const keys = new Set(Array.from({ length: 30 }, () => randomKey(random)));
        const put = [...keys].slice(0, 20);
        const gone = [...keys].slice(20);
        await store.commit({ puts: put.map((key) => ({ key: text(key), bytes: text(key) })), deletes: gone.map(text) });
        put.forEach((key) => model.add(key));
        gone.forEach((key) => model.delete(key));
        const [from, to] = [randomKey(random), randomKey(random)];
        const limit = 1 + Math.floor(random() * 20);
        const inside = [...model].filter((key) => key >= from && key < to).sort();
        const query = { from: text(from), to: text(to), limit };
        assert.deepEqual((await store.range(query)).map(keyOf), inside.slice(0, limit));
        assert.deepEqual((await store.range({ ...query, reverse: true })).map(keyOf), inside.reverse().slice(0, limit));
      }
    }));
}

function delimited(on: On): void {
  const lines = (items: readonly GroupsItem[]): string[] =>
    items.map((item) => ("group" in item ? `[${item.group.toString("latin1")}]` : keyOf(item.entry)));
  const ask = async (store: MetadataStore, query: Omit<GroupsQuery, "prefix" | "delimiter" | "after"> & {
    prefix?: string; delimiter: string; after?: string;
  }): Promise<string[]> => {
    const after = query.after === undefined ? {} : { after: text(query.after) };
    const { limit } = query;
    return lines(await store.groups({ prefix: text(query.prefix ?? ""), delimiter: text(query.delimiter), limit, ...after }));
  };

  it("groups what shares a prefix up to the delimiter, in key order with single rows", () =>
    on(async (store) => {
      await put(store, "a", "b/1", "b/2", "b/3/x", "c", "d/", "e//1", "e//2");
      assert.deepEqual(await ask(store, { delimiter: "/", limit: 10 }), ["a", "[b/]", "c", "[d/]", "[e/]"]);
      assert.deepEqual(await ask(store, { prefix: "b/", delimiter: "/", limit: 10 }), ["b/1", "b/2", "[b/3/]"]);
      assert.deepEqual(await ask(store, { prefix: "e/", delimiter: "/", limit: 10 }), ["[e//]"]);
      assert.deepEqual(await ask(store, { prefix: "x", delimiter: "/", limit: 10 }), []);
      assert.deepEqual(await ask(store, { prefix: "b", delimiter: "/", limit: 10 }), ["[b/]"]);
      assert.deepEqual(await ask(store, { delimiter: "nowhere", limit: 2 }), ["a", "b/1"]);
    }));

  it("a group counts once toward the limit, and entries carry their values", () =>
    on(async (store) => {
      const stamp = await put(store, "a", "b/1", "b/2", "c");
      assert.deepEqual(await ask(store, { delimiter: "/", limit: 1 }), ["a"]);
      assert.deepEqual(await ask(store, { delimiter: "/", limit: 2 }), ["a", "[b/]"]);
      assert.deepEqual(await ask(store, { delimiter: "/", limit: 3 }), ["a", "[b/]", "c"]);
      const [first] = await store.groups({ prefix: text("a"), delimiter: text("/"), limit: 1 });
      assert.deepEqual(first, { entry: { key: text("a"), bytes: text("=a"), stamp } });
    }));

  it("goes on behind a row, within a group, and behind a whole group", () =>
    on(async (store) => {
      await put(store, "a", "b/1", "b/2", "c");
      assert.deepEqual(await ask(store, { delimiter: "/", after: "a", limit: 9 }), ["[b/]", "c"]);
      assert.deepEqual(await ask(store, { delimiter: "/", after: "b/1", limit: 9 }), ["[b/]", "c"]);
      assert.deepEqual(await ask(store, { delimiter: "/", after: "b/2", limit: 9 }), ["c"]);
      assert.deepEqual(await ask(store, { delimiter: "/", after: "b/", limit: 9 }), ["c"]);
      assert.deepEqual(await ask(store, { delimiter: "/", after: "c", limit: 9 }), []);
      assert.deepEqual(await ask(store, { prefix: "b", delimiter: "/", after: "a", limit: 9 }), ["[b/]"]);
      assert.deepEqual(await ask(store, { prefix: "b", delimiter: "/", after: "c", limit: 9 }), []);
      assert.deepEqual(await ask(store, { prefix: "b/", delimiter: "/", after: "b/1", limit: 9 }), ["b/2"]);
    }));

  it("delimiters of several bytes, and ones that overlap the prefix, match only behind the prefix", () =>
    on(async (store) => {
      await put(store, "a--1", "a--2", "a-3", "a---4", "\xff\xff1", "\xff\xff2");
      assert.deepEqual(await ask(store, { delimiter: "--", limit: 9 }), ["[a--]", "a-3", "\xff\xff1", "\xff\xff2"]);
      assert.deepEqual(await ask(store, { prefix: "a-", delimiter: "--", limit: 9 }), ["[a---]", "a--1", "a--2", "a-3"]);
      assert.deepEqual(await ask(store, { delimiter: "\xff\xff", limit: 9 }), ["a---4", "a--1", "a--2", "a-3", "[\xff\xff]"]);
      assert.deepEqual(await ask(store, { delimiter: "\xff\xff", after: "\xff\xff", limit: 9 }), []);
      assert.deepEqual(await ask(store, { prefix: "\xff", delimiter: "\xff", limit: 9 }), ["[\xff\xff]"]);
    }));

  it("delimiters match within the name only: what follows a zero byte is another part of the key", () =>
    on(async (store) => {
      await put(store, "a\0/1", "b/\0/2", "b/c\0x", "d\0x");
      assert.deepEqual(await ask(store, { delimiter: "/", limit: 9 }), ["a\0/1", "[b/]", "d\0x"]);
      assert.deepEqual(await ask(store, { delimiter: "x", limit: 9 }), ["a\0/1", "b/\0/2", "b/c\0x", "d\0x"]);
      assert.deepEqual(await ask(store, { delimiter: "/", after: "a\0/", limit: 1 }), ["a\0/1"]);
    }));

  it("bounds and positions may be longer than any key", () =>
    on(async (store) => {
      const [before, longest, behind] = ["a", "b".repeat(MAX_KEY_BYTES), "c"];
      await put(store, before, longest, behind);
      for (const more of ["\0", "b", "b".repeat(5000)]) {
        const long = text(longest + more);
        const range = async (from: Uint8Array, to: Uint8Array, reverse = false): Promise<string[]> =>
          (await store.range({ from, to, limit: 9, reverse })).map((entry) => entry.key.toString("latin1"));
        assert.deepEqual(await range(long, text("z")), [behind]);
        assert.deepEqual(await range(text("a"), long), [before, longest]);
        assert.deepEqual(await range(text("a"), long, true), [longest, before]);
        assert.deepEqual(await range(long, long), []);
        assert.deepEqual(await ask(store, { delimiter: "/", after: longest + more, limit: 9 }), [behind]);
        assert.deepEqual(await ask(store, { prefix: longest + more, delimiter: "/", limit: 9 }), []);
        assert.equal((await store.commit({ checks: [{ emptyRange: { from: text("b"), to: long } }] })).ok, false);
        assert.equal((await store.commit({ checks: [{ emptyRange: { from: long, to: text("c") } }] })).ok, true);
      }
    }));

  it("pages of any size add up to the whole listing, on random keys", () =>
    on(async (store) => {
      const random = generator(11);
      const keys = [...new Set(Array.from({ length: 400 }, () => randomKey(random)))];
      await store.commit({ puts: keys.map((key) => ({ key: text(key), bytes: text(key) })) });
      for (const prefix of ["", "a", "b/", "ab"]) {
        const whole = groupsOf(keys, prefix, "/");
        for (const limit of [1, 2, 7, 1000]) {
          const paged: string[] = [];
          for (let after: string | undefined; ; ) {
            const page = await ask(store, { prefix, delimiter: "/", limit, ...(after === undefined ? {} : { after }) });
            paged.push(...page);
            if (page.length < limit) break;
            after = page.at(-1)?.replace(/^\[(.*)\]$/s, "$1");
          }
          assert.deepEqual(paged, whole, `prefix ${prefix}, pages of ${limit}`);
        }
      }
    }));
}

function groupsOf(keys: readonly string[], prefix: string, delimiter: string): string[] {
  const lines = keys.filter((key) => key.startsWith(prefix)).sort().map((key) => {
    const at = key.indexOf(delimiter, prefix.length);
    const nameEnd = key.indexOf("\0", prefix.length);
    return at < 0 || (nameEnd >= 0 && nameEnd < at) ? key : `[${key.slice(0, at + delimiter.length)}]`;
  });
  return lines.filter((line, i) => line !== lines[i - 1]);
}

function limits(on: On): void {
  it("keys have 1 … 1900 bytes, values at most 16 MiB, a key appears once: else StoreError and nothing is written", () =>
    on(async (store) => {
      const longest = Buffer.alloc(MAX_KEY_BYTES, 120);
      await store.commit({ puts: [{ key: longest, bytes: text("1") }] });
      assert.ok((await store.get([longest]))[0]);
      const refused = [
        { puts: [{ key: text("a"), bytes: text("1") }, { key: Buffer.alloc(0), bytes: text("1") }] },
        { puts: [{ key: text("a"), bytes: text("1") }, { key: Buffer.alloc(MAX_KEY_BYTES + 1), bytes: text("1") }] },
        { puts: [{ key: text("a"), bytes: text("1") }, { key: text("b"), bytes: Buffer.alloc(MAX_VALUE_BYTES + 1) }] },
        { puts: [{ key: text("a"), bytes: text("1") }, { key: text("a"), bytes: text("2") }] },
        { puts: [{ key: text("a"), bytes: text("1") }], deletes: [text("a")] },
        { deletes: [text("a"), text("a")] },
      ];
      for (const batch of refused) await assert.rejects(store.commit(batch), StoreError);
      await assert.rejects(store.get([Buffer.alloc(0)]), StoreError);
      await assert.rejects(store.range({ from: text("a"), to: text("b"), limit: 0 }), StoreError);
      await assert.rejects(store.groups({ prefix: text("a"), delimiter: Buffer.alloc(0), limit: 1 }), StoreError);
      assert.deepEqual(await store.get([text("a"), text("b")]), [undefined, undefined]);
    }));

  it("a closed store rejects with StoreError", () =>
    on(async (store) => {
      await store.close();
      await assert.rejects(store.get([text("a")]), StoreError);
      await assert.rejects(store.commit({}), StoreError);
      await assert.rejects(store.range({ from: text("a"), to: text("b"), limit: 1 }), StoreError);
    }));
}

function concurrency(on: On): void {
  it("of many commits that check the same stamp at once exactly one wins", () =>
    on(async (store) => {
      for (let round = 0; round < 20; round++) {
        const stamp = await put(store, "a");
        const attempts = Array.from({ length: 16 }, (_, i) =>
          store.commit({ checks: [{ key: text("a"), stamp }], puts: [{ key: text("a"), bytes: text(`${i}`) }] }));
        const results = await Promise.all(attempts);
        const won = results.findIndex((result) => result.ok);
        assert.equal(results.filter((result) => result.ok).length, 1);
        assert.deepEqual((await store.get([text("a")]))[0]?.bytes, text(`${won}`));
      }
    }));

  it("of many commits that create the same row at once exactly one wins, and each commit has its own stamp", () =>
    on(async (store) => {
      const results = await Promise.all(Array.from({ length: 50 }, (_, i) =>
        store.commit({
          checks: [{ key: text("a"), stamp: "absent" }],
          puts: [{ key: text("a"), bytes: text("x") }, { key: text(`b${i}`), bytes: text("x") }],
        })));
      assert.equal(results.filter((result) => result.ok).length, 1);
      assert.equal((await store.range({ from: text("b"), to: text("c"), limit: 99 })).length, 1);
      const stamps = await Promise.all(Array.from({ length: 50 }, (_, i) => put(store, `c${i}`)));
      assert.equal(new Set(stamps).size, 50);
    }));

  it("reads see every commit that has resolved, and no half of one", () =>
    on(async (store) => {
      const pairs = Array.from({ length: 200 }, async (_, i) => {
        await store.commit({ puts: [{ key: text("x"), bytes: text(`${i}`) }, { key: text("y"), bytes: text(`${i}`) }] });
        const [x, y] = await store.get([text("x"), text("y")]);
        assert.deepEqual(x, y);
        assert.ok(Number(x?.bytes.toString()) >= i);
      });
      await Promise.all(pairs);
    }));
}

function randomKey(random: () => number): string {
  const length = 1 + Math.floor(random() * 6);
  return Array.from({ length }, () => "ab/\0\xff"[Math.floor(random() * 5)]).join("");
}

/** Numbers in [0, 1) that a failure repeats. */
export function generator(seed: number): () => number {
  const random = new Random(seed);
  return () => random.next();
}
