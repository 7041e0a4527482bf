/** Signature Version 4: what is claimed, what is canonical, what a signature covers. */
import assert from "node:assert/strict";
import { parseAuthorization } from "../../../src/wire/authorization.js";
import { errorServiceOf, route } from "../../../src/wire/route.js";
import { presignTarget, signHeaders } from "../../../src/wire/sign.js";
import { verifySignature } from "../../../src/wire/sigv4.js";
import type { RequestHead } from "../../../src/wire/types.js";
import { CREDENTIALS, NOW_MS, requestHead, signer } from "../../wire/signing.js";
import { Choices } from "../bytes.js";
import { told, type Target } from "../target.js";

const TARGETS = [
  "/bucket/key", "/bucket/a%20b//../c%2Fd?versionId=1&x", "/bucket?list-type=2&prefix=%C3%A9%2B+", "/bucket/k?a=2&a=1&b",
];

/** What the signature of a request is about, said by other means than the code under test. */
function meaning({ method, target, rawHeaders }: RequestHead, signed: ReadonlySet<string>): string {
  const [path = "", ...query] = target.split("?");
  const pairs = query.join("?").split("&").filter((pair) => pair !== "" && !pair.startsWith("X-Amz-Signature="));
  const plain = pairs.map((pair) => {
    const [name = "", ...value] = pair.split("=");
    return JSON.stringify([bytesOf(name.replaceAll("+", " ")), bytesOf(value.join("=").replaceAll("+", " "))]);
  });
  const headers: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? "").toLowerCase();
    const value = (rawHeaders[i + 1] ?? "").replace(/[ \t]+/g, " ").replace(/^ | $/g, "");
    if (signed.has(name)) headers.push(JSON.stringify([name, value]));
  }
  return JSON.stringify([method, bytesOf(path), plain.sort(), headers.sort()]);
}

/** Percent escapes as bytes (latin1). */
const bytesOf = (text: string): string =>
  text.replace(/%([0-9a-fA-F]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

const HOST = { host: "s3.example.org" };
const presigned = (target: string): RequestHead =>
  requestHead("GET", presignTarget({ method: "GET", target, headers: HOST }, signer(), 60), HOST);
const byHeader = (target: string): RequestHead => {
  const request = { method: "GET", target, headers: { ...HOST, "x-amz-meta-a": "b  c" } };
  return requestHead("GET", target, signHeaders(request, signer(), "UNSIGNED-PAYLOAD"));
};
const SIGNED: readonly RequestHead[] = TARGETS.flatMap((target) => [presigned(target), byHeader(target)]);

/** A request as lines: method and target, then headers. */
const asText = ({ method, target, rawHeaders }: RequestHead): Buffer => {
  const lines = [`${method} ${target}`];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  return Buffer.from(lines.join("\n"), "latin1");
};

/** As Node's parser would hand it over: names are tokens, values without controls. */
function asRequest(text: string): RequestHead | undefined {
  const [first = "", ...lines] = text.split("\n");
  const [method = "", target = ""] = first.split(" ");
  if (!/^[A-Z]+$/.test(method) || !/^\/[\x21-\x7e]*$/.test(target)) return undefined;
  const pairs: [string, string][] = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()];
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || /[\x00-\x08\x0a-\x1f\x7f]/.test(value)) return undefined;
    pairs.push([name, value]);
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of pairs) headers[name.toLowerCase()] ??= value;
  return { method, target, headers, rawHeaders: pairs.flat(), secure: false };
}

const MEANINGS = new Set(SIGNED.map((head) => meaningOf(head)));

function meaningOf(head: RequestHead): string {
  const claim = parseAuthorization(head, { service: "s3", nowMs: NOW_MS });
  return meaning(head, new Set(claim.kind === "anonymous" ? [] : claim.signedHeaders));
}

/** First byte: which service's rules. */
export const sigv4: Target = {
  name: "sigv4",
  claim: "a request passes only if it means what was signed; any other is refused as a caller's fault, never by a crash",
  seeds: SIGNED.map((head) => Buffer.concat([Buffer.from([0]), asText(head)])),
  words: [
    "%2F", "%00", "%", "+", "&", "=", "//", "/../", "\t", "X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Signature=",
    "X-Amz-SignedHeaders=host", "X-Amz-Expires=604801", "X-Amz-Security-Token=", "x-amz-content-sha256", "x-amz-meta-a",
    "\nhost: other", "\nx-amz-date: ", "\nauthorization: AWS4-HMAC-SHA256 ", "SignedHeaders=", ";host",
  ],
  maxBytes: 4096,
  run(input) {
    const choices = new Choices(input);
    const service = choices.pick(["s3", "s3", "s3", "kms", "iam", "sts"] as const);
    const head = asRequest(choices.rest().toString("latin1"));
    if (head === undefined) return;
    errorServiceOf(head);
    told(() => route(head, { domains: ["s3.example.org"] }));
    const claim = told(() => parseAuthorization(head, { service, nowMs: NOW_MS }));
    if (claim === undefined || claim.kind === "anonymous") return;
    const { secretAccessKey } = CREDENTIALS;
    const bodySha256 = "0".repeat(64);
    const verified = told(() => verifySignature(claim, head, { service, secretAccessKey, bodySha256 }));
    if (verified !== undefined) assert.ok(MEANINGS.has(meaningOf(head)), "a request that nobody signed");
  },
};
