/**
 * The objects room on memory stores behind the real gate, evaluator and KMS; principals and their policies by hand.
 * Request bodies are a small stand-in for the wire's: same contract, no framing.
 */
import assert from "node:assert/strict";
import type { AuditRecord } from "../../src/gate/audit.js";
import { LiveCall } from "../../src/gate/call.js";
import type { Authentication, PrincipalResolver } from "../../src/gate/contract.js";
import type { GateDependencies } from "../../src/gate/dependencies.js";
import { Registry } from "../../src/gate/registry.js";
import { mayDescribeKey } from "../../src/keys/describe-right.js";
import { openKms, type Kms } from "../../src/keys/kms.js";
import { houseKeyArn } from "../../src/keys/managed-keys.js";
import { resolveKeyArn } from "../../src/keys/key-names.js";
import { kmsOperations } from "../../src/keys/operations.js";
import { ephemeralRootKey } from "../../src/keys/root-key.js";
import { ManualClock } from "../../src/lib/clock.js";
import { ServiceError } from "../../src/lib/errors.js";
import type { Log } from "../../src/lib/log.js";
import { DEFAULT_LIMITS, type ObjectLimits, type ObjectSettings, type Room } from "../../src/objects/deps.js";
import { bucketConfigOperations } from "../../src/objects/bucket-config-operations.js";
import { openRoom, roomOperations } from "../../src/objects/operations.js";
import { parsePolicy } from "../../src/policy/parse.js";
import type { Principal, PrincipalPolicies } from "../../src/policy/types.js";
import type { BlobStore, MetadataStore } from "../../src/stores/contract.js";
import { memoryBlobStore } from "../../src/stores/memory-blobs.js";
import { memoryMetadataStore } from "../../src/stores/memory-metadata.js";
import { createRecords } from "../../src/stores/record-table.js";
import type { BodyResult, ChecksumAlgorithm, RequestBody } from "../../src/wire/body.js";
import { createHasher } from "../../src/wire/checksums.js";
import type { RequestHead, Service } from "../../src/wire/types.js";

export const HOME = "111122223333";
export const AWAY = "444455556666";
export const REGION = "us-east-1";

export const rootArn = (account: string): string => `arn:aws:iam::${account}:root`;
export const userArn = (name: string, account = HOME): string => `arn:aws:iam::${account}:user/${name}`;

export const root = (accountId = HOME): Principal => ({
  type: "Account",
  accountId,
  arn: rootArn(accountId),
  principalArn: rootArn(accountId),
  userId: accountId,
  accessKeyId: `AKIA${accountId}`,
});
/** Unique id as IAM makes them: 21 characters. */
export const userId = (name: string): string => `AIDA${name.toUpperCase().padEnd(17, "2")}`;
export const user = (name: string, accountId = HOME): Principal => {
  const arn = userArn(name, accountId);
  const id = userId(name);
  return {
    type: "User",
    accountId,
    arn,
    principalArn: arn,
    userId: id,
    uniqueId: id,
    userName: name,
    accessKeyId: `AKIA${name}`,
  };
};
export const anonymous: Principal = { type: "Anonymous", userId: "anonymous" };

/** A request body as the wire hands it over, without the wire. */
export class TestBody implements RequestBody {
  readonly declaredSizeBytes: number | undefined;
  readonly claimedAlgorithm: ChecksumAlgorithm | undefined;
  readonly #pieces: readonly Buffer[];
  readonly #wanted = new Set<ChecksumAlgorithm>();
  readonly #options: BodyOptions;
  #result: BodyResult | undefined;

