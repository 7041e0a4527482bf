/**
 * Opens what lasts: the data directory and the key file that belongs to it. Both are made together, once; data without
 * its key file, or a key file without its data, refuses to start.
 */
import { ephemeralSeal, fileSeal, openKeyring, type Keyring } from "../keys/root-key.js";
import { createDataDirectory, readDataDirectory } from "../stores/data-directory.js";
import { memoryStores, openStores, type Stores } from "../stores/open-stores.js";
import type { Config } from "./config.js";

export interface Storage {
  readonly stores: Stores;
  readonly keyring: Keyring;
  close(): Promise<void>;
}

/** @throws KeyFileProblem, StoreError: the server must not start */
export async function openStorage(config: Config): Promise<Storage> {
  if (config.memory) {
    const stores = memoryStores();
    const seal = ephemeralSeal();
    await seal.create(stores.storeId);
    return together(stores, await openKeyring(seal, stores.storeId));
  }
  const seal = fileSeal(config.keyFile, config.dataDir);
  const found = await readDataDirectory(config.dataDir);
  const keyring = await openKeyring(seal, found?.storeId);
  try {
    // The key first: a crash in between leaves a key without data, which the next start names; never data without a key.
    if (found === undefined) await createDataDirectory(config.dataDir, keyring.storeId);
    return together(await openStores(config.dataDir), keyring);
  } catch (error) {
    keyring.close();
    throw error;
  }
}

function together(stores: Stores, keyring: Keyring): Storage {
  return {
    stores,
    keyring,
    close: async () => {
      await stores.close();
      keyring.close();
    },
  };
}
