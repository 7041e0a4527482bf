/**
 * Opens a store that no server uses, for commands that work on its data directory: the lock is taken, rows, keys and blobs
 * are open, nothing is served, recorded or run in the background.
 */
import { createIam } from "../iam/create-iam.js";
import { closeKms, openKms, type Kms } from "../keys/kms.js";
import { houseKeyArn } from "../keys/managed-keys.js";
import { systemClock, type Clock } from "../lib/clock.js";
import { silentLog } from "../lib/log.js";
import type { Room } from "../objects/deps.js";
import { openRoom } from "../objects/operations.js";
import { readDataDirectory } from "../stores/data-directory.js";
import { lockDirectory } from "../stores/directory-lock.js";
import { createRecords } from "../stores/record-table.js";
import { ConfigError, type Config } from "./config.js";
import { objectSettings } from "./object-settings.js";
import { openStorage } from "./storage.js";

export interface OfflineStore {
  readonly room: Room;
  readonly kms: Kms;
  close(): Promise<void>;
}

/** @throws ConfigError when there is no store; DirectoryLocked while a server uses it; KeyFileProblem, StoreError */
export async function openOffline(config: Config, clock: Clock = systemClock): Promise<OfflineStore> {
  if ((await readDataDirectory(config.dataDir)) === undefined) throw new ConfigError(`no store in ${config.dataDir}`);
  const lock = await lockDirectory(config.dataDir);
  try {
    const storage = await openStorage(config);
    const { stores, keyring } = storage;
    const records = createRecords(stores.metadata, keyring.records);
    const iam = createIam({ records, sessionKey: keyring.subkey("session-tokens"), clock });
    const recordEvent = (): never => {
      throw new Error("invariant: a store that is not served changes no keys");
    };
    const kms = openKms({ records, keyring, principals: iam.principals, recordEvent });
    return {
      kms,
      room: openRoom({
        records, clock, houseKeyArn, log: silentLog, blobs: stores.blobs, principals: iam.principals,
        canonicalIdOf: (accountId) => iam.accounts.canonicalIdOf(accountId),
        settings: objectSettings(config),
      }),
      close: async () => {
        closeKms(kms);
        await storage.close();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
