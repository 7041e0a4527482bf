/** Browser forms: multipart/form-data and the policy in it. */
import assert from "node:assert/strict";
import { openPostBody, postObjectHead, readPostForm } from "../../../src/wire/post-form.js";
import { checkPostPolicy, readPostClaim, verifyPostSignature } from "../../../src/wire/post-policy.js";
import { signPostForm } from "../../../src/wire/sign.js";
import { collect, CREDENTIALS, inPieces, NOW_MS, requestHead, signer } from "../../wire/signing.js";
import { Choices, chopped } from "../bytes.js";
import { toldLater, type Target } from "../target.js";

const BOUNDARY = "bound";
const CONTENT = `line\r\n--${BOUNDARY.slice(1)}\r\n--boun`;
const HEAD = requestHead("POST", "/bucket", { host: "h", "content-type": `multipart/form-data; boundary=${BOUNDARY}` });

const part = (name: string, value: string, rest = ""): string =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${rest}\r\n\r\n${value}\r\n`;

function form(fields: Readonly<Record<string, string>>, key = "user/${filename}"): Buffer {
  const signed = signPostForm(signer(), {
    bucket: "bucket",
    expiresSeconds: 600,
    fields: { key, ...fields },
    conditions: [["starts-with", "$key", "user/"], ["content-length-range", 1, 100]],
  });
  const text = Object.entries(signed).map(([name, value]) => part(name, value)).join("");
  return Buffer.from(`${text}${part("file", CONTENT, '; filename="a\\b/c.txt"\r\nContent-Type: text/plain')}--${BOUNDARY}--\r\n`);
}

/** First byte: how many bytes say how it is cut. */
export const postForm: Target = {
  name: "form",
  claim: "a form is read the same however it is cut, within its bounds, or refused; a signed one stays within its policy",
  seeds: [
    form({}),
    form({ "x-amz-meta-a": "b", "Content-Type": "image/png", "x-amz-server-side-encryption": "aws:kms" }),
  ].map((bytes) => Buffer.concat([Buffer.from([3, 1, 40, 9]), bytes])),
  words: [
    `\r\n--${BOUNDARY}`, `--${BOUNDARY}--`, "\r\n\r\n", 'name="', 'name="key"', 'name="file"', "filename*=UTF-8''x",
    "${filename}", "\\\"", "../", "\u0000", part("x", "y"), part("tagging", "<Tagging/>"), part("x-amz-tagging", "a=b"),
  ],
  maxBytes: 24 * 1024,
  async run(input) {
    const choices = new Choices(input);
    const cuts = new Choices(choices.take(choices.byte() % 16));
    const bytes = choices.rest();
    const whole = await toldLater(() => read(inPieces(bytes)));
    assert.deepEqual(await toldLater(() => read(chopped(bytes, cuts))), whole, "it matters how the form is cut");
  },
};

interface Read {
  readonly fields: readonly (readonly [string, string])[];
  readonly content: Buffer;
}

async function read(stream: AsyncIterable<Buffer>): Promise<Read> {
  const form = await readPostForm({ head: HEAD, stream });
  const claim = readPostClaim(form.fields);
  const content = async (range: { minBytes: number; maxBytes: number }): Promise<Buffer> => collect(openPostBody(form, range));
  postObjectHead(HEAD, form, "bucket");
  if (claim.kind === "anonymous") {
    return { fields: [...form.fields], content: await content({ minBytes: 0, maxBytes: Number.MAX_SAFE_INTEGER }) };
  }
  verifyPostSignature(claim, CREDENTIALS.secretAccessKey);
  const range = checkPostPolicy(claim.policy, form.fields, { bucket: "bucket", nowMs: NOW_MS });
  const file = await content(range);
  // INVARIANT: both seeds' policies say so, and nobody can sign another.
  assert.ok(form.key.startsWith("user/") && file.length >= 1 && file.length <= 100, "outside the policy");
  return { fields: [...form.fields], content: file };
}
