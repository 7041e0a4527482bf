/**
 * The body of an authenticated request, as its operation wants it: a stream that verifies itself, or bytes in memory.
 * Nothing is read, and `100 Continue` not sent, before the body is pulled.
 */
import type { RequestBody } from "../wire/body.js";
import { bodyOf } from "../wire/codec.js";
import { documentNeedsChecksum } from "../wire/document-checksum.js";
import { openBody as openStream } from "../wire/payload.js";
import { readSmallBody } from "../wire/small-body.js";
import type { Authenticated } from "./authenticate.js";
import type { Receiving } from "./request.js";

export interface OpenedBody {
  readonly stream: RequestBody | undefined;
  /** Empty where the body streams or there is none. */
  readonly memory: Uint8Array;
}

const NOTHING = new Uint8Array();

/** @throws ServiceError of the body's verification; for streams, of its announcement only */
export async function openBody(receiving: Receiving, proven: Authenticated): Promise<OpenedBody> {
  const { incoming } = receiving;
  const { routed, claim, signature } = proven;
  if (proven.body !== undefined) return { stream: undefined, memory: proven.body };
  const plan = bodyOf(routed.service, routed.operation);
  const options = { head: incoming.head, stream: incoming.body, claim, signature, onStart: incoming.sendContinue };
  switch (plan.kind) {
    case "stream":
      return { stream: openStream(options), memory: NOTHING };
    case "memory": {
      const { limitBytes } = plan;
      const checksumRequired = documentNeedsChecksum(routed.operation, plan, incoming.head, claim);
      receiving.memory.take(incoming.head, routed.service, limitBytes);
      const objectChecksum = routed.operation === "CompleteMultipartUpload";
      return { stream: undefined, memory: await readSmallBody({ ...options, limitBytes, checksumRequired, objectChecksum }) };
    }
    case "none":
      return { stream: undefined, memory: NOTHING };
  }
}
