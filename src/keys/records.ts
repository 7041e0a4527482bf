/**
 * What the keys room stores. Key ids are unique within a region whatever the account, so that a ciphertext, which names
 * neither account nor region, finds its key with one read. Descriptions, tags and policies are in the sealed part; key
 * material is only in `wrapped` blobs. FORMAT: docs/spec/records.md.
 */
import type { Records, Table } from "../stores/records.js";
import { Space } from "../stores/spaces.js";

/**
 * Row `[region, keyId]`. Every change of a key, its aliases' set or its grants' number rewrites it: its stamp is the key's
 * version.
 */
export interface KeyClear {
  readonly region: string;
  readonly keyId: string;
  readonly account: string;
  readonly createdMs: number;
  /** The owner's switch; the state also depends on `deletionMs`. */
  readonly enabled: boolean;
  /** Pending deletion; gone from this moment on, whether or not the job has run. */
  readonly deletionMs?: number;
  readonly manager: "AWS" | "CUSTOMER";
  readonly spec: "SYMMETRIC_DEFAULT";
  readonly usage: "ENCRYPT_DECRYPT";
  readonly origin: "AWS_KMS";
  /** Material of new encryptions. */
  readonly materialId: string;
  /** Materials made so far; the next one's `sequence`. */
  readonly materialCount: number;
  readonly onDemandRotations: number;
  /** Automatic rotation; kept while disabled or pending deletion. */
  readonly rotation?: RotationSchedule;
  /** Names with `alias/`, ≤ 50. */
  readonly aliases: readonly string[];
  readonly grantCount: number;
}

export interface RotationSchedule {
  readonly periodDays: number;
  readonly nextMs: number;
}

/** Sealed part of a key row, as JSON. */
export interface KeySecret {
  readonly description: string;
  readonly tags: readonly (readonly [string, string])[];
  /** As given by the caller, but principals that are users or roles stand as unique ids: see key-policy.ts. */
  readonly policy: string;
}

/** Row `[region, keyId, materialId]`. Never rewritten, except to wrap it under another root key. */
export interface MaterialClear {
  readonly materialId: string;
  readonly sequence: number;
  readonly createdMs: number;
  /** Absent for the first material. */
  readonly rotationType?: "AUTOMATIC" | "ON_DEMAND";
  /** Id of the wrapping key. */
  readonly wrappedBy: string;
  /** Base64. */
  readonly wrapped: string;
}

/** Row `[account, region, name]`. */
export interface AliasClear {
  readonly name: string;
  readonly keyId: string;
  readonly createdMs: number;
  readonly updatedMs: number;
}

/**
 * Rows `[region, keyId, grantId]` and, for the decision, `[region, keyId, grantee, grantId]`: the same content twice,
 * since a grant never changes.
 */
export interface GrantClear {
  readonly grantId: string;
  readonly name?: string;
  readonly createdMs: number;
  readonly issuingAccount: string;
  /** Unique id of a user, role or role session (`AROA…:name`); ARN of a federated user or account root. */
  readonly grantee: string;
  readonly granteeArn: string;
  readonly retiring?: string;
  readonly retiringArn?: string;
  readonly operations: readonly string[];
  readonly contextEquals?: Readonly<Record<string, string>>;
  readonly contextSubset?: Readonly<Record<string, string>>;
}

/** Row `[region, keyId, hash of name and parameters]`: makes a named CreateGrant idempotent. */
export interface GrantNameClear {
  readonly grantId: string;
}

/** Row `[region, retiring, keyId, grantId]`. */
export interface RetirableClear {
  readonly keyId: string;
  readonly grantId: string;
}

/** Row `[account, region, keyId]`, for ListKeys. */
export interface OwnedKeyClear {
  readonly keyId: string;
}

export interface KmsTables {
  readonly keys: Table<KeyClear>;
  readonly materials: Table<MaterialClear>;
  readonly aliases: Table<AliasClear>;
  readonly grants: Table<GrantClear>;
  readonly grantees: Table<GrantClear>;
  readonly grantNames: Table<GrantNameClear>;
  readonly retirable: Table<RetirableClear>;
  readonly byAccount: Table<OwnedKeyClear>;
}

export function openTables(records: Records): KmsTables {
  return {
    keys: records.table({ space: Space.kmsKeys, kind: "kms-key", version: 1, cache: 2048 }),
    materials: records.table({ space: Space.kmsMaterials, kind: "kms-material", version: 1, cache: 2048 }),
    aliases: records.table({ space: Space.kmsAliases, kind: "kms-alias", version: 1, cache: 2048 }),
    grants: records.table({ space: Space.kmsGrants, kind: "kms-grant", version: 1 }),
    grantees: records.table({ space: Space.kmsGrantees, kind: "kms-grantee", version: 1, cache: 2048 }),
    grantNames: records.table({ space: Space.kmsGrantNames, kind: "kms-grant-name", version: 1 }),
    retirable: records.table({ space: Space.kmsRetirable, kind: "kms-retirable", version: 1 }),
    byAccount: records.table({ space: Space.kmsKeysByAccount, kind: "kms-owned-key", version: 1 }),
  };
}
