/**
 * Key material in use: read by row, unwrapped once, kept and wiped when it leaves the cache: with its key, or when it lies
 * idle, since another process may have deleted the key. Whether a key may be used is never decided here.
 *
 * INVARIANT: material never changes under its id, and goes only together with its key's row, which callers read afresh: so
 * material that is kept is not read again.
 */
import { MINUTE_MS } from "../lib/clock.js";
import type { Secret } from "../lib/secret.js";
import type { Put } from "../stores/contract.js";
import type { Found } from "../stores/records.js";
import type { Keyring } from "./root-key.js";
import type { KmsTables, MaterialClear } from "./records.js";
import type { Key } from "./key.js";

interface Kept {
  readonly region: string;
  readonly keyId: string;
  readonly secret: Secret;
  usedMs: number;
}

/** Longer than requests follow each other where a key is in use; unwrapping anew costs microseconds. */
const MAX_IDLE_MS = 15 * MINUTE_MS;

/** How often idle material is looked for, while there is any: where nothing is asked of KMS, nobody else would. */
const LOOK_EVERY_MS = MINUTE_MS;

/** 32 random bytes of a SYMMETRIC_DEFAULT key. */
export const MATERIAL_BYTES = 32;

export class Materials {
  readonly #tables: KmsTables;
  readonly #keyring: Keyring;
  readonly #limit: number;
  readonly #now: () => number;
  /** By material id; least recently used first. */
  readonly #kept = new Map<string, Kept>();
  /** The last of them. */
  #latest: Kept | undefined;
  /** Nothing lies idle before. */
  #idleFromMs = Number.NEGATIVE_INFINITY;
  #look: NodeJS.Timeout | undefined;

  /** @param options how many to keep; a monotonic clock, ms */
  constructor(tables: KmsTables, keyring: Keyring, options: { readonly limit?: number; readonly now?: () => number } = {}) {
    this.#tables = tables;
    this.#keyring = keyring;
    this.#limit = options.limit ?? 1024;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Runs `use` on the material's bytes, at once and synchronously: they belong to the cache.
   * @returns undefined when the key has no such material
   */
  async use<T>(key: Key, materialId: string, use: (bytes: Buffer) => T): Promise<T | undefined> {
    const kept = this.#take(key, materialId);
    if (kept !== undefined) return use(kept.bytes);
    const found = await this.#tables.materials.get(key.region, key.keyId, materialId);
    if (found === undefined) return undefined;
    // INVARIANT: from here no await, or another call could wipe what this one is about to use.
    return use((this.#take(key, materialId) ?? this.#open(key, materialId, found)).bytes);
  }

  /** `use`, if the material is at hand: most often it is, and nobody has to wait. @returns undefined when it is not */
  useKept<T>(key: Key, materialId: string, use: (bytes: Buffer) => T): T | undefined {
    const kept = this.#take(key, materialId);
    return kept === undefined ? undefined : use(kept.bytes);
  }

  /** `use` of the material of new encryptions. */
  async useCurrent<T>(key: Key, use: (bytes: Buffer) => T): Promise<T> {
    const used = await this.use(key, key.clear.materialId, (bytes) => ({ result: use(bytes) }));
    if (used === undefined) throw new Error(`invariant: current material of ${key.arn} is missing`);
    return used.result;
  }

  /** Wipes what is kept of a key that has been deleted. */
  forgetKey(region: string, keyId: string): void {
    for (const [id, kept] of [...this.#kept]) if (kept.region === region && kept.keyId === keyId) this.#forget(id);
  }

  /** Wipes everything kept. */
  close(): void {
    for (const id of [...this.#kept.keys()]) this.#forget(id);
  }

  /** Kept material, as the latest used. */
  #take(key: Key, materialId: string): Secret | undefined {
    const usedMs = this.#now();
    this.#forgetIdle(usedMs);
    const kept = this.#kept.get(materialId);
    if (kept === undefined || kept.keyId !== key.keyId || kept.region !== key.region) return undefined;
    kept.usedMs = usedMs;
    if (kept !== this.#latest) {
      this.#kept.delete(materialId);
      this.#kept.set(materialId, kept);
      this.#latest = kept;
    }
    return kept.secret;
  }

  /** Unwraps and keeps. */
  #open(key: Key, materialId: string, found: Found<MaterialClear>): Secret {
    const { account, region, keyId } = key;
    const { spec, origin } = key.clear;
    const place = { account, region, keyId, materialId, spec, origin };
    const secret = this.#keyring.unwrapMaterial(Buffer.from(found.clear.wrapped, "base64"), place);
    this.#forget(materialId);
    this.#latest = { region, keyId, secret, usedMs: this.#now() };
    this.#kept.set(materialId, this.#latest);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#limit) break;
      this.#forget(oldest);
    }
    this.#lookLater();
    return secret;
  }

  #lookLater(): void {
    this.#look ??= setTimeout(() => {
      this.#look = undefined;
      this.#forgetIdle(this.#now());
      if (this.#kept.size > 0) this.#lookLater();
    }, LOOK_EVERY_MS).unref();
  }

  #forgetIdle(nowMs: number): void {
    if (nowMs < this.#idleFromMs) return;
    for (const [id, { usedMs }] of this.#kept) {
      this.#idleFromMs = usedMs + MAX_IDLE_MS;
      if (nowMs < this.#idleFromMs) return;
      this.#forget(id);
    }
    this.#idleFromMs = Number.NEGATIVE_INFINITY;
  }

  #forget(id: string): void {
    this.#kept.get(id)?.secret.wipe();
    this.#kept.delete(id);
  }
}

export interface NewMaterial {
  readonly account: string;
  readonly region: string;
  readonly keyId: string;
  readonly sequence: number;
  readonly nowMs: number;
  readonly rotationType?: "AUTOMATIC" | "ON_DEMAND";
}

/** Makes random material, wraps it, forgets it: its id and the row to put. */
export function makeMaterial(
  tables: KmsTables, keyring: Keyring, material: NewMaterial, random: (length: number) => Buffer,
): { readonly materialId: string; readonly rowKey: Buffer; readonly put: Put } {
  const { account, region, keyId, sequence, nowMs, rotationType } = material;
  const bytes = random(MATERIAL_BYTES);
  try {
    const materialId = keyring.materialId(keyId, bytes);
    const place = { account, region, keyId, materialId, spec: "SYMMETRIC_DEFAULT", origin: "AWS_KMS" };
    const clear: MaterialClear = {
      materialId,
      sequence,
      createdMs: nowMs,
      ...(rotationType === undefined ? {} : { rotationType }),
      wrappedBy: keyring.wrappingKeyId,
      wrapped: keyring.wrapMaterial(bytes, place).toString("base64"),
    };
    const rowKey = tables.materials.key(region, keyId, materialId);
    return { materialId, rowKey, put: tables.materials.put(rowKey, { clear }) };
  } finally {
    bytes.fill(0);
  }
}
