/** Condition keys are put together when a statement looks one up: once, and a failure in doing so is a Deny. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluate } from "../../src/policy/evaluate.js";
import { ALL, alice, get, identity, verdict } from "./support.js";

const onlySecure = (Effect: "Allow" | "Deny", value: "true" | "false") => ({
  Effect, Action: "s3:GetObject", Resource: "*", Condition: { Bool: { "aws:SecureTransport": value } },
});
const fails = (): never => {
  throw new Error("no context");
};

test("statements without conditions never ask for the context", () => {
  assert.equal(verdict(evaluate(alice, get(), identity(ALL), fails)), "allow");
});

test("a condition asks for it once, whatever the number of statements, and sees what the gate gives", () => {
  let asked = 0;
  const clear = () => {
    asked += 1;
    return { "aws:SecureTransport": "false" };
  };
  const policies = identity(ALL, onlySecure("Allow", "true"), onlySecure("Deny", "false"), onlySecure("Deny", "true"));
  assert.equal(verdict(evaluate(alice, get(), policies, clear)), "explicit identity-based");
  assert.equal(asked, 1);
});

test("what is given counts, not the permission's own keys", () => {
  const permission = get({ context: { "aws:SecureTransport": "true" } });
  const decision = evaluate(alice, permission, identity(onlySecure("Allow", "true")), () => ({ "aws:SecureTransport": "false" }));
  assert.equal(verdict(decision), "implicit identity-based");
});

test("a context that cannot be made is a Deny, also where everything else allows", () => {
  const decision = evaluate(alice, get(), identity(ALL, onlySecure("Deny", "true")), fails);
  assert.equal(decision.effect, "Deny");
  assert.equal(decision.layer, "evaluation error");
});
