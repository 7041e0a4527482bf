/** rustfs-uploadpartcopy-source: whoever may write a destination and not read a source copies nothing out of it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ask, request, signerFor, startHere, type Attacked } from "../server/support.js";

const WRITER = { accessKeyId: "AKIAWRITER0000000001", secretAccessKey: "writer-secret-000000000000001" };
const code = (body: string): string => /<Code>(.*?)<\/Code>/.exec(body)?.[1] ?? "";

describe("copy sources", () => {
  let server: Attacked;
  before(async () => {
    server = await startHere();
    for (const bucket of ["closed", "mine"]) await ask(server, request(server, "PUT", `/${bucket}`));
    await ask(server, request(server, "PUT", "/closed/secret", { body: "treasure" }));
    const Statement = [{ Effect: "Allow", Action: ["s3:PutObject", "s3:GetObject"], Resource: "arn:aws:s3:::mine/*" }];
    const document = JSON.stringify({ Version: "2012-10-17", Statement });
    await server.app.iam.seed.putUser("000000000000", { name: "writer", accessKeys: [WRITER] });
    await server.app.iam.seed.putUserPolicy("000000000000", "writer", "writes", document);
  });
  after(() => server.stop());
  const asWriter = (method: string, target: string, headers: Record<string, string> = {}, body = "") =>
    ask(server, request(server, method, target, { body, headers, signer: signerFor("s3", WRITER) }));

  test("rustfs-uploadpartcopy-source: a source that the caller may not read is not copied, whole or in part", async () => {
    const begun = await asWriter("POST", "/mine/multi?uploads");
    const uploadId = /<UploadId>(.*?)<\/UploadId>/.exec(begun.body)?.[1] ?? assert.fail(begun.body);
    const part = `/mine/multi?partNumber=1&uploadId=${uploadId}`;
    for (const target of ["/mine/copy", part]) {
      for (const source of [
        "closed/secret",
        "/closed/secret",
        "closed/%73ecret",
        "closed/secret?versionId=null",
        "closed/absent",
      ]) {
        for (const range of target === part ? ["bytes=0-0", undefined] : [undefined]) {
          const headers = { "x-amz-copy-source": source, ...(range === undefined ? {} : { "x-amz-copy-source-range": range }) };
          const { status, body } = await asWriter("PUT", target, headers);
          assert.deepEqual([status, code(body)], [403, "AccessDenied"], `${target} from ${source}`);
        }
      }
      // The caller may do everything else that the copy needs.
      await asWriter("PUT", "/mine/own", {}, "own");
      assert.equal((await asWriter("PUT", target, { "x-amz-copy-source": "mine/own" })).status, 200, target);
    }
    assert.equal((await asWriter("GET", "/mine/copy")).body, "own");
  });
});
