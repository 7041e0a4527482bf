/** `coffer root reset`: a new root credential in place of every stored one; a running server refuses the old ones at once. */
import { systemClock } from "../lib/clock.js";
import { accessKeyId, secretAccessKey } from "../lib/ids.js";
import { silentLog } from "../lib/log.js";
import { openApp } from "../server/app.js";
import { ConfigError, type Config } from "../server/config.js";
import { rootCredentialPath, writeRootCredential } from "../server/endpoint-file.js";
import { readDataDirectory } from "../stores/data-directory.js";

/** @throws ConfigError when there is no store */
export async function resetRoot(config: Config): Promise<void> {
  if (config.memory) throw new ConfigError("root reset: there is nothing to reset with --memory");
  if ((await readDataDirectory(config.dataDir)) === undefined) throw new ConfigError(`root reset: no store in ${config.dataDir}`);
  const app = await openApp(config, systemClock, silentLog);
  try {
    const credential = { accountId: config.accountId, accessKeyId: accessKeyId("AKIA"), secretAccessKey: secretAccessKey() };
    await app.iam.seed.ensureAccount(config.accountId);
    await app.iam.seed.resetRootAccessKeys(config.accountId, credential);
    writeRootCredential(config, credential);
    process.stdout.write(`a new root credential of account ${config.accountId} is in ${rootCredentialPath(config)}\n`);
    if (process.stdout.isTTY) {
      process.stdout.write(
        `  AWS_ACCESS_KEY_ID=${credential.accessKeyId}\n  AWS_SECRET_ACCESS_KEY=${credential.secretAccessKey}\n`,
      );
    }
  } finally {
    await app.close();
  }
}
