/** A KMS on the memory store behind the real gate and evaluator; principals and their policies by hand. */
import assert from "node:assert/strict";
import { LiveCall } from "../../src/gate/call.js";
import type { AuditRecord } from "../../src/gate/audit.js";
import type { PrincipalResolver } from "../../src/gate/contract.js";
import type { GateDependencies } from "../../src/gate/dependencies.js";
import { Registry } from "../../src/gate/registry.js";
import { ManualClock } from "../../src/lib/clock.js";
import { ServiceError } from "../../src/lib/errors.js";
import { silentLog } from "../../src/lib/log.js";
import { openKms } from "../../src/keys/kms.js";
import type { Kms, KmsServiceEvent } from "../../src/keys/kms.js";
import { kmsOperations } from "../../src/keys/operations.js";
import { ephemeralRootKey } from "../../src/keys/root-key.js";
import type { Keyring } from "../../src/keys/root-key.js";
import { parsePolicy } from "../../src/policy/parse.js";
import type { Principal, PrincipalPolicies } from "../../src/policy/types.js";
import type { MetadataStore } from "../../src/stores/contract.js";
import { memoryMetadataStore } from "../../src/stores/memory-metadata.js";
import { createRecords } from "../../src/stores/record-table.js";
import type {
  CancelKeyDeletionResponse, CreateGrantResponse, CreateKeyResponse, DecryptResponse, DescribeKeyResponse, EncryptResponse,
  GenerateDataKeyResponse, GenerateRandomResponse, GetKeyPolicyResponse, GetKeyRotationStatusResponse, KeyMetadata,
  ListAliasesResponse, ListGrantsResponse, ListKeyPoliciesResponse, ListKeyRotationsResponse, ListKeysResponse,
  ListResourceTagsResponse, ReEncryptResponse, RotateKeyOnDemandResponse, ScheduleKeyDeletionResponse,
} from "../../src/wire/tables/kms-types.js";

export const HOME = "111122223333";
export const AWAY = "444455556666";
export const REGION = "us-east-1";

const USERS: Readonly<Record<string, { readonly account: string; readonly id: string }>> = {
  alice: { account: HOME, id: "AIDAALICEALICEALICE22" },
  bob: { account: HOME, id: "AIDABOBBOBBOBBOBBOB22" },
  carol: { account: AWAY, id: "AIDACAROLCAROLCAROL22" },
};
const ROLE_ID = "AROAAPPAPPAPPAPPAPP22";

export const userArn = (name: string): string => `arn:aws:iam::${USERS[name]?.account ?? ""}:user/${name}`;
export const rootArn = (account: string): string => `arn:aws:iam::${account}:root`;
export const ROLE_ARN = `arn:aws:iam::${HOME}:role/app`;

export function user(name: string): Principal {
  const found = USERS[name];
  assert.ok(found !== undefined);
  const { account: accountId, id } = found;
  const arn = userArn(name);
  return { type: "User", accountId, arn, principalArn: arn, userId: id, uniqueId: id, userName: name };
}
export const root = (accountId = HOME): Principal => ({
  type: "Account", accountId, arn: rootArn(accountId), principalArn: rootArn(accountId), userId: accountId,
});
export const session: Principal = {
  type: "AssumedRole", accountId: HOME, arn: `arn:aws:sts::${HOME}:assumed-role/app/web`, principalArn: ROLE_ARN,
  userId: `${ROLE_ID}:web`, uniqueId: ROLE_ID,
};

export const document = (...statements: object[]): string => JSON.stringify({ Version: "2012-10-17", Statement: statements });
export const allow = (principal: string | object, action: string | string[] = "kms:*", more: object = {}): object => ({
  Effect: "Allow", Principal: typeof principal === "string" ? { AWS: principal } : principal, Action: action, Resource: "*",
  ...more,
});
/** The account decides by IAM. */
export const DELEGATED = allow(rootArn(HOME));

/** What each operation answers. */
interface Answers {
  CancelKeyDeletion: CancelKeyDeletionResponse;
  CreateGrant: CreateGrantResponse;
  CreateKey: CreateKeyResponse;
  Decrypt: DecryptResponse;
  DescribeKey: DescribeKeyResponse;
  Encrypt: EncryptResponse;
  GenerateDataKey: GenerateDataKeyResponse;
  GenerateDataKeyWithoutPlaintext: GenerateDataKeyResponse;
  GenerateRandom: GenerateRandomResponse;
  GetKeyPolicy: GetKeyPolicyResponse;
  GetKeyRotationStatus: GetKeyRotationStatusResponse;
  ListAliases: ListAliasesResponse;
  ListGrants: ListGrantsResponse;
  ListKeyPolicies: ListKeyPoliciesResponse;
  ListKeyRotations: ListKeyRotationsResponse;
  ListKeys: ListKeysResponse;
  ListResourceTags: ListResourceTagsResponse;
  ListRetirableGrants: ListGrantsResponse;
  ReEncrypt: ReEncryptResponse;
  RotateKeyOnDemand: RotateKeyOnDemandResponse;
  ScheduleKeyDeletion: ScheduleKeyDeletionResponse;
}
type Silent =
  | "CreateAlias" | "DeleteAlias" | "DisableKey" | "DisableKeyRotation" | "EnableKey" | "EnableKeyRotation" | "PutKeyPolicy"
  | "RetireGrant" | "RevokeGrant" | "TagResource" | "UntagResource" | "UpdateAlias" | "UpdateKeyDescription";
