/** Typed configuration from the sources of options.ts. A wrong value stops the start and names its source. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parse as parseYaml } from "yaml";
import { MINUTE_MS } from "../lib/clock.js";
import type { LogLevel } from "../lib/log.js";
import { Secret } from "../lib/secret.js";
import { addressSet, type AddressSet } from "./addresses.js";
import { CONFIG_OPTION, environmentName, OPTIONS, type OptionSpec } from "./options.js";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface Config {
  readonly dataDir: string;
  readonly keyFile: string;
  /** Beside the key file: root credential, endpoint file, local CA. */
  readonly configDir: string;
  readonly listen: HostPort | undefined;
  readonly tlsListen: HostPort | undefined;
  readonly accountId: string;
  readonly region: string;
  /** `region` first. */
  readonly regions: readonly string[];
  readonly rootCredential: { readonly accessKeyId: string; readonly secretAccessKey: Secret } | undefined;
  readonly seedFile: string | undefined;
  readonly workers: number;
  readonly logLevel: LogLevel;
  readonly tlsFiles: { readonly cert: string; readonly key: string } | undefined;
  readonly domains: readonly string[];
  readonly trustedProxies: AddressSet;
  readonly insecureSseFrom: AddressSet;
  /** Beside loopback. */
  readonly metricsFrom: AddressSet;
  /** Of one worker. */
  readonly maxConnections: number;
  readonly maxRequestsPerClient: number;
  readonly longestAnswerMs: number;
  readonly auditDir: string;
  readonly auditMaxFileBytes: number;
  readonly newBucketDefaults: "aws" | "open";
  readonly sseCOnNewBuckets: "block" | "allow";
  readonly memory: boolean;
}

/** A mistake in the configuration, told to the operator in one line. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** Values as typed, by option name. Lists: an array or one text with commas or spaces. */
export type RawOptions = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/**
 * @param flags values of the command line, by option name
 * @param environment usually `process.env`
 * @throws ConfigError
 */
export function loadConfig(flags: RawOptions, environment: NodeJS.ProcessEnv): Config {
  const values = new Values(flags, environment);
  const memory = values.flag("memory");
  const keyFile = resolve(values.text("key-file") ?? join(xdg(environment, "XDG_CONFIG_HOME", ".config"), "coffer", "root.key"));
  const dataDir = resolve(values.text("data-dir") ?? join(xdg(environment, "XDG_DATA_HOME", ".local/share"), "coffer"));
  const region = pattern(values, "region", /^[a-z0-9-]{1,32}$/, "a region name");
  const listen = values.address("listen");
  const tlsListen = values.address("tls-listen");
  if (listen === undefined && tlsListen === undefined)
    throw new ConfigError("--listen and --tls-listen are both off: nothing to serve");
  return {
    dataDir,
    keyFile,
    configDir: dirname(keyFile),
    listen,
    tlsListen,
    accountId: pattern(values, "account-id", /^\d{12}$/, "12 digits"),
    region,
    regions: [...new Set([region, ...values.list("regions")])],
    rootCredential: rootCredential(values),
    seedFile: resolved(values.text("seed")),
    workers: memory ? oneWorker(values) : (values.count("workers") ?? availableParallelism()),
    logLevel: values.text("log-level") as LogLevel,
    tlsFiles: tlsFiles(values),
    domains: values.list("domain"),
    trustedProxies: cidrs(values, "trusted-proxies"),
    insecureSseFrom: cidrs(values, "insecure-sse-from"),
    metricsFrom: cidrs(values, "metrics-from"),
    maxConnections: values.count("max-connections") ?? 0,
    maxRequestsPerClient: values.count("max-requests-per-client") ?? 0,
    longestAnswerMs: (values.count("longest-answer-minutes") ?? 0) * MINUTE_MS,
    auditDir: resolve(values.text("audit-dir") ?? join(dataDir, "audit")),
    auditMaxFileBytes: values.size("audit-max-file-size"),
    newBucketDefaults: values.text("new-bucket-defaults") as "aws" | "open",
    sseCOnNewBuckets: values.text("sse-c-on-new-buckets") as "block" | "allow",
    memory,
  };
}

/** Reads option values in order of precedence and checks their kind. */
class Values {
  readonly #flags: RawOptions;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #file: RawOptions;

  constructor(flags: RawOptions, environment: NodeJS.ProcessEnv) {
    this.#flags = flags;
    this.#environment = environment;
    const path = flags[CONFIG_OPTION.name] ?? environment[environmentName(CONFIG_OPTION.name)];
    this.#file = typeof path === "string" ? readConfigFile(path) : {};
  }

  text(name: string): string | undefined {
    const spec = specOf(name);
    const value = this.#raw(name) ?? spec.fallback;
    if (value === undefined) return undefined;
    if (typeof value !== "string" || value === "") throw new ConfigError(`${name}: expected one value`);
    if (spec.choices !== undefined && !spec.choices.includes(value)) {
      throw new ConfigError(`${name}: expected one of ${spec.choices.join(", ")}, not ${JSON.stringify(value)}`);
    }
    return value;
  }

