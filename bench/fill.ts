/**
 * Fills a bucket with many empty objects, beside a running server: `fill.js DATA_DIR KEY_FILE BUCKET FIRST END`. Each is
 * stored by what PutObject itself stores with (`storeObject`: data key from KMS, body, head, one commit), so that the rows
 * are those of a PUT; left out are HTTP, signature, policies and the audit line. Many at a time: one fsync serves them all.
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
import { inParallel } from "./contract.js";
import { listedKey } from "./listed-keys.js";

const AT_ONCE = 256;
const [, , dataDir = "", keyFile = "", bucketName = "", first = "0", end = "0"] = process.argv;

interface Numbers {
  readonly Bucket: string;
  readonly first: number;
  readonly end: number;
}

const config = loadConfig({ "data-dir": dataDir, "key-file": keyFile }, {});
const storage = await openStorage(config);
const { run, close } = openRooms(config, storage);
await run({ Bucket: bucketName, first: Number(first), end: Number(end) });
close();
await storage.close();

/** One call that stores all the objects. */
function fillOperation(room: Room): AnyOperation {
  return defineOperation<Numbers, BucketFacts, object>({
    service: "s3",
    name: "PutObject",
    resolve: (input, call) => findBucket(room, call, input),
    permissions: (_input, bucket, call) => [onObject(room, call, { bucket, key: listedKey(0) }, "s3:PutObject", {})],
    async run(numbers, bucket, call) {
      const keys = Array.from({ length: numbers.end - numbers.first }, (_, i) => listedKey(numbers.first + i));
      await inParallel(keys, AT_ONCE, (key) => storeEmpty(room, call, bucket, key));
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
    await new LiveCall(gate, registry.get("s3", "PutObject"), facts, { head, silent: true }).execute(numbers);
  };
  return { run, close: () => closeKms(kms) };
}
