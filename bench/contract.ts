/** What is measured: groups of cases that share a server and its data. */
import type { Load, Measured } from "./load.js";
import type { Subject } from "./server.js";

/** What the lowest cost of a case's cryptography is, done by one thread. */
export interface CryptoWork {
  readonly direction: "seal" | "open";
  readonly sizeBytes: number;
  readonly layers: number;
}

export interface Case {
  /** Unique, and what filters look at: `GET 4 KiB · c=16 · SSE-KMS`. */
  readonly name: string;
  /** Plaintext that one operation moves; 0 where it moves none. */
  readonly sizeBytes: number;
  readonly client: "wrk" | "sockets";
  /** Also part of a quick run. */
  readonly quick: boolean;
  /** Case of the floor that this is compared with: the load of the case so named. */
  readonly floor: string;
  readonly crypto?: CryptoWork;
  /** Made anew for each run: signatures grow old, and keys of one run are not those of another. */
  load(subject: Subject, run: string, seconds: number): Load | Promise<Load>;
  /** After a run: is what it left behind right? @throws WrongAnswer */
  check?(subject: Subject, run: string, measured: Measured): Promise<void>;
}

export interface Group {
  readonly name: string;
  readonly cases: readonly Case[];
  /** Puts there what the cases named read. */
  prepare(subject: Subject, cases: readonly Case[]): Promise<void>;
}

/** Size of the bodies and how they are called. */
export const KIB = 1024;
export const MIB = 1024 * 1024;
export const sizeText = (sizeBytes: number): string => (sizeBytes >= MIB ? `${sizeBytes / MIB} MiB` : `${sizeBytes / KIB} KiB`);

/** Runs `work` for every item, at most `width` at a time. */
export async function inParallel<T>(items: readonly T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const iterator = items.values();
  const lane = async (): Promise<void> => {
    for (const item of iterator) await work(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