  constructor(bytes: Buffer | readonly Buffer[], options: BodyOptions = {}) {
    this.#pieces = Buffer.isBuffer(bytes) ? pieces(bytes, options.pieceBytes ?? 50_000) : bytes;
    this.#options = options;
    this.declaredSizeBytes = this.#pieces.reduce((size, piece) => size + piece.length, 0);
    this.claimedAlgorithm = options.claimed;
    if (options.claimed !== undefined) this.#wanted.add(options.claimed);
  }
  compute(algorithm: ChecksumAlgorithm): void {
    this.#wanted.add(algorithm);
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    const hashers = await Promise.all([...this.#wanted].map(async (name) => [name, await createHasher(name)] as const));
    for (const piece of this.#pieces) {
      for (const [, hasher] of hashers) hasher.update(piece);
      yield piece;
      await this.#options.between?.();
    }
    if (this.#options.fails !== undefined) throw this.#options.fails;
    const digests = new Map(hashers.map(([name, hasher]) => [name, hasher.digest()]));
    this.#result = { sizeBytes: this.declaredSizeBytes ?? 0, digests };
  }
  result(): BodyResult {
    assert.ok(this.#result !== undefined, "result before the end");
    return this.#result;
  }
}

export interface BodyOptions {
  readonly claimed?: ChecksumAlgorithm;
  readonly pieceBytes?: number;
  /** Thrown after the last byte: what the wire does for a digest that does not match. */
  readonly fails?: Error;
  /** Runs between pieces. */
  readonly between?: () => Promise<void>;
}

function pieces(bytes: Buffer, pieceBytes: number): Buffer[] {
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) out.push(bytes.subarray(at, at + pieceBytes));
  return out;
}

export interface CallAs {
  readonly as?: Principal;
  readonly body?: Buffer | TestBody;
  readonly secure?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  readonly region?: string;
  readonly authentication?: Authentication["type"];
  /** Aborts when the client is gone. */
  readonly signal?: AbortSignal;
}

/** Output with everything that any operation answers; tests say what they expect. */
export type Out = Record<string, unknown>;

export class World {
  readonly clock = new ManualClock();
  readonly store: MetadataStore;
  readonly blobs: BlobStore;
  readonly room: Room;
  /** The keys room, as its neighbours get it. */
  readonly keys: Kms;
  readonly audit: AuditRecord[] = [];
  readonly logged: { readonly level: string; readonly fields: Readonly<Record<string, unknown>>; readonly message: string }[] =
    [];
  /** Identity policies by principal ARN; users without one may do nothing by identity. */
  readonly identities = new Map<string, string>();
  readonly #deps: GateDependencies;

  constructor(
    options: {
      settings?: Partial<ObjectSettings>;
      limits?: Partial<ObjectLimits>;
      store?: MetadataStore;
      blobs?: BlobStore;
    } = {},
  ) {
    this.store = options.store ?? memoryMetadataStore();
    this.blobs = options.blobs ?? memoryBlobStore();
    const keyring = ephemeralRootKey();
    const records = createRecords(this.store, keyring.records);
    const principals: PrincipalResolver = {
      uniqueIdOf: async (arn) => (arn.includes(":user/") ? userId(arn.split("/")[1] ?? "") : arn),
      arnOf: async (id) => (id.startsWith("AIDA") ? userArn(id.slice(4).replace(/2+$/, "").toLowerCase()) : undefined),
      accountExists: async (id) => id === HOME || id === AWAY,
    };
    const kms = openKms({ records, keyring, principals, recordEvent: () => {} });
    this.keys = kms;
    const log = this.#log();
    this.room = openRoom({
      records,
      blobs: this.blobs,
      clock: this.clock,
      log,
      houseKeyArn,
      resolveKeyArn: (region, account, keyId) => resolveKeyArn(kms, { region, account, keyId }),
      mayDescribeKey: (call, arn) => mayDescribeKey(kms, arn, call),
      principals,
      canonicalIdOf: (account) => account.padEnd(64, "0"),
      settings: {
        defaultRegion: REGION,
        newBucketDefaults: "aws",
        sseCOnNewBuckets: "allow",
        ...options.settings,
        limits: { ...DEFAULT_LIMITS, minPartBytes: 100_000, ...options.limits },
      },
    });
    this.#deps = {
      registry: new Registry([...roomOperations(this.room), ...bucketConfigOperations(this.room), ...kmsOperations(kms)]),
      directory: {
        credential: async () => {
          throw new Error("no credentials here");
        },
        policiesOf: async (principal) => this.#policiesOf(principal),
      },
      audit: { append: (record) => void this.audit.push(record) },
      store: this.store,
      clock: this.clock,
      log,
      routing: { domains: ["localhost"] },
      regions: [REGION],
      observe: () => {},
    } as GateDependencies;
  }

  #log(): Log {
    const at = (level: string) => (fields: object, message: string) =>
      void this.logged.push({ level, fields: fields as Readonly<Record<string, unknown>>, message });
    return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
  }

  #policiesOf(principal: Principal): PrincipalPolicies {
    const text = this.identities.get(principal.arn ?? "");
    return { identity: text === undefined ? [] : [{ id: "test", policy: parsePolicy(text, "identity") }] };
  }

