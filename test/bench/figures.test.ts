import assert from "node:assert/strict";
import { test } from "node:test";
import { isChosen, parseArguments } from "../../bench/arguments.js";
import { sizeText } from "../../bench/contract.js";
import { listedKey, sortedKeys } from "../../bench/listed-keys.js";
import { median, percentile } from "../../bench/load.js";
import { objectGroups } from "../../bench/objects-cases.js";
import { parsePrivate, parseTicks, privateMemory, processorMs } from "../../bench/processes.js";
import { payload } from "../../bench/requests.js";
import { figure, table } from "../../bench/table.js";

test("percentiles are values that were measured, by nearest rank", () => {
  const sorted = Array.from({ length: 200 }, (_, i) => i + 1);
  assert.equal(percentile(sorted, 0.5), 100);
  assert.equal(percentile(sorted, 0.99), 198);
  assert.equal(percentile(sorted, 1), 200);
  assert.equal(percentile([7], 0.5), 7);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

test("the median of an even number of rounds lies between the middle two", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 3, 2]), 2.5);
});

test("private memory is what smaps_rollup calls private, and nothing that is shared", () => {
  const rollup = [
    "5589f8a00000-7ffd3e5fe000 ---p 00000000 00:00 0  [rollup]",
    "Rss:              120000 kB",
    "Shared_Clean:      30000 kB",
    "Shared_Dirty:       1000 kB",
    "Private_Clean:      4000 kB",
    "Private_Dirty:     80000 kB",
    "Pss_Anon:          79000 kB",
    "Private_Hugetlb:       0 kB",
  ].join("\n");
  assert.deepEqual(parsePrivate(rollup), { bytes: 84_000 * 1024, anonymousBytes: 79_000 * 1024 });
  assert.deepEqual(parsePrivate(""), { bytes: 0, anonymousBytes: 0 });
});

test("processor ticks are read behind the command, whatever it is called", () => {
  const stat = "42 (a ) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 7 9 20 0 11 0 100 1000 10";
  assert.equal(parseTicks(stat), 300);
});

test("a process knows its own costs", { skip: process.platform === "linux" ? false : "no /proc here" }, () => {
  const before = processorMs(process.pid);
  for (const began = process.cpuUsage(); process.cpuUsage(began).user < 50_000; );
  assert.ok(processorMs(process.pid) - before >= 30);
  assert.ok(privateMemory(process.pid).bytes > 5 * 1024 * 1024);
});

test("figures show three digits that count", () => {
  const values = [0, 0.00321, 0.5, 12.34, 123.4, 1234, 98_765, Number.NaN];
  assert.deepEqual(values.map(figure), ["0", "0.0032", "0.5", "12", "123", "1230", "98800", ""]);
});

test("a row holds its rates and its ratios to floor and cryptography", () => {
  const row = { name: "GET", operationsPerSecond: 2000, sizeBytes: 4096, p50Ms: 1, p99Ms: 2, processorMs: 0.5 };
  const text = table([{ ...row, floorPerSecond: 8000, floorProcessorMs: 0.1, cryptoPerSecond: 100_000 }]);
  assert.equal(text.split("\n").at(-1), "| GET | 2000 | 8.2 | 1 | 2 | 0.5 | 0.25 | 5 | 0.02 |");
});

test("a filter's words are those of a name, so that c=1 is not c=16", () => {
  const name = "GET 4 KiB · c=16 · SSE-KMS, presigned";
  assert.ok(isChosen(name, []));
  assert.ok(isChosen(name, ["nothing", "get c=16 kms"]));
  assert.ok(!isChosen(name, ["get c=1"]));
  assert.ok(!isChosen("GET 64 KiB · c=1", ["4"]));
});

test("arguments that cannot be measured with are refused", () => {
  assert.equal(parseArguments(["--duration", "5"]).seconds, 5);
  assert.deepEqual(parseArguments(["GET", "PUT"]).filters, ["GET", "PUT"]);
  for (const [name, value] of [["--duration", "0"], ["--rounds", "1.5"], ["--workers", "x"]]) {
    assert.throws(() => parseArguments([name ?? "", value ?? ""]), RangeError);
  }
  assert.throws(() => parseArguments(["--fast"]), TypeError);
});

test("case names are unique", () => {
  const names = objectGroups().flatMap(({ cases }) => cases.map(({ name }) => name));
  assert.equal(new Set(names).size, names.length);
  assert.equal(sizeText(64 * 1024 * 1024), "64 MiB");
});

test("an aws-chunked body carries its data and the checksum behind it", () => {
  const { bytes, headers } = payload("trailer", Buffer.from("123456789"));
  // CRC-32 of 123456789 is cbf43926.
  assert.equal(bytes.toString("latin1"), "9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n");
  assert.equal(headers["x-amz-decoded-content-length"], "9");
});

test("keys to be listed are distinct and sorted as a listing sorts them", () => {
  assert.equal(listedKey(1001), "prefix-0001/object-00001");
  const keys = sortedKeys(3000);
  assert.equal(new Set(keys).size, 3000);
  const first = ["prefix-0000/object-00000", "prefix-0000/object-00001", "prefix-0000/object-00002"];
  assert.deepEqual(keys.slice(0, 4), [...first, "prefix-0001/object-00000"]);
});
