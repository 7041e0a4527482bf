import assert from "node:assert/strict";
import { test } from "node:test";
import { Occasional } from "../../src/lib/occasional.js";
import { expandedIpv6 } from "../../src/server/addresses.js";
import { Counts, lineOf } from "../../src/server/clients.js";

test("an address has so many places and no more; each is given back once; others are not touched", () => {
  const counts = new Counts(2);
  const [first, second] = [counts.enter("192.0.2.1"), counts.enter("192.0.2.1")];
  assert.ok(first !== undefined && second !== undefined);
  assert.equal(counts.enter("192.0.2.1"), undefined);
  assert.ok(counts.enter("192.0.2.2") !== undefined);
  first();
  first();
  assert.ok(counts.enter("192.0.2.1") !== undefined);
  assert.equal(counts.enter("192.0.2.1"), undefined);
});

test("addresses without requests are forgotten: a million of them cost nothing", () => {
  const counts = new Counts(1);
  for (let at = 0; at < 1_000_000; at += 1) counts.enter(`10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`)?.();
  assert.equal(counts.addresses, 0);
});

test("an IPv6 /64 is one client, in whatever spelling", () => {
  assert.equal(lineOf("2001:db8::1"), lineOf("2001:0DB8:0:0:ffff::2"));
  assert.notEqual(lineOf("2001:db8::1"), lineOf("2001:db8:0:1::1"));
  assert.equal(lineOf("192.0.2.1"), "192.0.2.1");
  assert.equal(lineOf(""), "");
  for (const [text, groups] of [
    ["::", "0 0 0 0 0 0 0 0"],
    ["::1", "0 0 0 0 0 0 0 1"],
    ["fe80::1%eth0", "fe80 0 0 0 0 0 0 1"],
    ["1:2:3:4:5:6:7:8", "1 2 3 4 5 6 7 8"],
    ["64:ff9b::192.0.2.33", "64 ff9b 0 0 0 0 c000 221"],
  ] as const)
    assert.equal(expandedIpv6(text).join(" "), groups, text);
});

test("lines that anybody can cause come a few in a period, and say how many did not", () => {
  const lines = new Occasional(2, 1000);
  assert.deepEqual(
    [0, 1, 2, 3].map((at) => lines.pass(at)),
    [{ suppressed: 0 }, { suppressed: 0 }, undefined, undefined],
  );
  assert.deepEqual(lines.pass(1000), { suppressed: 2 });
  assert.deepEqual(lines.pass(1001), { suppressed: 0 });
});
