/** The strict JSON reader against JSON.parse, and the validators against mutilated documents. */
import assert from "node:assert/strict";
import test from "node:test";
import { ServiceError } from "../../src/lib/errors.js";
import { JsonError, parseStrictJson, type JsonNode } from "../../src/policy/json.js";
import { validateBucketPolicy } from "../../src/policy/validate-bucket-policy.js";
import { validateIdentityPolicy } from "../../src/policy/validate-identity-policy.js";
import { validateKeyPolicy } from "../../src/policy/validate-key-policy.js";
import { validateTrustPolicy } from "../../src/policy/validate-trust-policy.js";
import { HOME } from "./support.js";

const SEED = Number(process.env["POLICY_SEED"] ?? "20260101");

function plain(node: JsonNode): unknown {
  switch (node.kind) {
    case "object": return Object.fromEntries([...node.members].map(([name, value]) => [name, plain(value)]));
    case "array": return node.items.map(plain);
    case "number": return Number(node.raw);
    case "null": return null;
    default: return node.value;
  }
}

function strict(text: string): { value: unknown } | undefined {
  try {
    return { value: plain(parseStrictJson(text)) };
  } catch (error) {
    assert.ok(error instanceof JsonError, String(error));
    return undefined;
  }
}

function lenient(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch (error) {
    assert.ok(error instanceof SyntaxError);
    return undefined;
  }
}

const SAMPLES = [
  '{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":["*","' + HOME
  + '"]},"Action":["s3:GetObject"],'
    + '"Resource":"arn:aws:s3:::b/*",'
    + '"Condition":{"NumericLessThan":{"s3:signatureAge":-1.5e3},"Bool":{"aws:SecureTransport":true}}}]}',
  '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::' + HOME
  + ':root"}}}',
  '{"Version":"2012-10-17","Statement":{"Effect":"Deny","NotAction":"iam:*",'
    + '"NotResource":["arn:aws:s3:::x/${aws:username, \'d\'}"]}}',
  ' [ null , true,false, 0, -0.0, 1E+2, "\\u00e9\\n\\"\\\\\\/", {"":[]}, "é😀" ] ',
];
const PIECES = ['"', "\\", "{", "}", "[", "]", ",", ":", "\u0000", "\ufeff", "\ud800", "\\ud800", "1", "-", ".", "e", "\n", "${",
  "*", "null", "Allow", "é", " "];

/** Deterministic mutations: a piece inserted, removed or exchanged. */
function* mutations(count: number): Generator<string> {
  let state = SEED >>> 0;
  const below = (n: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * n);
  };
  for (let n = 0; n < count; n += 1) {
    let text = SAMPLES[below(SAMPLES.length)] ?? "";
    for (let times = 1 + below(2); times > 0; times -= 1) {
      const at = below(text.length);
      text = text.slice(0, at) + (below(3) === 0 ? "" : PIECES[below(PIECES.length)]) + text.slice(at + below(3));
    }
    yield text;
  }
}

test("accepts what JSON.parse accepts, except members given twice, NUL, half surrogates, deep nesting", () => {
  for (const text of [...SAMPLES, "0", '""', "[]", "{}", "null"]) assert.deepEqual(strict(text), lenient(text), text);
  for (const text of ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '["\\u0000"]', '["\\udc00"]', '["\ud800"]', "[".repeat(18)
    + "]".repeat(18)]) {
    assert.ok(lenient(text) !== undefined && strict(text) === undefined, text);
  }
  for (const text of ["", " ", "01", "1.", ".5", "+1", "1e", "tru", "nul", "'a'", "[1,]", "{,}", '{"a"}', '{"a":}', "[1 2]",
    '"\t"', '"\\x"', "\ufeff1", "\u00a01", "//x", "NaN"]) {
    assert.equal(strict(text), undefined, text);
  }
});

test("members named like the prototype are ordinary members", () => {
  const node = parseStrictJson('{"__proto__":{"Effect":"Allow"},"constructor":1}');
  assert.ok(node.kind === "object" && node.members.size === 2 && node.members.get("Effect") === undefined);
});

test("mutilated documents: never accepted against JSON.parse, never another value, never another error", () => {
  const validators = [(text: string) => validateBucketPolicy(text, "b"), validateIdentityPolicy, validateKeyPolicy,
    validateTrustPolicy];
  for (const text of mutations(6000)) {
    const mine = strict(text);
    if (mine !== undefined) assert.deepEqual(mine, lenient(text), JSON.stringify(text));
    for (const validate of validators) {
      try {
        validate(text);
        assert.ok(mine !== undefined);
      } catch (error) {
        assert.ok(error instanceof ServiceError, `${JSON.stringify(text)} ${String(error)}`);
      }
    }
  }
});
