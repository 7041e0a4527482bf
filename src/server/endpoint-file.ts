/**
 * Two small files beside the key file: where the server listens (for `coffer env`), and the root credential as it was
 * generated (for its owner). Both 0600.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "./config.js";
import { replacePrivateFile } from "./files.js";

export interface EndpointFile {
  readonly httpUrl?: string;
  readonly httpsUrl?: string;
  /** CA bundle that clients of `httpsUrl` need. */
  readonly caFile?: string;
  readonly region: string;
}

export interface RootCredentialFile {
  readonly accountId: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export const endpointPath = (config: Config): string => join(config.configDir, "endpoint.json");
export const rootCredentialPath = (config: Config): string => join(config.configDir, "root-credential.json");

export function writeEndpointFile(config: Config, endpoint: EndpointFile): void {
  replacePrivateFile(endpointPath(config), `${JSON.stringify(endpoint, undefined, 2)}\n`);
}

export function writeRootCredential(config: Config, credential: RootCredentialFile): void {
  replacePrivateFile(rootCredentialPath(config), `${JSON.stringify(credential, undefined, 2)}\n`);
}

export const readEndpointFile = (config: Config): EndpointFile | undefined =>
  readJson(endpointPath(config)) as EndpointFile | undefined;
export const readRootCredential = (config: Config): RootCredentialFile | undefined =>
  readJson(rootCredentialPath(config)) as RootCredentialFile | undefined;

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
