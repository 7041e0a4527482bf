/**
 * Load over raw sockets with prebuilt bytes, in this process: for bodies of a megabyte and more, and for HEAD. Large reads
 * into one buffer a connection; every answer is compared with the one that is due on its connection, byte for byte.
 */
import { connect, type Socket } from "node:net";
import { percentile, WrongAnswer, type Load, type Measured } from "./load.js";
import type { Subject } from "./server.js";

const READ_BYTES = 1024 * 1024;
const MAX_HEAD_BYTES = 64 * 1024;
const TIMEOUT_MS = 60_000;

/** @throws WrongAnswer for any error and any wrong byte */
export async function runSockets(subject: Subject, load: Load): Promise<Measured> {
  const run = new Run(load);
  const began = performance.now();
  run.deadline = began + load.seconds * 1000;
  const connections = Array.from({ length: load.concurrency }, () => new Connection(subject, run).work());
  const outcomes = await Promise.allSettled(connections);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  const seconds = (performance.now() - began) / 1000;
  const latencies = Float64Array.from(run.latencies).sort();
  return {
    operations: latencies.length,
    seconds,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
  };
}

/** What the connections of one run share. */
class Run {
  readonly load: Load;
  readonly latencies: number[] = [];
  deadline = 0;
  failed = false;
  #next = 0;

  constructor(load: Load) {
    this.load = load;
  }

  /** Number of the request to send; undefined: the run is over. Every connection sends at least one. */
  take(isFirst: boolean): number | undefined {
    const { heads, once } = this.load;
    if (this.failed || (once === true && this.#next >= heads.length)) return undefined;
    if (!isFirst && performance.now() >= this.deadline) return undefined;
    return this.#next++;
  }
}

class Connection {
  readonly #run: Run;
  readonly #socket: Socket;
  #finish: () => void = () => {};
  #fail: (error: Error) => void = () => {};
  #number = 0;
  #isFirst = true;
  #sentAt = 0;
  /** Bytes of an answer's head that came without its end. */
  #head = "";
  /** Body bytes of the current answer: still to come, and already there. Undefined: its head is not complete. */
  #left: number | undefined;
  #seen = 0;
  #text = "";

  constructor(subject: Subject, run: Run) {
    this.#run = run;
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    this.#socket = connect({
      host: "127.0.0.1",
      port: subject.port,
      noDelay: true,
      onread: { buffer, callback: (size) => this.#onBytes(buffer.subarray(0, size)) },
    });
  }

  async work(): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#finish = resolve;
        this.#fail = reject;
        const broken = (why: string): void => reject(new WrongAnswer(`request ${this.#number}: ${why}`));
        this.#socket.on("error", (error) => broken(error.message));
        this.#socket.on("close", () => broken("the connection was closed"));
        this.#socket.setTimeout(TIMEOUT_MS, () => broken("no answer in time"));
        this.#send();
      });
    } catch (error) {
      this.#run.failed = true;
      throw error;
    } finally {
      this.#socket.destroy();
    }
  }

  #send(): void {
    const number = this.#run.take(this.#isFirst);
    if (number === undefined) return this.#finish();
    this.#isFirst = false;
    const { heads, body } = this.#run.load;
    this.#number = number;
    this.#left = undefined;
    this.#seen = 0;
    this.#text = "";
    this.#sentAt = performance.now();
    const head = heads[number % heads.length] ?? "";
    if (body.length === 0) this.#socket.write(head, "latin1");
    else {
      this.#socket.cork();
      this.#socket.write(head, "latin1");
      this.#socket.write(body);
      this.#socket.uncork();
    }
  }

  /** @returns true: go on reading */
  #onBytes(bytes: Buffer): boolean {
    try {
      const rest = this.#left === undefined ? this.#readHead(bytes) : bytes;
      if (this.#left !== undefined) this.#readBody(rest);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
    }
    return true;
  }

  /** @returns what lies behind the head */
  #readHead(bytes: Buffer): Buffer {
    const before = this.#head.length;
    const text = this.#head + bytes.toString("latin1", 0, MAX_HEAD_BYTES);
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) {
      if (text.length > MAX_HEAD_BYTES) throw new WrongAnswer("the head of an answer does not end");
      this.#head = text;
      return bytes.subarray(bytes.length);
    }
    this.#head = "";
    const { load } = this.#run;
    const status = Number(text.slice(9, 12));
    const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end + 2))?.[1];
    if (status !== load.status) throw new WrongAnswer(`request ${this.#number}: ${text.slice(0, 1000)}`);
    if (length === undefined && status !== 204) throw new WrongAnswer("an answer without content-length");
    this.#left = load.head === true ? 0 : Number(length ?? 0);
    const expected = this.#expected();
    if (expected !== undefined && this.#left !== expected.length) throw this.#wrong("length of the body");
    return bytes.subarray(end + 4 - before);
  }

  #readBody(bytes: Buffer): void {
    const left = this.#left ?? 0;
    if (bytes.length > left) throw this.#wrong("bytes behind the answer");
    const expected = this.#expected();
    if (expected !== undefined && expected.compare(bytes, 0, bytes.length, this.#seen, this.#seen + bytes.length) !== 0) {
      throw this.#wrong("a byte of the body");
    }
    if (this.#run.load.pattern !== undefined) this.#text += bytes.toString("latin1");
    this.#seen += bytes.length;
    this.#left = left - bytes.length;
    if (this.#left > 0) return;
    const { pattern } = this.#run.load;
    if (pattern !== undefined && !new RegExp(pattern).test(this.#text)) throw this.#wrong("the body's form");
    this.#run.latencies.push(performance.now() - this.#sentAt);
    this.#send();
  }

  #expected(): Buffer | undefined {
    const { bodies } = this.#run.load;
    return bodies?.[this.#number % bodies.length];
  }

  #wrong(what: string): WrongAnswer {
    return new WrongAnswer(`request ${this.#number}: ${what} is wrong`);
  }
}