  /** Lets a user do things by an identity policy. */
  allow(name: string, statements: readonly object[], account = HOME): Principal {
    this.identities.set(userArn(name, account), JSON.stringify({ Version: "2012-10-17", Statement: statements }));
    return user(name, account);
  }

  async call(service: Service, operation: string, input: object, options: CallAs = {}): Promise<Out> {
    const head: RequestHead = {
      method: "GET",
      target: "/",
      headers: options.headers ?? {},
      rawHeaders: [],
      secure: options.secure !== false,
    };
    const principal = options.as ?? root();
    const scopeRegion = options.region ?? REGION;
    const type = options.authentication ?? (principal.type === "Anonymous" ? "Anonymous" : "REST-HEADER");
    const body = Buffer.isBuffer(options.body) ? new TestBody(options.body) : options.body;
    const live = new LiveCall(
      this.#deps,
      this.#deps.registry.get(service, operation),
      {
        principal,
        authentication: type === "Anonymous" ? { type } : { type, scopeRegion },
        region: scopeRegion,
        requestId: "TEST",
        nowMs: this.clock.now(),
        secure: options.secure !== false,
        secureEnoughForSse: options.secure !== false,
        sourceIp: "127.0.0.1",
        signal: options.signal ?? new AbortController().signal,
        userAgent: "test",
        referer: undefined,
        tlsVersion: undefined,
      },
      { head, body },
    );
    return ((await live.execute(input)) ?? {}) as Out;
  }

  s3(operation: string, input: object, options: CallAs = {}): Promise<Out> {
    return this.call("s3", operation, input, options);
  }
  kms(operation: string, input: object, options: CallAs = {}): Promise<Out> {
    return this.call("kms", operation, input, options);
  }

  async bucket(name = "bucket", input: object = {}): Promise<string> {
    await this.s3("CreateBucket", { Bucket: name, ...input });
    return name;
  }
  /** Sets sub-resources directly, as their operations would. */
  async configure(name: string, config: object): Promise<void> {
    const row = await this.room.tables.buckets.get(name);
    assert.ok(row !== undefined);
    const sealed = row.sealed();
    const clear = { ...row.clear, config: { ...row.clear.config, ...config } };
    const put = this.room.tables.buckets.put(row.key, { clear, ...(sealed === undefined ? {} : { sealed }) });
    assert.ok((await this.store.commit({ puts: [put] })).ok);
  }
  put(Key: string, body: Buffer | TestBody | string, input: object = {}, options: CallAs = {}): Promise<Out> {
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    return this.s3("PutObject", { Bucket: "bucket", Key, ...input }, { ...options, body: bytes });
  }
  async get(Key: string, input: object = {}, options: CallAs = {}): Promise<Out & { bytes: Buffer }> {
    const out = await this.s3("GetObject", { Bucket: "bucket", Key, ...input }, options);
    return { ...out, bytes: await collect(out["Body"]) };
  }
  /** A symmetric key of the account; its ARN. */
  async key(input: object = {}, options: CallAs = {}): Promise<string> {
    const { KeyMetadata } = await this.kms("CreateKey", input, options);
    return (KeyMetadata as { Arn: string }).Arn;
  }
}

export async function collect(body: unknown): Promise<Buffer> {
  if (body === undefined) return Buffer.alloc(0);
  if (body instanceof Uint8Array) return Buffer.from(body);
  const parts: Buffer[] = [];
  for await (const piece of body as AsyncIterable<Buffer>) parts.push(Buffer.from(piece));
  return Buffer.concat(parts);
}

/** Expects a refusal with this code (and text). */
export async function refused(work: Promise<unknown>, code: string, message?: string | RegExp): Promise<ServiceError> {
  const error = await work.then(
    () => assert.fail(`expected ${code}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ServiceError)) throw error;
  assert.equal(error.code, code, error.message);
  if (typeof message === "string") assert.equal(error.message, message);
  else if (message !== undefined) assert.match(error.message, message);
  return error;
}

/** Bytes that tell where they come from. */
export function pattern(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  let value = seed * 2654435761;
  for (let i = 0; i < size; i++) {
    value = (Math.imul(value, 1664525) + 1013904223) >>> 0;
    bytes[i] = value >>> 24;
  }
  return bytes;
}
