/** `coffer key backup FILE`: a copy of the key file, checked before and after; never over an existing file. */
import { copyFileSync, chmodSync, constants, readFileSync } from "node:fs";
import { decodeKeyFile } from "@coffer/seal";
import { ConfigError, type Config } from "../server/config.js";

/** @throws ConfigError when the key file is damaged or the target exists */
export function backupKeyFile(config: Config, target: string): void {
  const check = (path: string): string => {
    const { rootKey, storeId } = decodeKeyFile(readFileSync(path));
    rootKey.fill(0);
    return storeId;
  };
  try {
    const storeId = check(config.keyFile);
    copyFileSync(config.keyFile, target, constants.COPYFILE_EXCL);
    chmodSync(target, 0o600);
    if (check(target) !== storeId) throw new Error("the copy differs");
    process.stdout.write(`copied the key of store ${storeId} to ${target}; keep it apart from the data\n`);
  } catch (cause) {
    throw new ConfigError(`key backup: ${(cause as Error).message}`, { cause });
  }
}
