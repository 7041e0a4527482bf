/**
 * One LMDB environment and its two databases, opened where opening can work.
 *
 * Two weaknesses of the engine are met here. It gives an environment up for good when its meta page could not be written
 * (MDB_PANIC); lmdb-js 3.5 then keeps the writer's lock, and no write is ever answered again: `lives` tells. And a failed
 * open ends the process in lmdb-js (it frees its own state twice): so what LMDB is about to do is tried before.
 */
import { accessSync, closeSync, constants, existsSync, fdatasyncSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { open, type Database, type RootDatabase } from "lmdb";
import { StoreError } from "./contract.js";

/** Address space reserved at once, so that growing hardly ever moves the map; beyond it the engine grows by itself. */
const MAP_BYTES = 256 * 1024 ** 3;
/** Both meta pages. */
const META_BYTES = 2 * 4096;
export const STAMP_KEY = Buffer.from("stamp");

export type Bytes = Database<Buffer, Uint8Array>;

export interface Environment {
  readonly env: RootDatabase;
  readonly rows: Bytes;
  readonly meta: Bytes;
}

/**
 * Keys and values are the bytes that they are, copied into Node's pool: an ArrayBuffer of its own for each row, which is
 * lmdb-js's way, costs as much as reading it, and as much again when it is collected.
 * INVARIANT: every range has a start; lmdb-js's own for keys of an encoder leaves the first spaces out.
 */
const POOLED = {
  keyEncoder: {
    writeKey(key: Uint8Array, target: Buffer, start: number): number {
      target.set(key, start);
      return start + key.length;
    },
    readKey: pooledCopy,
  },
  encoder: {
    encode: (value: Buffer): Buffer => value,
    /** @param size a range tells; of one row the buffer's `length` does */
    decode: (bytes: Buffer, size?: number): Buffer => pooledCopy(bytes, 0, size ?? bytes.length),
  },
};
/** Below, a loop copies faster than `set` of a view that is made for it. */
const LOOP_BYTES = 64;

/** @param bytes as long as lmdb-js's buffer, whatever its `length` says */
function pooledCopy(bytes: Uint8Array, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start);
  if (copy.length > LOOP_BYTES) copy.set(bytes.subarray(start, end));
  else for (let i = 0; i < copy.length; i++) copy[i] = bytes[start + i] ?? 0;
  return copy;
}

/** @throws Error when it cannot be opened */
export function openEnvironment(directory: string): Environment {
  tryFiles(directory);
  const env = open({
    path: directory,
    noSubdir: false,
    maxDbs: 4,
    mapSize: MAP_BYTES,
    // INVARIANT: a commit that resolved is on disk (no overlapping sync), and freed pages are zeroed before reuse.
    overlappingSync: false,
    noMemInit: false,
    // lmdb-js's own batching leaves a promise of its own unhandled when a commit fails: ENOSPC would end the process.
    eventTurnBatching: false,
    keyEncoding: "binary",
    encoding: "binary",
  });
  const rows = env.openDB<Buffer, Uint8Array>({ name: "rows", encoding: "binary", useVersions: true, ...POOLED });
  const meta = env.openDB<Buffer, Uint8Array>({ name: "meta", keyEncoding: "binary", encoding: "binary" });
  return { env, rows, meta };
}

/**
 * Can the data be opened or made, its meta pages read, and made durable? @throws Error if not
 * INVARIANT: lock.mdb is not opened here: closing it would end the locks that this process holds on it.
 */
function tryFiles(directory: string): void {
  const lock = join(directory, "lock.mdb");
  if (existsSync(lock)) accessSync(lock, constants.R_OK | constants.W_OK);
  const data = openSync(join(directory, "data.mdb"), "a+", 0o600);
  try {
    const wanted = fstatSync(data).size === 0 ? 0 : META_BYTES;
    if (readSync(data, Buffer.alloc(META_BYTES), 0, wanted, 0) < wanted) throw new StoreError("the metadata file is cut short");
    fdatasyncSync(data);
  } finally {
    closeSync(data);
  }
}

/** Does it still answer? One that had a fatal error never does again. */
export function lives({ env, meta }: Environment): boolean {
  try {
    env.resetReadTxn();
    meta.getBinary(STAMP_KEY);
    return true;
  } catch {
    return false;
  } finally {
    env.resetReadTxn();
  }
}
