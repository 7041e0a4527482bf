/**
 * Fills a bucket with many empty objects, beside a running server: `fill.js DATA_DIR KEY_FILE BUCKET FIRST END`. Each is
 * stored by what PutObject itself stores with (`storeObject`: data key from KMS, body, head, checks), so that the rows are
 * those of a PUT; left out are HTTP, signature, policies and the audit line. The commits of many objects are made as one:
 * on their own, or in groups as the server makes them, each would write most of its pages anew, and all wait for the disk.
 */
import { LiveCall } from "../src/gate/call.js";
import { defineOperation, type AnyOperation, type Call } from "../src/gate/contract.js";
import type { GateDependencies } from "../src/gate/dependencies.js";
import { Registry } from "../src/gate/registry.js";
import { createIam } from "../src/iam/create-iam.js";
import { resolveKeyArn } from "../src/keys/key-names.js";
import { closeKms, openKms } from "../src/keys/kms.js";
import { houseKeyArn } from "../src/keys/managed-keys.js";
import { kmsOperations } from "../src/keys/operations.js";
import { objectArn } from "../src/lib/arn.js";
import { systemClock } from "../src/lib/clock.js";
import { createLog } from "../src/lib/log.js";
import { findBucket, onObject, type BucketFacts } from "../src/objects/buckets.js";
import { DEFAULT_LIMITS, type Room } from "../src/objects/deps.js";
import { resolveEncryption } from "../src/objects/encryption.js";
import { openRoom } from "../src/objects/operations.js";
import { emptyBytes, fromBytes } from "../src/objects/sources.js";
import { storeObject } from "../src/objects/store-object.js";
import { loadConfig, type Config } from "../src/server/config.js";
import { openStorage, type Storage } from "../src/server/storage.js";
import { createRecords } from "../src/stores/record-table.js";
import type { Principal } from "../src/policy/types.js";
import { StoreError, type Batch, type CommitResult, type MetadataStore } from "../src/stores/contract.js";
import { listedKey } from "./listed-keys.js";

/** Objects of one commit. Fewer write more pages, more hold more memory. */
const TOGETHER = 4096;
const [, , dataDir = "", keyFile = "", bucketName = "", first = "0", end = "0"] = process.argv;

interface Numbers {
  readonly Bucket: string;
  readonly first: number;
  readonly end: number;
}

const config = loadConfig({ "data-dir": dataDir, "key-file": keyFile }, {});
const storage = await openStorage(config);
const { run, close } = openRooms(config, storage);
for (let at = Number(first); at < Number(end); at += TOGETHER) {
  await run({ Bucket: bucketName, first: at, end: Math.min(at + TOGETHER, Number(end)) });
}
close();
await storage.close();

/**
 * The store, but that its commits wait until there are `count` of them, which are then made as one: all, or none. An
 * object that fails before its commit ends the program.
 */
function inOneCommit(count: number, store: MetadataStore): MetadataStore {
  const given: Batch[] = [];
  let made: ((result: Promise<CommitResult>) => void) | undefined;
  const result = new Promise<CommitResult>((resolve) => (made = resolve));
  const commit = (batch: Batch): Promise<CommitResult> => {
    given.push(batch);
    if (given.length === count) made?.(commitAll(store, given));
    return result;
  };
  return {
    commit,
    get: (keys) => store.get(keys),
    range: (query) => store.range(query),
    groups: (query) => store.groups(query),
    close: () => store.close(),
  };
}

async function commitAll(store: MetadataStore, batches: readonly Batch[]): Promise<CommitResult> {
  const result = await store.commit({
    checks: batches.flatMap(({ checks }) => checks ?? []),
    puts: batches.flatMap(({ puts }) => puts ?? []),
    deletes: batches.flatMap(({ deletes }) => deletes ?? []),
  });
  if (!result.ok) throw new StoreError("somebody else writes to the bucket that is being filled");
  return result;
}

/** One call that stores a commit's objects. */
function fillOperation(room: Room): AnyOperation {
  return defineOperation<Numbers, BucketFacts, object>({
    service: "s3",
    name: "PutObject",
    resolve: (input, call) => findBucket(room, call, input),
    permissions: (_input, bucket, call) => [onObject(room, call, { bucket, key: listedKey(0) }, "s3:PutObject", {})],
    async run(numbers, bucket, call) {
      const keys = Array.from({ length: numbers.end - numbers.first }, (_, i) => listedKey(numbers.first + i));
      await Promise.all(keys.map((key) => storeEmpty(room, call, bucket, key)));
      return {};
    },
  });
}

async function storeEmpty(room: Room, call: Call, bucket: BucketFacts, key: string): Promise<void> {
  const { record } = bucket;
  await storeObject(room, call, {
    ...{ bucket, key, keyArn: undefined, storageClass: undefined, conditions: {} },
    plan: resolveEncryption({}, record.config.encryption, objectArn(record.name, key)),
    // What the SDKs send by default.
    algorithm: "CRC32",
    source: async (algorithms) => fromBytes(emptyBytes(), algorithms),
    owner: record.ownerAccount,
    secrets: { headers: {}, metadata: {} },
    maxBytes: room.settings.limits.maxPutBytes,
    permissions: () => [],
    stillFits: () => {},
  });
}

interface Rooms {
  run(numbers: Numbers): Promise<void>;
  close(): void;
}

/** The rooms that storing an object needs, wired as the server wires them, for the account's root. */
function openRooms({ accountId, region }: Config, { stores, keyring }: Storage): Rooms {
  const clock = systemClock;
  const log = createLog("warn");
  const records = createRecords(stores.metadata, keyring.records);
  const { directory, principals, accounts } = createIam({ records, sessionKey: keyring.subkey("session-tokens"), clock });
  const kms = openKms({ records, keyring, principals, recordEvent: () => {} });
  const room = openRoom({
    ...{ records, clock, log, houseKeyArn, principals },
    blobs: stores.blobs,
    canonicalIdOf: (account) => accounts.canonicalIdOf(account),
    resolveKeyArn: (inRegion, account, keyId) => resolveKeyArn(kms, { region: inRegion, account, keyId }),
    settings: { defaultRegion: region, newBucketDefaults: "aws", sseCOnNewBuckets: "block", limits: DEFAULT_LIMITS },
  });
  const registry = new Registry([fillOperation(room), ...kmsOperations(kms)]);
  const gate: GateDependencies = {
    ...{ registry, directory, clock, log },
    audit: { append: () => {} },
    store: stores.metadata,
    routing: { domains: ["localhost"] },
    regions: [region],
    observe: () => {},
  };
  const arn = `arn:aws:iam::${accountId}:root`;
  const identity = { accountId, arn, principalArn: arn, userId: accountId, accessKeyId: "AKIABENCHFILL0000001" };
  const principal: Principal = { type: "Account", ...identity };
  const run = async (numbers: Numbers): Promise<void> => {
    const facts = {
      ...{ principal, region, requestId: "FILL", nowMs: clock.now(), secure: true, secureEnoughForSse: true },
      authentication: { type: "REST-HEADER" as const, scopeRegion: region },
      sourceIp: "127.0.0.1",
      signal: new AbortController().signal,
      userAgent: "bench",
      referer: undefined,
      tlsVersion: undefined,
    };
    const head = { method: "PUT", target: "/", headers: {}, rawHeaders: [], secure: true };
    const together: GateDependencies = { ...gate, store: inOneCommit(numbers.end - numbers.first, stores.metadata) };
    await new LiveCall(together, registry.get("s3", "PutObject"), facts, { head, silent: true }).execute(numbers);
  };
  return { run, close: () => closeKms(kms) };
}
