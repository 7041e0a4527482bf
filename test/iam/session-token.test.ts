import assert from "node:assert/strict";
import { createSecretKey } from "node:crypto";
import { describe, it } from "node:test";
import { issueSession, openToken, packedPercent, sealToken, type Session } from "../../src/iam/session-token.js";
import { fails, house, keysOf } from "./support.js";

const KEY = createSecretKey(Buffer.alloc(32, 7));
const SESSION: Session = {
  kind: "session", accountId: "111122223333", issuer: { type: "user", id: "AIDAAAAAAAAAAAAAAAAAA" },
  issuedMs: 1000, expiresMs: 901_000,
};

describe("session tokens", () => {
  it("open to what was sealed, under their key and key id only", () => {
    const issued = issueSession(KEY, SESSION);
    assert.match(issued.accessKeyId, /^ASIA[A-Z2-7]{16}$/);
    assert.deepEqual(
      openToken(KEY, issued.accessKeyId, issued.sessionToken), { secretAccessKey: issued.secretAccessKey, session: SESSION },
    );
    assert.equal(openToken(KEY, "ASIAAAAAAAAAAAAAAAAA", issued.sessionToken), undefined);
    assert.equal(openToken(createSecretKey(Buffer.alloc(32, 8)), issued.accessKeyId, issued.sessionToken), undefined);
  });

  it("do not open with any bit changed, nor cut, nor lengthened, nor in another base64 form", () => {
    const { accessKeyId, sessionToken } = issueSession(KEY, SESSION);
    const bytes = Buffer.from(sessionToken, "base64");
    for (let index = 0; index < bytes.length; index++) {
      const changed = Buffer.from(bytes);
      changed[index] = (changed[index] ?? 0) ^ 1;
      assert.equal(openToken(KEY, accessKeyId, changed.toString("base64")), undefined);
    }
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(openToken(KEY, accessKeyId, bytes.subarray(0, length).toString("base64")), undefined);
    }
    const others = ["", "x", `${sessionToken}A`, `${sessionToken}=`, ` ${sessionToken}`, "A".repeat(70_000)];
    for (const text of [...others, `${bytes.toString("base64url")}-`]) {
      assert.equal(openToken(KEY, accessKeyId, text), undefined);
    }
  });

  it("show neither secret nor account", () => {
    const { sessionToken, secretAccessKey } = issueSession(KEY, SESSION);
    const bytes = Buffer.from(sessionToken, "base64");
    for (const text of [secretAccessKey, SESSION.accountId, "AIDAAAAA"]) assert.equal(bytes.includes(text), false);
  });

  it("match the published vector", () => {
    const content = { secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", session: SESSION };
    const token = sealToken(KEY, "ASIAAAAAAAAAAAAAAAAA", content, Buffer.alloc(32, 9));
    assert.deepEqual(openToken(KEY, "ASIAAAAAAAAAAAAAAAAA", token), content);
    assert.deepEqual(openToken(KEY, "ASIAAAAAAAAAAAAAAAAA", VECTOR), content);
  });

  it("cannot be exchanged between two credentials of one user", async () => {
    const { as, user } = await house();
    const ann = await user("ann");
    const one = keysOf((await ann.sts("GetSessionToken"))["Credentials"]);
    const two = keysOf((await ann.sts("GetSessionToken"))["Credentials"]);
    await as(one).sts("GetCallerIdentity");
    await fails(as({ ...one, sessionToken: two.sessionToken ?? "" }).sts("GetCallerIdentity"), "invalid-token");
    await fails(
      as({ accessKeyId: one.accessKeyId, secretAccessKey: one.secretAccessKey }).sts("GetCallerIdentity"), "invalid-token",
    );
    await fails((await house()).as(one).sts("GetCallerIdentity"), "invalid-token");
  });

  it("policies and tags that pack above the limit are refused", () => {
    const many = Array.from(
      { length: 50 },
      (_, index) => ({ Key: `key-${index}`, Value: `${Math.sin(index)}${Math.cos(index)}${Math.tan(index)}`.repeat(4) }),
    );
    assert.ok(packedPercent({ tags: many.slice(0, 5) }) <= 100);
    const noise = Array.from(
      { length: 50 },
      () => ({ Key: crypto.randomUUID(), Value: Array.from({ length: 6 }, () => crypto.randomUUID()).join("") }),
    );
    assert.throws(
      () => packedPercent({ tags: noise }),
      /^ServiceError: Packed policy consumes [0-9]+% of allotted space, please use smaller policy\.$/,
    );
  });
});

/** docs/spec/session-token.md */
const VECTOR =
  "AQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJupQTddv6ehrvxZXLr3eexp0F2zu4PEwAyMQgrBZjYII5lXhDwnPHdjTh38++C2vsMA" +
  "Psb9trar6MOVXVYoLUEVxe0QBYsA1BJ4au6sE8El+i1ONNR+aFtOvfOt8sYJalak+yuqWhGnSEo8IpEbYn0kkK0urRYNrPWI4KtF1l63pOhb/1" +
  "z1kTRcSnIuVb1XFV6VOdiFpC4h8bac9nh/L0p2DMmEGoNOsYRK/q";