export type OperationName = keyof Answers | Silent;
type AnswerOf<N extends OperationName> = N extends keyof Answers ? Answers[N] : undefined;

export interface CallAs {
  readonly as?: Principal;
  readonly region?: string;
  /** The call comes from S3 on behalf of the principal. */
  readonly viaS3?: boolean;
}

export class World {
  readonly clock: ManualClock;
  readonly store: MetadataStore;
  readonly keyring: Keyring;
  readonly kms: Kms;
  readonly audit: AuditRecord[] = [];
  readonly events: KmsServiceEvent[] = [];
  /** Identity policies by principal ARN; those without one may do everything. */
  readonly identities = new Map<string, string>();
  /** Names of users that have been deleted. */
  readonly deleted = new Set<string>();
  readonly #registry: Registry;

  /** @param from a world whose store, root key and clock this one shares: a restart, or a second process */
  constructor(from?: World) {
    this.clock = from?.clock ?? new ManualClock();
    this.store = from?.store ?? memoryMetadataStore();
    this.keyring = from?.keyring ?? ephemeralRootKey();
    const records = createRecords(this.store, this.keyring.records);
    const recordEvent = (event: KmsServiceEvent): void => void this.events.push(event);
    this.kms = openKms({ records, keyring: this.keyring, principals: this.#resolver(), recordEvent });
    this.#registry = new Registry(kmsOperations(this.kms));
  }

  async call<N extends OperationName>(name: N, input: object = {}, how: CallAs = {}): Promise<AnswerOf<N>> {
    const { as = root(), region = REGION, viaS3 = false } = how;
    const facts = {
      principal: as, authentication: { type: "REST-HEADER", scopeRegion: region }, region, nowMs: this.clock.now(), secure: true,
      secureEnoughForSse: true, sourceIp: "192.0.2.1", signal: new AbortController().signal, requestId: "request",
      userAgent: "test",
      referer: undefined, tlsVersion: "1.3",
    } as const;
    const options = viaS3 ? { viaService: `s3.${region}.amazonaws.com` } : {};
    return (await new LiveCall(this.#deps(), this.#registry.get("kms", name), facts, options).execute(input)) as AnswerOf<N>;
  }

  /** Makes a key as the account's root; its metadata, with the members that are always there. */
  async key(input: object = {}, options: CallAs = {}): Promise<KeyMetadata & { readonly KeyId: string; readonly Arn: string }> {
    const { KeyMetadata: made } = await this.call("CreateKey", input, options);
    assert.ok(made?.KeyId !== undefined && made.Arn !== undefined);
    return { ...made, KeyId: made.KeyId, Arn: made.Arn };
  }

  operationNames(): string[] {
    return this.#registry.all().map((operation) => operation.name);
  }

  #deps(): GateDependencies {
    return {
      registry: this.#registry,
      directory: { credential: async () => "unknown", policiesOf: async (principal) => this.#policiesOf(principal) },
      audit: { append: (record) => void this.audit.push(record) },
      store: this.store,
      clock: this.clock,
      log: silentLog,
      routing: { domains: ["localhost"] },
      regions: [REGION, "eu-central-1"],
      observe: () => undefined,
    };
  }

  #policiesOf(principal: Principal): PrincipalPolicies {
    const text = this.identities.get(principal.principalArn ?? "") ?? document({ Effect: "Allow", Action: "*", Resource: "*" });
    return { identity: [{ id: "inline", policy: parsePolicy(text, "identity") }] };
  }

  #resolver(): PrincipalResolver {
    const idOf = (name: string): string | undefined => (this.deleted.has(name) ? undefined : USERS[name]?.id);
    return {
      uniqueIdOf: async (arn) => {
        if (arn === ROLE_ARN) return ROLE_ID;
        if (arn === session.arn) return session.userId;
        if (arn === rootArn(HOME) || arn === rootArn(AWAY)) return arn;
        return Object.keys(USERS).filter((name) => userArn(name) === arn).map(idOf)[0];
      },
      arnOf: async (id) => {
        if (id === ROLE_ID) return ROLE_ARN;
        if (id === session.userId) return session.arn;
        const name = Object.keys(USERS).find((one) => USERS[one]?.id === id);
        return name === undefined || this.deleted.has(name) ? undefined : userArn(name);
      },
      accountExists: async (account) => account === HOME || account === AWAY,
    };
  }
}

/** The call fails with this code and message (the message exactly, or by pattern). */
export async function fails(answer: Promise<unknown>, code: string, message?: string | RegExp): Promise<void> {
  try {
    await answer;
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    assert.equal(
      `${error.code}: ${error.message}`.startsWith(`${code}: `), true, `${error.code}: ${error.message}, expected ${code}`,
    );
    if (typeof message === "string") assert.equal(error.message, message);
    else if (message !== undefined) assert.match(error.message, message);
    return;
  }
  assert.fail(`succeeded, expected ${code}`);
}

export function bytes(value: Uint8Array | undefined): Buffer {
  assert.ok(value !== undefined);
  return Buffer.from(value);
}
export const text = (value: string): Buffer => Buffer.from(value, "utf8");
