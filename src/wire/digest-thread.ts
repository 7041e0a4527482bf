/**
 * Digests of large bodies in a thread beside the main one: MD5 and SHA-256 cost more than everything else that is done to
 * a byte, and the main thread has other requests to serve. Bytes are copied into memory that both threads share, two slots
 * a body; the reader waits when both are full. One thread a process, started when first needed.
 *
 * It fails closed: a thread that dies, or has not hashed as many bytes as were given, fails the bodies it had; none of
 * them becomes an object. The next body starts a new thread.
 */
import { Worker } from "node:worker_threads";
import type { ChecksumAlgorithm } from "./body.js";
import type { BodyDigests } from "./digests.js";
import type { FromThread, ToThread } from "./digest-worker.js";

/** The thread's slots: large enough that a message a slot costs little, small enough to stay in the processor's cache. */
const SLOT_BYTES = 512 * 1024;
/** Bodies that one process digests in its thread at the same time; further ones are digested where they are read. */
const MAX_BODIES = 8;
/** Memory of bodies that have ended, kept for the next ones. */
const KEPT_MEMORIES = 2;

/** The thread has died, or lost bytes. Answers 500. */
export class DigestThreadError extends Error {
  override readonly name = "DigestThreadError";
}

/** A digest in the thread, or undefined where it has enough bodies already. */
export function digestsInThread(algorithms: readonly ChecksumAlgorithm[]): BodyDigests | undefined {
  thread ??= new DigestThread();
  return thread.open(algorithms);
}

/** For tests: ends the thread as if it had died. */
export async function endDigestThread(): Promise<void> {
  await thread?.end();
}

let thread: DigestThread | undefined;
const memories: SharedArrayBuffer[] = [];

class DigestThread {
  readonly #worker: Worker;
  readonly #bodies = new Map<number, ThreadDigests>();
  #next = 0;

  constructor() {
    // Without the environment: it may hold the root credential, and the thread needs nothing of it.
    this.#worker = new Worker(new URL("./digest-worker.js", import.meta.url), { name: "digests", env: {} });
    this.#worker.unref();
    this.#worker.on("message", (message: FromThread) => this.#receive(message));
    this.#worker.on("messageerror", (cause) => this.#fail(cause));
    this.#worker.on("error", (cause) => this.#fail(cause));
    this.#worker.on("exit", (code) => this.#fail(new Error(`exit code ${code}`)));
  }

  open(algorithms: readonly ChecksumAlgorithm[]): ThreadDigests | undefined {
    if (this.#bodies.size >= MAX_BODIES) return undefined;
    const body = this.#next++;
    const memory = memories.pop() ?? new SharedArrayBuffer(2 * SLOT_BYTES);
    const digests = new ThreadDigests({ body, memory, send: (message) => this.#worker.postMessage(message) });
    // While a body is under way the process must not end for want of other work.
    if (this.#bodies.size === 0) this.#worker.ref();
    this.#bodies.set(body, digests);
    this.#worker.postMessage({ kind: "open", body, algorithms, memory } satisfies ToThread);
    return digests;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #receive(message: FromThread): void {
    const digests = this.#bodies.get(message.body);
    if (message.kind !== "closed") {
      digests?.receive(message);
      return;
    }
    this.#bodies.delete(message.body);
    if (this.#bodies.size === 0) this.#worker.unref();
    if (digests === undefined) return;
    // INVARIANT: the thread does not read this memory any more, and no plaintext stays in it.
    new Uint8Array(digests.memory).fill(0);
    if (memories.length < KEPT_MEMORIES) memories.push(digests.memory);
  }

  #fail(cause: unknown): void {
    if (thread === this) thread = undefined;
    for (const digests of this.#bodies.values()) digests.fail(new DigestThreadError("the digest thread ended", { cause }));
    this.#bodies.clear();
  }
}

interface Share {
  readonly body: number;
  readonly memory: SharedArrayBuffer;
  send(message: ToThread): void;
}

type Answer = Extract<FromThread, { kind: "digests" }>;

class ThreadDigests implements BodyDigests {
  readonly memory: SharedArrayBuffer;
  readonly #share: Share;
  readonly #bytes: Uint8Array;
  /** Start of the slot being filled. */
  #slot = 0;
  #filled = 0;
  #sizeBytes = 0;
  /** Slots that the thread has and has not given back: 0 … 2. */
  #away = 0;
  #failure: Error | undefined;
  #answer: Answer | undefined;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(share: Share) {
    this.#share = share;
    this.memory = share.memory;
    this.#bytes = new Uint8Array(share.memory);
  }

  update(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    let at = 0;
    while (at < bytes.length) {
      if (this.#away === 2) return this.#later(bytes.subarray(at));
      const part = bytes.subarray(at, at + SLOT_BYTES - this.#filled);
      this.#bytes.set(part, this.#slot + this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === SLOT_BYTES) this.#hand();
    }
    return undefined;
  }

  async digest(): Promise<Map<ChecksumAlgorithm, Buffer>> {
    if (this.#filled > 0) this.#hand();
    this.#share.send({ kind: "digest", body: this.#share.body });
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#answer !== undefined) break;
      await this.#news();
    }
    const { sizeBytes, digests } = this.#answer;
    if (sizeBytes !== this.#sizeBytes) throw new DigestThreadError(`${sizeBytes} of ${this.#sizeBytes} bytes were digested`);
    return new Map(digests.map(([algorithm, digest]) => [algorithm, Buffer.from(digest)]));
  }

  release(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#share.send({ kind: "close", body: this.#share.body });
  }

  receive(message: Exclude<FromThread, { kind: "closed" }>): void {
    if (message.kind === "taken") this.#away--;
    else if (message.kind === "digests") this.#answer = message;
    else this.#failure = new DigestThreadError(message.message);
    this.#wake?.();
  }

  fail(error: Error): void {
    this.#failure ??= error;
    this.#wake?.();
  }

  async #later(bytes: Uint8Array): Promise<void> {
    while (this.#away === 2 && this.#failure === undefined) await this.#news();
    await this.update(bytes);
  }

  #hand(): void {
    this.#share.send({ kind: "update", body: this.#share.body, at: this.#slot, sizeBytes: this.#filled });
    this.#sizeBytes += this.#filled;
    this.#away++;
    this.#slot = SLOT_BYTES - this.#slot;
    this.#filled = 0;
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
