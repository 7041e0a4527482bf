/**
 * Who could not prove who they are: one line for the operator, a few a minute, so that a lost key and a search for one are
 * seen. Never the signature, the token, or what was signed. Counts of all are in the metrics, by code.
 */
import type { ServiceError } from "../lib/errors.js";
import type { Log } from "../lib/log.js";
import { Occasional } from "../lib/occasional.js";
import { credentialOf } from "../wire/route.js";
import type { RequestHead } from "../wire/types.js";
import { ACCESS_KEY_ID } from "./authenticate.js";

/** Of the proof itself, in every service's words. Refused rights are in the audit log. */
const REFUSALS = new Set([
  "SignatureDoesNotMatch",
  "InvalidSignatureException",
  "InvalidAccessKeyId",
  "UnrecognizedClientException",
  "InvalidClientTokenId",
  "InvalidToken",
  "ExpiredToken",
  "ExpiredTokenException",
  "RequestTimeTooSkewed",
  "RequestExpired",
]);

export class Refusals {
  readonly #log: Log;
  readonly #lines = new Occasional();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param sourceIp as conditions see it */
  note({ code }: ServiceError, head: RequestHead, sourceIp: string | undefined, requestId: string): void {
    if (!REFUSALS.has(code)) return;
    const passed = this.#lines.pass(performance.now());
    if (passed === undefined) return;
    // A name that no key can have is not repeated: somebody may have put the secret in its place.
    const named = credentialOf(head)?.split("/")[0] ?? "";
    const accessKeyId = ACCESS_KEY_ID.test(named) ? { accessKeyId: named } : {};
    this.#log.info({ code, sourceIp, ...accessKeyId, requestId, ...passed }, "signature refused");
  }
}
