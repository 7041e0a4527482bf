/**
 * Wires the rooms together for one process: each gets what it needs in plain arguments. Nothing here decides anything.
 */
import type { AuditSink } from "../gate/audit.js";
import { auditDirectory } from "../gate/audit-directory.js";
import { AuditFile } from "../gate/audit-file.js";
import { AuditRing } from "../gate/audit-ring.js";
import type { AnyOperation } from "../gate/contract.js";
import { Gate } from "../gate/gate.js";
import { lookupAuditEvents } from "../gate/lookup-audit-events.js";
import { Registry } from "../gate/registry.js";
import { createIam, type Iam } from "../iam/create-iam.js";
import { JobRunner, type Job } from "../jobs/runner.js";
import { mayDescribeKey } from "../keys/describe-right.js";
import { resolveKeyArn } from "../keys/key-names.js";
import { closeKms, openKms, type Kms } from "../keys/kms.js";
import { deleteDueKeys, rotateDueKeys } from "../keys/maintenance.js";
import { houseKeyArn } from "../keys/managed-keys.js";
import { kmsOperations } from "../keys/operations.js";
import { HOUR_MS, MINUTE_MS, type Clock } from "../lib/clock.js";
import type { Log } from "../lib/log.js";
import type { Room } from "../objects/deps.js";
import { bucketConfigOperations } from "../objects/bucket-config-operations.js";
import { lifecycleJob } from "../objects/lifecycle-run.js";
import { openRoom, roomOperations } from "../objects/operations.js";
import { newOrphanSearch, orphanStep, sweepStep } from "../objects/sweep.js";
import { verifierOf, verifyStore } from "../objects/verify-store.js";
import { createRecords } from "../stores/record-table.js";
import type { Config } from "./config.js";
import { objectSettings } from "./object-settings.js";
import { Metrics } from "./metrics.js";
import { kmsEvent, lifecycleEvent } from "./service-events.js";
import { openStorage, type Storage } from "./storage.js";

export interface App {
  readonly gate: Gate;
  /** Everything that a caller can do. */
  readonly operations: readonly AnyOperation[];
  readonly iam: Iam;
  readonly kms: Kms;
  readonly metrics: Metrics;
  /** Rejects with the reason why requests cannot be served. */
  readonly ready: () => Promise<void>;
  startJobs(): void;
  /** Ends jobs, closes audit log and stores, wipes keys. */
  close(): Promise<void>;
}

const MAINTENANCE_EVERY_MS = MINUTE_MS;
const SWEEP_EVERY_MS = MINUTE_MS;
const ORPHANS_EVERY_MS = HOUR_MS;
/** Rules fall due at midnight UTC; a configuration that was just put may be due at once. */
const LIFECYCLE_EVERY_MS = HOUR_MS;
const KEY_USE_EVERY_MS = MINUTE_MS;

/** @throws KeyFileProblem, StoreError, ConfigError: the server must not start */
export async function openApp(config: Config, clock: Clock, log: Log): Promise<App> {
  const storage = await openStorage(config);
  const { audit, auditLog } = openAudit(config, clock);
  const metrics = new Metrics();
  const records = createRecords(storage.stores.metadata, storage.keyring.records);
  const iam = createIam({ records, sessionKey: storage.keyring.subkey("session-tokens"), clock });
  if (config.rootCredential !== undefined) {
    const { accessKeyId, secretAccessKey } = config.rootCredential;
    iam.runtime.set(accessKeyId, { accountId: config.accountId, secretAccessKey: secretAccessKey.utf8() });
  }
  const kms = openKms({
    records,
    keyring: storage.keyring,
    principals: iam.principals,
    recordEvent: (event) => audit.append(kmsEvent(event)),
  });
  const room = openRoom({
    records,
    clock,
    log,
    houseKeyArn,
    blobs: storage.stores.blobs,
    principals: iam.principals,
    canonicalIdOf: (accountId) => iam.accounts.canonicalIdOf(accountId),
    resolveKeyArn: (region, account, keyId) => resolveKeyArn(kms, { region, account, keyId }),
    mayDescribeKey: (call, arn) => mayDescribeKey(kms, arn, call),
    settings: objectSettings(config),
  });
  const registry = new Registry([
    ...iam.operations,
    ...kmsOperations(kms),
    ...roomOperations(room),
    ...bucketConfigOperations(room),
    lookupAuditEvents(auditLog),
    verifyStore(verifierOf(room, kms, false), config.accountId),
  ]);
  const gate = new Gate({
    registry,
    audit,
    clock,
    log,
    directory: iam.directory,
    store: storage.stores.metadata,
    routing: { domains: ["localhost", ...config.domains] },
    regions: config.regions,
    observe: (event) => metrics.observe(event),
  });
  const runner = new JobRunner({ jobs: jobsOf({ kms, room, audit, clock, metrics }), records, clock, log });
  // Each process knows the uses that it has seen: no job of one process could write them all.
  let flushUses: NodeJS.Timeout | undefined;
  return {
    gate,
    iam,
    kms,
    metrics,
    operations: registry.all(),
    ready: () => checkReady(storage, audit),
    startJobs: () => {
      runner.start();
      flushUses = setInterval(() => {
        iam.uses.flush().catch((err: unknown) => log.warn({ err }, "last use of access keys not written"));
      }, KEY_USE_EVERY_MS);
      flushUses.unref();
    },
    close: async () => {
      clearInterval(flushUses);
      await runner.stop();
      await iam.uses.flush();
      audit.close();
      closeKms(kms);
      room.bucketKeys.clear();
      await storage.close();
    },
  };
}

interface JobParts {
  readonly kms: Kms;
  readonly room: Room;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly metrics: Metrics;
}

function jobsOf({ kms, room, audit, clock, metrics }: JobParts): Job[] {
  const deletion = deleteDueKeys(kms);
  const rotation = rotateDueKeys(kms);
  const orphans = newOrphanSearch(() => metrics.observe({ kind: "integrity" }));
  const lifecycle = lifecycleJob({ room, recordEvent: (event) => audit.append(lifecycleEvent(event)) });
  return [
    { name: "delete-keys", everyMs: MAINTENANCE_EVERY_MS, step: () => deletion.step(clock.now()) },
    { name: "rotate-keys", everyMs: MAINTENANCE_EVERY_MS, step: () => rotation.step(clock.now()) },
    { name: "lifecycle", everyMs: LIFECYCLE_EVERY_MS, step: () => lifecycle.step() },
    { name: "sweep", everyMs: SWEEP_EVERY_MS, step: () => sweepStep(room) },
    { name: "orphans", everyMs: ORPHANS_EVERY_MS, step: () => orphanStep(room, orphans) },
  ];
}

/** Keys are unsealed by now, or `openApp` had thrown; calls must be recorded, and the store must answer. */
async function checkReady(storage: Storage, audit: AuditFile | AuditRing): Promise<void> {
  if (audit instanceof AuditFile) audit.assertWorks();
  await storage.stores.metadata.get([Buffer.from([0])]);
}

/** Where this process records, and where it finds what every process has recorded. With `--memory` nothing is written. */
function openAudit(config: Config, clock: Clock) {
  if (!config.memory) {
    const audit = new AuditFile(config.auditDir, clock, { maxFileBytes: config.auditMaxFileBytes });
    return { audit, auditLog: auditDirectory(config.auditDir) };
  }
  const ring = new AuditRing(clock);
  return { audit: ring, auditLog: ring };
}
