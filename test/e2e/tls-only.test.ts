/**
 * Policies that demand TLS, generated: the forms in which they are published × scheme × what the request claims about a
 * proxy × whether Coffer trusts that proxy × calls. Whoever is not a configured proxy can claim what he likes.
 * Source: S3 encryption reference §11.2 (statement 6), §15.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { once } from "node:events";
import { after, describe, test } from "node:test";
import { CreateBucketCommand, PutBucketPolicyCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { presignTarget, sha256Hex, signHeaders, type Signer } from "../../src/wire/sign.js";
import { discard, ROOT, s3Client, startServer, type TestServer } from "./server.js";

type Headers = Readonly<Record<string, string>>;

const CLAIMS: Readonly<Record<string, Headers>> = {
  "nothing": {},
  "X-Forwarded-Proto: https": { "x-forwarded-proto": "https" },
  "X-Forwarded-Proto: http": { "x-forwarded-proto": "http" },
  "X-Forwarded-Proto: https, http": { "x-forwarded-proto": "https, http" },
  "X-Forwarded-Proto: http, https": { "x-forwarded-proto": "http, https" },
  "Forwarded": { forwarded: "proto=https;for=192.0.2.1" },
  "X-Forwarded-Ssl": { "x-forwarded-ssl": "on" },
  "X-Forwarded-Port": { "x-forwarded-port": "443" },
  "X-Forwarded-Scheme": { "x-forwarded-scheme": "https", "x-scheme": "https", "x-url-scheme": "https" },
  "Front-End-Https": { "front-end-https": "on" },
  "CloudFront-Forwarded-Proto": { "cloudfront-forwarded-proto": "https" },
  "the condition key itself": { "aws-securetransport": "true", "securetransport": "true" },
};
/** The one thing that a trusted proxy has to say. */
const PROXY_WORD = "X-Forwarded-Proto: https";

const FORMS: Readonly<Record<string, object>> = {
  'Bool "false"': { Bool: { "aws:SecureTransport": "false" } },
  "Bool false": { Bool: { "aws:SecureTransport": false } },
  "BoolIfExists": { BoolIfExists: { "aws:SecureTransport": "false" } },
  "Bool in an array, key in other letters": { Bool: { "AWS:securetransport": ["false"] } },
  "StringNotEquals true": { StringNotEquals: { "aws:SecureTransport": "true" } },
};

const CALLS: readonly (readonly [method: string, path: string, body?: string])[] = [
  ["GET", "/object"],
  ["HEAD", "/object"],
  ["GET", "?list-type=2"],
  ["HEAD", ""],
  ["PUT", "/new", "x"],
  ["POST", "/upload?uploads="],
  ["DELETE", "/none"],
  ["GET", "?versioning="],
];

interface Place {
  readonly server: TestServer;
  readonly trusting: boolean;
  readonly agents: { readonly http: HttpAgent; readonly https: HttpsAgent };
}

async function openPlace(trusting: boolean): Promise<Place> {
  const server = await startServer({ flags: trusting ? ["--trusted-proxies", "127.0.0.0/8"] : [] });
  const https = new HttpsAgent({ keepAlive: true, ca: readFileSync(server.caFile) });
  return { server, trusting, agents: { http: new HttpAgent({ keepAlive: true }), https } };
}

const places = [await openPlace(false), await openPlace(true)];
after(async () => {
  for (const { server, agents } of places) {
    agents.http.destroy();
    agents.https.destroy();
    await discard(server);
  }
});

interface Asking {
  readonly secure: boolean;
  readonly method: string;
  readonly target: string;
  readonly body?: string | undefined;
  readonly claim: Headers;
  /** Signed in the query instead of a header. */
  readonly presigned?: boolean;
}

/** Status of a signed request; the claim is not signed: whoever stands in between could add it. */
async function ask({ server, agents }: Place, asking: Asking): Promise<number> {
  const { secure, method, target, body = "", claim, presigned = false } = asking;
  const url = new URL(secure ? server.httpsUrl : server.httpUrl);
  const signer: Signer = { credentials: ROOT, region: "us-east-1", service: "s3", nowMs: Date.now() };
  const own = { host: url.host };
  const path = presigned ? presignTarget({ method, target, headers: own }, signer, 60) : target;
  const headers = presigned ? own : signHeaders({ method, target, headers: own }, signer, sha256Hex(body));
  const options = {
    host: url.hostname,
    port: url.port,
    method,
    path,
    headers: { ...headers, ...claim, "content-length": String(body.length) },
  };
  const outgoing = secure ? httpsRequest({ ...options, agent: agents.https }) : httpRequest({ ...options, agent: agents.http });
  outgoing.end(body);
  const [answer] = (await once(outgoing, "response")) as [IncomingMessage];
  answer.resume();
  await once(answer, "end");
  return answer.statusCode ?? 0;
}

async function guarded({ server }: Place, Bucket: string, Condition: object): Promise<void> {
  const s3 = s3Client(server, { https: true });
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutObjectCommand({ Bucket, Key: "object", Body: "x" }));
  const Resource = [`arn:aws:s3:::${Bucket}`, `arn:aws:s3:::${Bucket}/*`];
  const Statement = [{ Sid: "DenyInsecureTransport", Effect: "Deny", Principal: "*", Action: "s3:*", Resource, Condition }];
  await s3.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify({ Version: "2012-10-17", Statement }) }));
}

for (const place of places) {
  describe(place.trusting ? "TLS only, behind a trusted proxy" : "TLS only, no proxy trusted", () => {
    for (const [at, [form, condition]] of Object.entries(FORMS).entries()) {
      test(`${form}: every call over http and https, with every claim`, async () => {
        const bucket = `guarded-${at}`;
        await guarded(place, bucket, condition);
        for (const secure of [false, true]) {
          for (const [claimed, claim] of Object.entries(CLAIMS)) {
            const passes = secure || (place.trusting && claimed === PROXY_WORD);
            for (const [method, path, body] of CALLS) {
              for (const presigned of path.includes("?") ? [false] : [false, true]) {
                const status = await ask(place, { secure, method, target: `/${bucket}${path}`, body, claim, presigned });
                const what = `${secure ? "https" : "http"}, ${claimed}, ${method} ${path}${presigned ? ", presigned" : ""}`;
                assert.equal(status === 403 ? "refused" : status < 300 ? "passed" : status, passes ? "passed" : "refused", what);
              }
            }
          }
        }
      });
    }
  });
}
