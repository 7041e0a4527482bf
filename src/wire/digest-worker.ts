/**
 * The program of the digest thread: hashes what lies in memory shared with the main thread, body by body, and says when a
 * slot may be filled again. Started by digest-thread.ts; it opens nothing and knows no key.
 */
import { parentPort } from "node:worker_threads";
import { createHasher, type Hasher } from "./checksums.js";
import type { ChecksumAlgorithm } from "./body.js";

/** To the thread. Slots are halves of `memory`. */
export type ToThread =
  | {
      readonly kind: "open";
      readonly body: number;
      readonly algorithms: readonly ChecksumAlgorithm[];
      readonly memory: SharedArrayBuffer;
    }
  | { readonly kind: "update"; readonly body: number; readonly at: number; readonly sizeBytes: number }
  | { readonly kind: "digest"; readonly body: number }
  | { readonly kind: "close"; readonly body: number };

/** From the thread. */
export type FromThread =
  | { readonly kind: "taken"; readonly body: number }
  | {
      readonly kind: "digests";
      readonly body: number;
      /** Bytes hashed: the main thread compares. */
      readonly sizeBytes: number;
      readonly digests: readonly (readonly [ChecksumAlgorithm, Uint8Array])[];
    }
  | { readonly kind: "failed"; readonly body: number; readonly message: string }
  | { readonly kind: "closed"; readonly body: number };

interface Body {
  readonly memory: Uint8Array;
  readonly hashers: readonly (readonly [ChecksumAlgorithm, Hasher])[];
  sizeBytes: number;
}

const port = parentPort;
if (port === null) throw new Error("invariant: the digest program runs in a thread");
const bodies = new Map<number, Body>();

async function handle(message: ToThread): Promise<FromThread | undefined> {
  if (message.kind === "open") {
    const hashers: (readonly [ChecksumAlgorithm, Hasher])[] = [];
    for (const algorithm of message.algorithms) hashers.push([algorithm, await createHasher(algorithm)]);
    bodies.set(message.body, { memory: new Uint8Array(message.memory), hashers, sizeBytes: 0 });
    return undefined;
  }
  if (message.kind === "close") {
    bodies.delete(message.body);
    return { kind: "closed", body: message.body };
  }
  const body = bodies.get(message.body);
  if (body === undefined) throw new Error("invariant: a body that was opened");
  if (message.kind === "update") {
    const bytes = body.memory.subarray(message.at, message.at + message.sizeBytes);
    for (const [, hasher] of body.hashers) hasher.update(bytes);
    body.sizeBytes += bytes.length;
    return { kind: "taken", body: message.body };
  }
  // Copied out of Node's buffer pool, all of which a message would carry.
  const digests = body.hashers.map(([algorithm, hasher]) => [algorithm, new Uint8Array(hasher.digest())] as const);
  return { kind: "digests", body: message.body, sizeBytes: body.sizeBytes, digests };
}

/** One message behind the other: opening waits for WebAssembly, and updates must not overtake it. */
let last: Promise<void> = Promise.resolve();
port.on("message", (message: ToThread) => {
  last = last.then(async () => {
    try {
      const answer = await handle(message);
      if (answer !== undefined) port.postMessage(answer);
    } catch (error) {
      bodies.delete(message.body);
      port.postMessage({ kind: "failed", body: message.body, message: String(error) } satisfies FromThread);
    }
  });
});
