/**
 * A house with the iam room only: real gate, real evaluator, real sealed rows over the memory engine.
 */
import assert from "node:assert/strict";
import { deriveRootKeys, newRootKey, newStoreId, rootSubkey } from "@coffer/seal";
import { Gate } from "../../src/gate/gate.js";
import type { Credential } from "../../src/gate/contract.js";
import { Registry } from "../../src/gate/registry.js";
import { createIam, type Iam } from "../../src/iam/create-iam.js";
import { ManualClock } from "../../src/lib/clock.js";
import { ServiceError } from "../../src/lib/errors.js";
import { silentLog } from "../../src/lib/log.js";
import { evaluate } from "../../src/policy/evaluate.js";
import type { Decision, Permission } from "../../src/policy/types.js";
import type { MetadataStore } from "../../src/stores/contract.js";
import { memoryMetadataStore } from "../../src/stores/memory-metadata.js";
import { createRecords } from "../../src/stores/record-table.js";
import { encodeOutput } from "../../src/wire/codec.js";
import type { Service } from "../../src/wire/types.js";

export const ACCOUNT = "111122223333";
export const OTHER = "444455556666";
export const ROOT = { accessKeyId: "AKIAROOTROOTROOTROOT", secretAccessKey: "root-secret-root-secret-root-secret-0001" };
export const OTHER_ROOT = { accessKeyId: "AKIAOTHEROTHEROTHER1", secretAccessKey: "root-secret-root-secret-root-secret-0002" };

/** Any answer; tests look into it member by member. */
export interface Answer {
  readonly [member: string]: Answer | undefined;
}
export const list = (value: unknown): readonly Answer[] => value as readonly Answer[];
export const str = (value: unknown): string => value as string;

export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Makes calls with one credential, looked up anew each time as the gate does. */
export interface Caller {
  iam(operation: string, input?: object): Promise<Answer>;
  sts(operation: string, input?: object): Promise<Answer>;
  decide(permission: Permission): Promise<Decision>;
  /** May it do this S3 action on that object of its own account? */
  may(action: string, resource?: string): Promise<boolean>;
}

export interface House {
  readonly store: MetadataStore;
  readonly iam: Iam;
  readonly clock: ManualClock;
  readonly audit: Readonly<Record<string, unknown>>[];
  readonly root: Caller;
  as(keys: Keys): Caller;
  credential(keys: Keys): Promise<Credential>;
  /** A user with an access key, made by root. */
  user(name: string, policy?: object): Promise<Caller & { readonly keys: Keys }>;
  /** Every byte of every row. */
  rawBytes(): Promise<Buffer>;
}

export async function house(): Promise<House> {
  const store = memoryMetadataStore();
  const rootKey = newRootKey();
  const storeId = newStoreId();
  const clock = new ManualClock();
  const records = createRecords(store, deriveRootKeys(rootKey, storeId).records);
  const iam = createIam({ records, sessionKey: rootSubkey(rootKey, storeId, "session-token"), clock });
  const audit: Readonly<Record<string, unknown>>[] = [];
  const gate = new Gate({
    registry: new Registry(iam.operations), directory: iam.directory, audit: { append: (record) => void audit.push(record) },
    store, clock, log: silentLog, routing: { domains: [] }, regions: ["us-east-1"], observe: () => undefined,
  });
  await iam.seed.ensureAccount(ACCOUNT);
  await iam.seed.ensureAccount(OTHER);
  iam.runtime.set(ROOT.accessKeyId, { accountId: ACCOUNT, secretAccessKey: ROOT.secretAccessKey });
  iam.runtime.set(OTHER_ROOT.accessKeyId, { accountId: OTHER, secretAccessKey: OTHER_ROOT.secretAccessKey });

  const credential = async (keys: Keys): Promise<Credential> => {
    const found = await iam.directory.credential(keys.accessKeyId, keys.sessionToken, clock.now());
    if (typeof found === "string") throw new ServiceError(found, "credential");
    assert.equal(found.secretAccessKey, keys.secretAccessKey);
    return found;
  };
  const as = (keys: Keys): Caller => {
    const run = (service: Service) => async (operation: string, input: object = {}): Promise<Answer> => {
      const { principal } = await credential(keys);
      const output = await gate.internal<Answer>(principal, service, operation, input);
      encodeOutput(service, operation, output, { requestId: "r", hostId: "h" });
      return output;
    };
    const decide = async (permission: Permission): Promise<Decision> => {
      const { principal } = await credential(keys);
      return evaluate(principal, permission, await iam.directory.policiesOf(principal));
    };
    const may = async (action: string, resource = "arn:aws:s3:::b/k"): Promise<boolean> =>
      (await decide({ action, resource })).effect === "Allow";
    return { iam: run("iam"), sts: run("sts"), decide, may };
  };
  const root = as(ROOT);
  const user = async (name: string, policy?: object): Promise<Caller & { keys: Keys }> => {
    await root.iam("CreateUser", { UserName: name });
    if (policy !== undefined) {
      await root.iam("PutUserPolicy", { UserName: name, PolicyName: "own", PolicyDocument: JSON.stringify(policy) });
    }
    const keys = keysOf((await root.iam("CreateAccessKey", { UserName: name }))["AccessKey"]);
    return { ...as(keys), keys };
  };
  const rawBytes = async (): Promise<Buffer> => {
    const rows = await store.range({ from: Buffer.of(0), to: Buffer.of(0xff), limit: 100_000 });
    return Buffer.concat(rows.flatMap(({ key, bytes }) => [key, bytes]));
  };
  return { store, iam, clock, audit, root, as, credential, user, rawBytes };
}

/** Of CreateAccessKey's `AccessKey`, or STS `Credentials`. */
export function keysOf(answer: Answer | undefined): Keys {
  const { AccessKeyId = "", SecretAccessKey = "", SessionToken } = (answer ?? {}) as unknown as Record<string, string>;
  const token = SessionToken === undefined ? {} : { sessionToken: SessionToken };
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, ...token };
}

export const policy = (...statements: readonly object[]): object => ({ Version: "2012-10-17", Statement: statements });
export const allow = (action: string | readonly string[], resource = "*", more: object = {}): object => ({
  Effect: "Allow", Action: action, Resource: resource, ...more,
});
export const deny = (action: string | readonly string[], resource = "*", more: object = {}): object => ({
  Effect: "Deny", Action: action, Resource: resource, ...more,
});
export const text = (document: object): string => JSON.stringify(document);
export const trusting = (
  principal: object | string, action: string | readonly string[] = "sts:AssumeRole", more: object = {},
): string =>
  text(policy({ Effect: "Allow", Principal: principal, Action: action, ...more }));

/** The call fails with this code and message. */
export async function fails(call: Promise<unknown>, code: string, message?: string | RegExp): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof ServiceError, String(error));
    assert.equal(error.code, code, error.message);
    if (typeof message === "string") assert.equal(error.message, message);
    else if (message !== undefined) assert.match(error.message, message);
    return true;
  });
}

export const userArn = (name: string): string => `arn:aws:iam::${ACCOUNT}:user/${name}`;
export const roleArn = (name: string): string => `arn:aws:iam::${ACCOUNT}:role/${name}`;
export const policyArn = (name: string): string => `arn:aws:iam::${ACCOUNT}:policy/${name}`;
