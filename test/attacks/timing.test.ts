/** Attack A.1 no. 10: a signature is compared in constant time, and what is wrong with it is not told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAuthorization } from "../../src/wire/authorization.js";
import { signHeaders, sha256Hex } from "../../src/wire/sign.js";
import { verifySignature } from "../../src/wire/sigv4.js";
import type { RequestHead } from "../../src/wire/types.js";

const SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const nowMs = Date.UTC(2026, 0, 1);
const signer = {
  credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: SECRET },
  region: "us-east-1",
  service: "s3",
  nowMs,
};

/** A request whose signature is right but for the digit at `at`. */
function wrongAt(at: number): RequestHead {
  const headers = signHeaders({ method: "GET", target: "/b/k", headers: { host: "h" } }, signer, sha256Hex(Buffer.alloc(0)));
  const authorization = headers["authorization"] ?? "";
  const start = authorization.indexOf("Signature=") + 10;
  const digit = authorization[start + at] === "0" ? "1" : "0";
  const changed = { ...headers, authorization: authorization.slice(0, start + at) + digit + authorization.slice(start + at + 1) };
  return { method: "GET", target: "/b/k", headers: changed, rawHeaders: Object.entries(changed).flat(), secure: true };
}

function refused(head: RequestHead): string {
  const claim = parseAuthorization(head, { service: "s3", nowMs });
  assert.ok(claim.kind !== "anonymous");
  try {
    verifySignature(claim, head, { service: "s3", secretAccessKey: SECRET, bodySha256: undefined });
  } catch (error) {
    return String(error);
  }
  return assert.fail("a wrong signature verifies");
}

test("a signature wrong in its first digit is refused as slowly, and in the same words, as one wrong in its last", () => {
  const heads = [wrongAt(0), wrongAt(63)] as const;
  assert.equal(refused(heads[0]), refused(heads[1]));
  const ROUNDS = 4000;
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    // In turns, so that whatever else the machine does happens to both.
    for (const which of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const began = process.hrtime.bigint();
      refused(heads[which]);
      times[which].push(Number(process.hrtime.bigint() - began));
    }
  }
  const median = (of: number[]): number => of.sort((a, b) => a - b)[ROUNDS / 2] ?? 0;
  const [first, last] = [median(times[0]), median(times[1])];
  // A comparison that ends early differs by some ten nanoseconds in tens of microseconds: what is looked for is a leak that is
  // larger, such as a second computation; that the comparison is node's timingSafeEqual, bytes.ts says.
  assert.ok(Math.abs(first - last) / last < 0.1, `${first} ns and ${last} ns`);
});
