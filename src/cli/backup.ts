/** `coffer backup DIR` and `coffer restore DIR`. Source: docs/reference/backup.md. */
import { resolve } from "node:path";
import { verifyAll } from "../objects/verify-run.js";
import { backup } from "../server/backup.js";
import type { Config } from "../server/config.js";
import { openOffline } from "../server/offline.js";
import { restore, type RestoreOptions } from "../server/restore.js";
import { runOver } from "./verify.js";
import { print, printable } from "./text.js";

/** @returns the exit code: 1 when the store lacks blobs that it should have */
export async function makeBackup(config: Config, directory: string): Promise<0 | 1> {
  const { name, blobs, copied, copiedBytes, missing } = await backup(config, resolve(directory));
  print(`backup ${name}: ${blobs} blobs, ${copied} of them copied now (${copiedBytes} bytes)`);
  print("The key file is not in it: keep a copy apart from the backup (coffer key backup FILE)");
  for (const id of missing) print(`missing in the store, or not readable: blob ${id} (coffer verify names its object)`);
  return missing.length === 0 ? 0 : 1;
}

/** @returns the exit code: 1 when what was restored is not all that it was */
export async function makeRestore(config: Config, directory: string, options: RestoreOptions): Promise<0 | 1> {
  const { name, blobs, bytes, damaged } = await restore(config, resolve(directory), options);
  print(`restored backup ${name} to ${config.dataDir}: ${blobs} blobs, ${bytes} bytes, each as the manifest has it`);
  for (const id of damaged) print(`left out, damaged in the backup: blob ${id}`);
  const offline = await openOffline(config);
  let findings = 0;
  try {
    const report = ({ Fault, Subject, Detail }: { Fault: string; Subject: string; Detail: string }): void => {
      findings += 1;
      print(printable(`${Fault}  ${Subject}: ${Detail}`));
    };
    await verifyAll(runOver(offline, { depth: "QUICK", report, repair: false }));
  } finally {
    await offline.close();
  }
  print(findings === 0 ? "verified: clean (without reading bodies)" : `${findings} findings`);
  return findings === 0 ? 0 : 1;
}