  secret(name: string): Secret | undefined {
    const path = this.#raw(`${name}-file`);
    const inline = this.#raw(name);
    if (path !== undefined && inline !== undefined) throw new ConfigError(`${name} and ${name}-file are both given`);
    if (typeof path === "string") return Secret.fromUtf8(readText(path, `${name}-file`).trimEnd());
    return typeof inline === "string" ? Secret.fromUtf8(inline) : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.#raw(name);
    if (value === undefined || value === false) return [];
    const parts = typeof value === "string" ? [value] : Array.isArray(value) ? (value as readonly string[]) : [];
    return parts.flatMap((part) => part.split(/[\s,]+/)).filter((part) => part !== "");
  }

  flag(name: string): boolean {
    const value = this.#raw(name);
    if (value === undefined || value === false || value === "false" || value === "0" || value === "") return false;
    if (value === true || value === "true" || value === "1") return true;
    throw new ConfigError(`${name}: expected true or false`);
  }

  count(name: string): number | undefined {
    const value = this.text(name);
    if (value === undefined) return undefined;
    const { max = 999 } = specOf(name);
    if (!/^[1-9]\d{0,8}$/.test(value) || Number(value) > max)
      throw new ConfigError(`${name}: expected a number from 1 to ${max}`);
    return Number(value);
  }

  /** Bytes: a whole number, with K, M or G behind it. */
  size(name: string): number {
    const value = this.text(name) ?? "";
    const [, count, unit = ""] = /^([1-9]\d{0,11})([KMG]?)$/.exec(value) ?? [];
    if (count === undefined) throw new ConfigError(`${name}: expected a size like 64M, not ${JSON.stringify(value)}`);
    return Number(count) * 1024 ** " KMG".indexOf(unit || " ");
  }

  address(name: string): HostPort | undefined {
    const value = this.text(name);
    if (value === undefined || value === "off") return undefined;
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(value);
    const host = match?.[1] ?? match?.[2];
    const port = Number(match?.[3]);
    if (host === undefined || port > 65535)
      throw new ConfigError(`${name}: expected HOST:PORT or off, not ${JSON.stringify(value)}`);
    return { host, port };
  }

  #raw(name: string): string | boolean | readonly string[] | undefined {
    return this.#flags[name] ?? this.#environment[environmentName(name)] ?? this.#file[name];
  }
}

function specOf(name: string): OptionSpec {
  const spec = OPTIONS.find((option) => option.name === name);
  if (spec === undefined) throw new Error(`invariant: no option ${name}`);
  return spec;
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new ConfigError(`${what}: cannot read ${path}`, { cause });
  }
}

function readConfigFile(path: string): RawOptions {
  let document: unknown;
  try {
    document = parseYaml(readText(path, "config"), { maxAliasCount: 0 });
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    throw new ConfigError(`config: ${path} is neither JSON nor YAML`, { cause });
  }
  if (typeof document !== "object" || document === null || Array.isArray(document))
    throw new ConfigError(`config: ${path} must hold a mapping`);
  const known = new Set(OPTIONS.flatMap(({ name, secret }) => (secret === true ? [name, `${name}-file`] : [name])));
  const out: Record<string, string | boolean | readonly string[]> = {};
  for (const [name, value] of Object.entries(document)) {
    if (!known.has(name)) throw new ConfigError(`config: ${path} has an unknown key ${JSON.stringify(name)}`);
    if (typeof value === "boolean") out[name] = value;
    else if (Array.isArray(value)) out[name] = value.map(String);
    else if (typeof value === "string" || typeof value === "number") out[name] = String(value);
    else throw new ConfigError(`config: ${name} in ${path} has no usable value`);
  }
  return out;
}

const xdg = (environment: NodeJS.ProcessEnv, name: string, fallback: string): string =>
  environment[name] || join(homedir(), fallback);
const resolved = (path: string | undefined): string | undefined => (path === undefined ? undefined : resolve(path));

function pattern(values: Values, name: string, wanted: RegExp, what: string): string {
  const value = values.text(name) ?? "";
  if (!wanted.test(value)) throw new ConfigError(`${name}: expected ${what}, not ${JSON.stringify(value)}`);
  return value;
}

function rootCredential(values: Values): Config["rootCredential"] {
  const accessKeyId = values.text("root-access-key-id");
  const secretAccessKey = values.secret("root-secret-access-key");
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new ConfigError("root-access-key-id and root-secret-access-key go together");
  if (!/^\w{16,128}$/.test(accessKeyId)) throw new ConfigError("root-access-key-id: expected 16 to 128 letters and digits");
  if (secretAccessKey.bytes.length < 16) throw new ConfigError("root-secret-access-key: expected at least 16 characters");
  return { accessKeyId, secretAccessKey };
}

function oneWorker(values: Values): number {
  const workers = values.count("workers") ?? 1;
  if (workers !== 1) throw new ConfigError("--memory runs in one worker");
  return 1;
}

function tlsFiles(values: Values): Config["tlsFiles"] {
  const cert = resolved(values.text("tls-cert"));
  const key = resolved(values.text("tls-key"));
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) throw new ConfigError("tls-cert and tls-key go together");
  return { cert, key };
}

function cidrs(values: Values, name: string): AddressSet {
  try {
    return addressSet(values.list(name));
  } catch (cause) {
    throw new ConfigError(`${name}: ${(cause as Error).message}`, { cause });
  }
}
