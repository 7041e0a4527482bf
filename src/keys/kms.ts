/**
 * What every KMS operation works with: tables, keyring, unwrapped material, and the room's neighbours as plain functions.
 * One a process; several processes on one store see each other's changes at once, since rows are always read afresh.
 */
import { randomBytes } from "node:crypto";
import type { PrincipalResolver } from "../gate/contract.js";
import { StampCache } from "../lib/stamp-cache.js";
import type { MetadataStore } from "../stores/contract.js";
import type { Records } from "../stores/records.js";
import type { Key } from "./key.js";
import { Materials } from "./materials.js";
import { openTables } from "./records.js";
import type { KmsTables } from "./records.js";
import type { Keyring } from "./root-key.js";

export interface KmsDependencies {
  readonly records: Records;
  readonly keyring: Keyring;
  /** Principals that policies and grants name. */
  readonly principals: PrincipalResolver;
  /** Takes events without a caller for the audit log, before they happen; throws when they cannot be recorded. */
  readonly recordEvent: (event: KmsServiceEvent) => void;
}

/** Something that KMS does by itself. CloudTrail: `AwsServiceEvent`. */
export interface KmsServiceEvent {
  readonly eventName: "RotateKey" | "DeleteKey" | "CreateManagedKey";
  readonly timeMs: number;
  readonly region: string;
  readonly account: string;
  readonly keyArn: string;
  /** Members of `serviceEventDetails`. */
  readonly details: Readonly<Record<string, string>>;
  /** Set on a second event when the announced act did not come about: another process was first. */
  readonly errorCode?: string;
}

/** The room's state. Make it with `openKms`, hand it to `kmsOperations` and to the jobs; `closeKms` wipes it. */
export interface Kms {
  readonly store: MetadataStore;
  readonly tables: KmsTables;
  readonly keyring: Keyring;
  readonly principals: PrincipalResolver;
  readonly recordEvent: (event: KmsServiceEvent) => void;
  readonly materials: Materials;
  readonly decoded: StampCache<Key>;
  readonly random: (length: number) => Buffer;
}

export function openKms(deps: KmsDependencies): Kms {
  const tables = openTables(deps.records);
  return {
    store: deps.records.store,
    tables,
    keyring: deps.keyring,
    principals: deps.principals,
    recordEvent: deps.recordEvent,
    materials: new Materials(tables, deps.keyring),
    decoded: new StampCache(2048),
    random: randomBytes,
  };
}

/** Wipes unwrapped key material. The store stays open: it is not ours. */
export function closeKms(kms: Kms): void {
  kms.materials.close();
}
