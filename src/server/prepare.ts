/**
 * The start, once per server, before anything listens: directory lock, store and keys, root credential, certificate, seed.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../lib/clock.js";
import { accessKeyId, secretAccessKey } from "../lib/ids.js";
import type { Log } from "../lib/log.js";
import { lockDirectory, type DirectoryLock } from "../stores/directory-lock.js";
import { openApp, type App } from "./app.js";
import { ConfigError, type Config } from "./config.js";
import { rootCredentialPath, writeRootCredential, type RootCredentialFile } from "./endpoint-file.js";
import { applySeed } from "./seed.js";
import { parseSeed } from "./seed-document.js";
import { ensureTlsMaterial, type TlsMaterial } from "./tls.js";

export interface Prepared {
  readonly app: App;
  readonly tls: TlsMaterial | undefined;
  /** What to tell the operator. @param terminal may the secret be shown? */
  notice(terminal: boolean): readonly string[];
  release(): Promise<void>;
}

/** @throws ConfigError, KeyFileProblem, StoreError: the server must not start */
export async function prepare(config: Config, clock: Clock, log: Log): Promise<Prepared> {
  const seed =
    config.seedFile === undefined
      ? undefined
      : parseSeed(readSeed(config.seedFile), { account: config.accountId, region: config.region });
  const { place, removePlace } = placeFor(config);
  const lock = config.memory ? undefined : await lockData(config);
  let app: App | undefined;
  try {
    const tls = config.tlsListen === undefined ? undefined : ensureTlsMaterial(place, clock.now());
    app = await openApp(config, clock, log);
    await app.iam.seed.ensureAccount(config.accountId);
    const made = await ensureRootCredential(config, app);
    if (seed !== undefined) await applySeed(app, seed, clock);
    return {
      app,
      tls,
      notice: (terminal) => (made === undefined ? [] : rootNotice(config, made, terminal)),
      release: async () => {
        await lock?.release();
        removePlace();
      },
    };
  } catch (error) {
    await app?.close();
    await lock?.release();
    removePlace();
    throw error;
  }
}

/** In memory, the local CA is all that is written, in a temporary directory. */
function placeFor(config: Config): { place: Config; removePlace: () => void } {
  if (!config.memory) return { place: config, removePlace: () => {} };
  const configDir = mkdtempSync(join(tmpdir(), "coffer-"));
  const removePlace = (): void => rmSync(configDir, { recursive: true, force: true });
  // Also when a second Ctrl-C ends the process at once.
  process.once("exit", removePlace);
  return { place: { ...config, configDir }, removePlace };
}

async function lockData(config: Config): Promise<DirectoryLock> {
  mkdirSync(config.dataDir, { recursive: true, mode: 0o700 });
  return lockDirectory(config.dataDir);
}

function readSeed(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new ConfigError(`seed: cannot read ${path}`, { cause });
  }
}

/** A store without root access key gets one, unless this run was given one. @returns the credential if it was made now */
async function ensureRootCredential(config: Config, app: App): Promise<RootCredentialFile | undefined> {
  if (config.rootCredential !== undefined) return undefined;
  if (await app.iam.seed.hasRootAccessKey(config.accountId)) return undefined;
  const credential = { accountId: config.accountId, accessKeyId: accessKeyId("AKIA"), secretAccessKey: secretAccessKey() };
  // The file first: a credential that was stored but never told to anyone could not be used.
  if (!config.memory) writeRootCredential(config, credential);
  await app.iam.seed.putRootAccessKey(config.accountId, credential);
  return credential;
}

function rootNotice(config: Config, credential: RootCredentialFile, terminal: boolean): string[] {
  const where = config.memory ? "for this run" : `kept in ${rootCredentialPath(config)}`;
  const shown = terminal
    ? [`  AWS_ACCESS_KEY_ID=${credential.accessKeyId}`, `  AWS_SECRET_ACCESS_KEY=${credential.secretAccessKey}`]
    : [];
  const hidden =
    !terminal && config.memory
      ? ["  not shown: this is no terminal; give --root-access-key-id and --root-secret-access-key"]
      : [];
  const backup =
    config.memory || !existsSync(config.keyFile)
      ? []
      : [`Back up the key file ${config.keyFile}: without it the data is lost (coffer key backup FILE)`];
  return [`A root credential was made for account ${credential.accountId}, ${where}`, ...shown, ...hidden, ...backup];
}
