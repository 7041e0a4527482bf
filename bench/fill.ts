/**
 * Fills a bucket with many empty objects, beside a running server: `fill.js DATA_DIR KEY_FILE BUCKET FIRST END`. Each is a
 * PutObject, run by the same operation with the same KMS call as a request would run it, so that the rows are those of a
 * PUT; left out are HTTP, the signature and the audit line. A thousand at a time, so that one fsync serves them all.
 */
import { LiveCall } from "../src/gate/call.js";
import type { GateDependencies } from "../src/gate/dependencies.js";
import { Registry } from "../src/gate/registry.js";
import { createIam } from "../src/iam/create-iam.js";
import { resolveKeyArn } from "../src/keys/key-names.js";
import { closeKms, openKms } from "../src/keys/kms.js";
import { houseKeyArn } from "../src/keys/managed-keys.js";
import { kmsOperations } from "../src/keys/operations.js";
import { systemClock } from "../src/lib/clock.js";
import { createLog } from "../src/lib/log.js";
import { DEFAULT_LIMITS } from "../src/objects/deps.js";
import { openRoom, roomOperations } from "../src/objects/operations.js";
import { loadConfig, type Config } from "../src/server/config.js";
import { openStorage, type Storage } from "../src/server/storage.js";
import { createRecords } from "../src/stores/record-table.js";
import type { Principal } from "../src/policy/types.js";
import { inParallel } from "./contract.js";
import { listedKey } from "./listed-keys.js";

const AT_ONCE = 1000;
const [, , dataDir = "", keyFile = "", bucket = "", first = "0", end = "0"] = process.argv;

const config = loadConfig({ "data-dir": dataDir, "key-file": keyFile }, {});
const storage = await openStorage(config);
const { put, close } = openRooms(config, storage);
const numbers = Array.from({ length: Number(end) - Number(first) }, (_, i) => Number(first) + i);
await inParallel(numbers, AT_ONCE, (i) => put(listedKey(i)));
close();
await storage.close();

/** The rooms that a PutObject walks through, wired as the server wires them, for the account's root. */
function openRooms({ accountId, region }: Config, { stores, keyring }: Storage): { put(key: string): Promise<void>; close(): void } {
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
  const registry = new Registry([...roomOperations(room), ...kmsOperations(kms)]);
  const gate: GateDependencies = {
    ...{ registry, directory, clock, log },
    audit: { append: () => {} },
    store: stores.metadata,
    routing: { domains: ["localhost"] },
    regions: [region],
    observe: () => {},
  };
  const arn = `arn:aws:iam::${accountId}:root`;
  const principal: Principal = { type: "Account", accountId, arn, principalArn: arn, userId: accountId, accessKeyId: "AKIABENCHFILL0000001" };
  const put = async (key: string): Promise<void> => {
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
    await new LiveCall(gate, registry.get("s3", "PutObject"), facts, { head }).execute({ Bucket: bucket, Key: key });
  };
  return { put, close: () => closeKms(kms) };
}
