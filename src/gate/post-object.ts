/**
 * Browser forms: `POST` to a bucket becomes a PutObject, signed by the form's policy. From there on it is PutObject in
 * every respect: permission, encryption, audit. Source: S3 "POST Object", "Browser-based uploads using SigV4".
 */
import { decodeInput, encodeOutput } from "../wire/codec.js";
import type { ResponseIds, RoutedOperation } from "../wire/contract.js";
import { ANY_SIZE, formTarget, openPostBody, postAnswer, postObjectHead, readPostForm, type PostForm } from "../wire/post-form.js";
import { checkPostPolicy, readPostClaim, verifyPostSignature } from "../wire/post-policy.js";
import type { PutObjectOutput } from "../wire/tables/s3-types.js";
import type { RequestHead } from "../wire/types.js";
import { ANONYMOUS, checkRegion, findCredential, noteUse } from "./authenticate.js";
import { LiveCall, type OpenedRequest, type RequestFacts } from "./call.js";
import type { Authentication, Principal } from "./contract.js";
import type { GateDependencies } from "./dependencies.js";
import type { Answer, Incoming } from "./request.js";

export interface PostContext {
  readonly ids: ResponseIds;
  readonly nowMs: number;
  /** Facts of the request for a principal proven by the form. */
  facts(principal: Principal, authentication: Authentication): RequestFacts;
}

/** @throws ServiceError whatever the form, its policy or PutObject refuses */
export async function postObject(deps: GateDependencies, incoming: Incoming, routed: RoutedOperation, context: PostContext): Promise<Answer> {
  const { head, body, sendContinue } = incoming;
  const bucket = routed.bucket ?? "";
  const form = await readPostForm({ head, stream: body, onStart: sendContinue });
  const proven = await proveForm(deps, form, context.nowMs);
  const call = new LiveCall(deps, deps.registry.get("s3", "PutObject"), context.facts(proven.principal, proven.authentication), { head });
  const output = await call.executeOpened(() => openForm(form, { head, bucket, policy: proven.policy, nowMs: context.nowMs }));
  const encoded = encodeOutput("s3", "PutObject", output, context.ids);
  const posted = { bucket, key: form.key, etag: (output as PutObjectOutput).ETag ?? "", location: locationOf(incoming, formTarget(form, bucket)) };
  return merged(encoded.headers, postAnswer(form.fields, posted));
}

interface ProvenForm {
  readonly principal: Principal;
  readonly authentication: Authentication;
  /** Signed, not yet held against the fields; undefined for anonymous forms. */
  readonly policy: string | undefined;
}

async function proveForm(deps: GateDependencies, form: PostForm, nowMs: number): Promise<ProvenForm> {
  const claim = readPostClaim(form.fields);
  if (claim.kind === "anonymous") return { principal: ANONYMOUS, authentication: { type: "Anonymous" }, policy: undefined };
  const { secretAccessKey, principal } = await findCredential(deps, "s3", claim, nowMs);
  verifyPostSignature(claim, secretAccessKey);
  checkRegion(deps, "s3", { kind: "header", scope: claim.scope });
  noteUse(deps, "s3", claim, nowMs);
  return { principal, authentication: { type: "POST", scopeRegion: claim.scope.region, signedAtMs: claim.signedAtMs }, policy: claim.policy };
}

interface FormRequest {
  readonly head: RequestHead;
  readonly bucket: string;
  readonly policy: string | undefined;
  readonly nowMs: number;
}

/** The PutObject that the form stands for. @throws ServiceError what its policy or fields refuse */
function openForm(form: PostForm, { head, bucket, policy, nowMs }: FormRequest): OpenedRequest {
  const range = policy === undefined ? ANY_SIZE : checkPostPolicy(policy, form.fields, { bucket, nowMs });
  const putHead = postObjectHead(head, form, bucket);
  const put: RoutedOperation = {
    kind: "operation", service: "s3", operation: "PutObject", bucket, key: form.key, style: "path", query: new Map(), rawPath: putHead.target,
  };
  return { input: decodeInput(put, putHead, new Uint8Array()), body: openPostBody(form, range), head: putHead };
}

function locationOf({ head }: Incoming, target: string): string {
  return `${head.secure ? "https" : "http"}://${head.headers.host ?? "s3.amazonaws.com"}${target}`;
}

/** PutObject's headers (request id, encryption, version) under the form's own answer. */
function merged(headers: Readonly<Record<string, string>>, answer: ReturnType<typeof postAnswer>): Answer {
  const body = answer.body === undefined ? undefined : Buffer.from(answer.body, "utf8");
  const own = Object.entries(answer.headers).map(([name, value]) => [name.toLowerCase(), value]);
  const length = { "content-length": String(body?.length ?? 0), ...(body === undefined ? {} : { "content-type": "application/xml" }) };
  return { status: answer.status, headers: { ...headers, ...Object.fromEntries(own), ...length }, body };
}
