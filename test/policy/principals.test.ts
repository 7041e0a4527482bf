/** Principals between ARNs and unique ids: authorization reference §1.2, §7 #19; kms reference §11.1. */
import assert from "node:assert/strict";
import test from "node:test";
import { evaluate } from "../../src/policy/evaluate.js";
import { parsePolicy } from "../../src/policy/parse.js";
import { displayPrincipals, principalsOf, resolvePrincipals, type PrincipalLookup } from "../../src/policy/principals.js";
import type { Principal } from "../../src/policy/types.js";
import { ALICE_ID, ALL, AWAY, get, HOME, identity, NONE, ROLE_ID, session, user } from "./support.js";

const ALICE = `arn:aws:iam::${HOME}:user/alice`;
const APP = `arn:aws:iam::${HOME}:role/app`;
const SESSION = `arn:aws:sts::${HOME}:assumed-role/app/web`;

function directory(entries: Record<string, string>): PrincipalLookup {
  return {
    uniqueIdOf: async (arn) => entries[arn] ?? (arn === `arn:aws:iam::${HOME}:root` || arn === SESSION ? arn : undefined),
    arnOf: async (id) => Object.keys(entries).find((arn) => entries[arn] === id),
    accountExists: async (account) => account === HOME,
  };
}
const full = directory({ [ALICE]: ALICE_ID, [APP]: ROLE_ID });

/** Spacing, escapes, order and numbers that no serializer would give back. */
const ODD = `{ "Statement" : [ {"Effect":"Allow",\n\t"Principal": {"Service":"s3.amazonaws.com",
 "AWS" : [ "${ALICE}","\\u0061rn:aws:iam::${HOME}:role/app" , "${HOME}","*"] },
 "Condition": {"NumericEquals":{"s3:signatureAge": 1.50}, "StringEquals":{"aws:PrincipalArn":"${ALICE}"}},
 "Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"},
 {"Effect":"Deny","NotPrincipal":{"AWS":"${SESSION}"},"Action":"s3:*","Resource":"arn:aws:s3:::b/*"}],"Version":"2012-10-17" }`;

test("users and roles become unique ids, everything else stays byte for byte", async () => {
  const { text, unknown } = await resolvePrincipals(ODD, full);
  assert.deepEqual(unknown, []);
  // The condition value is not a principal: it keeps matching a re-created namesake.
  const expected = ODD.replace(`"${ALICE}"`, `"${ALICE_ID}"`).replace(`"\\u0061rn:aws:iam::${HOME}:role/app"`, `"${ROLE_ID}"`);
  assert.equal(text, expected);
  assert.equal(await displayPrincipals(text, full), ODD.replace("\\u0061", "a"));
});

test("principals that do not exist are named", async () => {
  const named = [ALICE, `arn:aws:iam::${HOME}:user/eve`, AWAY, "AIDANOBODYNOBODY22222", HOME];
  const text = JSON.stringify({ Statement: { Principal: { AWS: named } } });
  assert.deepEqual((await resolvePrincipals(text, full)).unknown,
    [`arn:aws:iam::${HOME}:user/eve`, AWAY, "AIDANOBODYNOBODY22222"]);
});

test("a unique id that the author wrote stays and is shown as the ARN", async () => {
  const text = `{"Statement":{"Principal":{"AWS":"${ALICE_ID}"}}}`;
  assert.deepEqual(await resolvePrincipals(text, full), { text, unknown: [] });
  assert.equal(await displayPrincipals(text, full), `{"Statement":{"Principal":{"AWS":"${ALICE}"}}}`);
});

test("a policy without AWS principals is returned as it is", async () => {
  for (const text of ['{"Statement":[{"Principal":"*"}]}', '{"Statement":{"Principal":{"Service":"s3.amazonaws.com"}}}',
    '{"Statement":[{}]}']) {
    assert.deepEqual(await resolvePrincipals(text, full), { text, unknown: [] });
    assert.equal(await displayPrincipals(text, full), text);
    assert.deepEqual(principalsOf(text), []);
  }
});

test("a session is one of this very role: a re-created role's session of the same name is a stranger", async () => {
  const id = `${ROLE_ID}:web`;
  const bound = directory({ [SESSION]: id });
  const policy = (entry: object): string => JSON.stringify({
    Version: "2012-10-17", Statement: { ...entry, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/*" },
  });
  const written = policy({ Effect: "Allow", Principal: { AWS: SESSION } });
  const { text } = await resolvePrincipals(written, bound);
  assert.equal(await displayPrincipals(text, bound), written);
  const decide = (stored: string, principal: Principal, policies = NONE): string =>
    evaluate(principal, get({ resourcePolicy: { id: "bucket/b", policy: parsePolicy(stored, "bucket") } }), policies).effect;
  const second = "AROASECONDSECONDSEC22";
  const namesake = { ...session(), uniqueId: second, userId: `${second}:web` };
  assert.equal(decide(text, session()), "Allow");
  assert.equal(decide(text, namesake), "Deny");
  assert.equal(decide(text, { ...session(), userId: `${ROLE_ID}:other` }), "Deny");
  const { text: denial } = await resolvePrincipals(policy({ Effect: "Deny", Principal: { AWS: SESSION } }), bound);
  assert.equal(decide(denial, session(), identity(ALL)), "Deny");
  const all = { AWS: [HOME, ROLE_ID, SESSION] };
  const { text: spared } = await resolvePrincipals(policy({ Effect: "Deny", NotPrincipal: all }), bound);
  assert.equal(decide(spared, session(), identity(ALL)), "Allow");
  assert.equal(decide(spared, namesake, identity(ALL)), "Deny");
  assert.equal(await displayPrincipals(text, directory({})), text);
});

test("a deleted user shows as the unique id, and a re-created namesake inherits nothing", async () => {
  const statement = { Effect: "Allow", Principal: { AWS: ALICE }, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/*" };
  const written = JSON.stringify({ Version: "2012-10-17", Statement: statement });
  const { text } = await resolvePrincipals(written, full);
  const permission = get({ resourcePolicy: { id: "bucket/b", policy: parsePolicy(text, "bucket") } });
  assert.equal(evaluate(user(), permission, NONE).effect, "Allow");
  const recreated = "AIDASECONDSECONDSEC22";
  assert.equal(evaluate(user(HOME, "alice", recreated), permission, NONE).effect, "Deny");
  assert.equal(await displayPrincipals(text, directory({ [ALICE]: recreated })), text);
});
