/**
 * The room's factory: what `server/assemble.ts` calls, and what it gets.
 */
import { createHmac, type KeyObject } from "node:crypto";
import type { Clock } from "../lib/clock.js";
import type { AnyOperation, Directory, PrincipalResolver } from "../gate/contract.js";
import type { Records } from "../stores/records.js";
import { IamDirectory } from "./directory.js";
import { KeyUse } from "./key-use.js";
import { Lookup } from "./lookup.js";
import { canonicalUserId } from "./names.js";
import { iamOperations } from "./operations.js";
import { Markers } from "./pages.js";
import { principalResolver } from "./principals.js";
import { iamTables } from "./records.js";
import type { IamRoom } from "./room.js";
import { RuntimeCredentials } from "./runtime-credentials.js";
import { Seed } from "./seed.js";

export interface IamDependencies {
  readonly records: Records;
  /** Key of session tokens, 32 bytes, the same in every process of the deployment; derived from the root key. */
  readonly sessionKey: KeyObject;
  readonly clock: Clock;
}

/** Accounts as S3 names them. */
export interface Accounts {
  /** 64 hex characters; the same for an account id everywhere. */
  canonicalIdOf(accountId: string): string;
  accountOfCanonicalId(canonicalId: string): Promise<string | undefined>;
  exists(accountId: string): Promise<boolean>;
  /** Ids, in order. */
  list(): Promise<readonly string[]>;
}

export interface Iam {
  readonly directory: Directory;
  readonly principals: PrincipalResolver;
  /** All operations of the services `iam` and `sts`. */
  readonly operations: readonly AnyOperation[];
  readonly seed: Seed;
  /** Root credentials for this run only. */
  readonly runtime: RuntimeCredentials;
  /** Last use of access keys: noted by the directory; `flush` now and then. */
  readonly uses: KeyUse;
  readonly accounts: Accounts;
}

const MAX_ACCOUNTS = 10_000;

export function createIam(deps: IamDependencies): Iam {
  const { records, sessionKey, clock } = deps;
  const tables = iamTables(records);
  const lookup = new Lookup(tables);
  const resolver = principalResolver(lookup);
  const runtime = new RuntimeCredentials();
  const uses = new KeyUse(records, tables);
  const markers = new Markers(createHmac("sha256", sessionKey).update("coffer iam marker key v1").digest());
  const room: IamRoom = { store: records.store, tables, lookup, resolver, markers, sessionKey, runtime, uses };
  return {
    directory: new IamDirectory({ lookup, sessionKey, runtime, uses }),
    principals: resolver,
    operations: iamOperations(room),
    seed: new Seed(room, () => clock.now()),
    runtime,
    uses,
    accounts: accountsOf(room),
  };
}

function accountsOf({ tables, resolver }: IamRoom): Accounts {
  const list = async (): Promise<readonly string[]> =>
    (await tables.accounts.list({ limit: MAX_ACCOUNTS })).map(({ clear }) => clear.accountId);
  return {
    canonicalIdOf: canonicalUserId,
    exists: (accountId) => resolver.accountExists(accountId),
    list,
    accountOfCanonicalId: async (canonicalId) => (await list()).find((accountId) => canonicalUserId(accountId) === canonicalId),
  };
}
