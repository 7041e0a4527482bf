/** The form's own authentication: attacks A.3 no. 16 and CVE forms at the gate, where the policy is proven. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { App } from "../../src/server/app.js";
import { signPostForm } from "../../src/wire/sign.js";
import { codeIn, incoming, openTestApp, ROOT, signed, signerOf, textOf, type Sent } from "./support.js";

const root = { type: "Account", accountId: "000000000000", arn: "arn:aws:iam::000000000000:root", userId: "000000000000" } as const;

function formOf(fields: Readonly<Record<string, string>>, headers: Readonly<Record<string, string>> = {}): Sent {
  const parts = Object.entries(fields).map(([name, value]) => `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`);
  const file = '--B\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nhello\r\n--B--\r\n';
  return { method: "POST", target: "/a-bucket", headers: { ...headers, "content-type": "multipart/form-data; boundary=B" }, body: Buffer.from(parts.join("") + file) };
}

const fieldsFor = (fields: Record<string, string> = {}, signer = signerOf("s3")): Record<string, string> =>
  signPostForm(signer, { bucket: "a-bucket", expiresSeconds: 300, fields: { key: "k", ...fields } });

describe("browser forms", () => {
  let app: App & { release(): Promise<void> };
  before(async () => {
    app = await openTestApp();
    await app.gate.internal(root, "s3", "CreateBucket", { Bucket: "a-bucket" });
  });
  after(() => app.release());

  async function post(request: Sent): Promise<{ status: number; code: string }> {
    const given = await app.gate.handle(incoming(request));
    return { status: given.status, code: codeIn(await textOf(given)) };
  }

  test("a form signed by an allowed caller is stored", async () => {
    assert.deepEqual(await post(formOf(fieldsFor())), { status: 204, code: "" });
  });

  const secret = { ...signerOf("s3"), credentials: { ...ROOT, secretAccessKey: "wrong-secret-0000000000000000000000001" } };
  const unknown = { ...signerOf("s3"), credentials: { ...ROOT, accessKeyId: "AKIAUNKNOWN000000001" } };
  const cases: readonly (readonly [string, () => Sent, number, string])[] = [
    ["no policy and no signature", () => formOf({ key: "k" }), 403, "AccessDenied"],
    ["a wrong secret", () => formOf(fieldsFor({}, secret)), 403, "SignatureDoesNotMatch"],
    ["an unknown key", () => formOf(fieldsFor({}, unknown)), 403, "InvalidAccessKeyId"],
    ["a policy that has expired", () => formOf(fieldsFor({}, signerOf("s3", ROOT, Date.now() - 3_600_000))), 403, "AccessDenied"],
    ["a policy for another bucket", () => ({ ...formOf(fieldsFor()), target: "/b-bucket" }), 403, "AccessDenied"],
    ["a field that the policy does not know", () => formOf({ ...fieldsFor(), "x-amz-server-side-encryption": "AES256" }), 403, "AccessDenied"],
    ["a policy edited after signing", () => formOf({ ...fieldsFor(), policy: Buffer.from('{"expiration":"2099-01-01T00:00:00Z","conditions":[]}').toString("base64") }), 403, "SignatureDoesNotMatch"],
    ["a signature without a policy", () => {
      const { policy: _policy, ...rest } = fieldsFor();
      return formOf(rest);
    }, 400, "InvalidArgument"],
    ["metadata under a name that no header can have", () => formOf(fieldsFor({ "x-amz-meta-a b": "1" })), 400, "InvalidArgument"],
    ["metadata with a line break", () => formOf(fieldsFor({ "x-amz-meta-a": "1\r\nx: y" })), 400, "InvalidArgument"],
  ];
  for (const [what, request, status, code] of cases) {
    test(`${what} is refused`, async () => assert.deepEqual(await post(request()), { status, code }));
  }

  test("an Authorization header does not stand in for the form's signature", async () => {
    const made = formOf({ key: "k" });
    assert.deepEqual(await post(signed(made, signerOf("s3"))), { status: 403, code: "AccessDenied" });
  });
});
