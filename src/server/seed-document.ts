/**
 * The seed file: what accounts, users, keys and buckets there shall be. JSON or YAML, read strictly: an unknown member is
 * an error, so that a misspelt policy does not silently leave a door open. Format: docs/reference/seed.md.
 */
import { parse as parseYaml } from "yaml";
import { ConfigError } from "./config.js";

export interface SeedAccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}
export interface SeedAccount {
  readonly id: string;
  readonly rootAccessKeys: readonly SeedAccessKey[];
}
export interface SeedUser {
  readonly account: string;
  readonly name: string;
  readonly path: string;
  readonly accessKeys: readonly SeedAccessKey[];
  /** Inline policies by name, as JSON text. */
  readonly policies: Readonly<Record<string, string>>;
  readonly managedPolicyArns: readonly string[];
}
export interface SeedKey {
  readonly account: string;
  readonly region: string;
  /** Fixed key id; else the alias tells whether the key is there. */
  readonly id: string | undefined;
  readonly alias: string | undefined;
  readonly description: string;
  /** JSON text. */
  readonly policy: string | undefined;
}
export interface SeedBucket {
  readonly account: string;
  readonly name: string;
  readonly region: string;
  readonly policy: string | undefined;
  readonly encryption: { readonly algorithm: string; readonly kmsKeyId?: string; readonly bucketKey?: boolean } | undefined;
  readonly versioning: string | undefined;
}
export interface SeedDocument {
  readonly accounts: readonly SeedAccount[];
  readonly users: readonly SeedUser[];
  readonly keys: readonly SeedKey[];
  readonly buckets: readonly SeedBucket[];
}

export interface SeedDefaults {
  readonly account: string;
  readonly region: string;
}

/** @throws ConfigError naming the place of the first mistake */
export function parseSeed(text: string, defaults: SeedDefaults): SeedDocument {
  let document: unknown;
  try {
    document = parseYaml(text, { maxAliasCount: 0 });
  } catch (cause) {
    throw new ConfigError(`seed: neither JSON nor YAML: ${(cause as Error).message.split("\n")[0] ?? ""}`, { cause });
  }
  const top = new Node(document ?? {}, "seed").members(["accounts", "users", "keys", "buckets"]);
  return {
    accounts: top.list("accounts").map(account),
    users: top.list("users").map((node) => user(node, defaults)),
    keys: top.list("keys").map((node) => key(node, defaults)),
    buckets: top.list("buckets").map((node) => bucket(node, defaults)),
  };
}

function account(node: Node): SeedAccount {
  node.members(["id", "rootAccessKeys"]);
  return { id: node.text("id", /^\d{12}$/), rootAccessKeys: node.list("rootAccessKeys").map(accessKey) };
}

function accessKey(node: Node): SeedAccessKey {
  node.members(["accessKeyId", "secretAccessKey"]);
  return { accessKeyId: node.text("accessKeyId", /^\w{16,128}$/), secretAccessKey: node.text("secretAccessKey", /^.{16,128}$/) };
}

function user(node: Node, defaults: SeedDefaults): SeedUser {
  node.members(["account", "name", "path", "accessKeys", "policies", "managedPolicyArns"]);
  return {
    account: node.optional("account", /^\d{12}$/) ?? defaults.account,
    name: node.text("name", /^[\w+=,.@-]{1,64}$/),
    path: node.optional("path", /^\/([\x21-\x7e]+\/)?$/) ?? "/",
    accessKeys: node.list("accessKeys").map(accessKey),
    policies: node.documents("policies"),
    managedPolicyArns: node.list("managedPolicyArns").map((item) => item.asText()),
  };
}

function key(node: Node, defaults: SeedDefaults): SeedKey {
  node.members(["account", "region", "id", "alias", "description", "policy"]);
  const id = node.optional("id", /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
  const alias = node.optional("alias", /^alias\/(?!aws\/)[a-zA-Z0-9:/_-]{1,250}$/);
  if (id === undefined && alias === undefined) throw node.mistake("needs an id or an alias");
  return {
    account: node.optional("account", /^\d{12}$/) ?? defaults.account,
    region: node.optional("region", /^[a-z0-9-]+$/) ?? defaults.region,
    id,
    alias,
    description: node.optional("description", /^[^]{0,8192}$/) ?? "",
    policy: node.document("policy"),
  };
}

function bucket(node: Node, defaults: SeedDefaults): SeedBucket {
  node.members(["account", "name", "region", "policy", "encryption", "versioning"]);
  const encryption = node.child("encryption")?.members(["algorithm", "kmsKeyId", "bucketKey"]);
  const kmsKeyId = encryption?.optional("kmsKeyId", /^.+$/);
  const bucketKey = encryption?.flag("bucketKey");
  return {
    account: node.optional("account", /^\d{12}$/) ?? defaults.account,
    name: node.text("name", /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
    region: node.optional("region", /^[a-z0-9-]+$/) ?? defaults.region,
    policy: node.document("policy"),
    encryption:
      encryption === undefined
        ? undefined
        : {
            algorithm: encryption.text("algorithm", /^(AES256|aws:kms|aws:kms:dsse)$/),
            ...(kmsKeyId === undefined ? {} : { kmsKeyId }),
            ...(bucketKey === undefined ? {} : { bucketKey }),
          },
    versioning: node.optional("versioning", /^(Enabled|Suspended)$/),
  };
}

/** A value of the document that knows where it stands. */
class Node {
  readonly #value: unknown;
  readonly #place: string;
  constructor(value: unknown, place: string) {
    this.#value = value;
    this.#place = place;
  }

  mistake(what: string): ConfigError {
    return new ConfigError(`seed: ${this.#place} ${what}`);
  }

  /** Checks that this is a mapping with no other members. */
  members(known: readonly string[]): this {
    for (const name of Object.keys(this.#object()))
      if (!known.includes(name)) throw this.mistake(`has an unknown member ${JSON.stringify(name)}`);
    return this;
  }

  child(name: string): Node | undefined {
    const value = this.#object()[name];
    return value === undefined || value === null ? undefined : new Node(value, `${this.#place}.${name}`);
  }

  list(name: string): Node[] {
    const value = this.#object()[name] ?? [];
    if (!Array.isArray(value)) throw new Node(value, `${this.#place}.${name}`).mistake("must be a list");
    return value.map((item: unknown, at) => new Node(item, `${this.#place}.${name}[${at}]`));
  }

  text(name: string, form: RegExp): string {
    const text = this.optional(name, form);
    if (text === undefined) throw this.mistake(`needs ${name}`);
    return text;
  }

  optional(name: string, form: RegExp): string | undefined {
    const text = this.child(name)?.asText();
    // The value may be a secret: it is not repeated.
    if (text !== undefined && !form.test(text)) throw this.mistake(`has a ${name} of a wrong form`);
    return text;
  }

  flag(name: string): boolean | undefined {
    const value = this.#object()[name];
    if (value !== undefined && typeof value !== "boolean") throw this.mistake(`has a ${name} that is neither true nor false`);
    return value;
  }

  /** A policy: JSON text, or the document itself. */
  document(name: string): string | undefined {
    const node = this.child(name);
    return node === undefined ? undefined : node.#policyText();
  }

  documents(name: string): Record<string, string> {
    const node = this.child(name);
    if (node === undefined) return {};
    return Object.fromEntries(Object.keys(node.#object()).map((policy) => [policy, node.document(policy) ?? ""]));
  }

  asText(): string {
    if (typeof this.#value !== "string") throw this.mistake("must be text (put numbers such as account ids in quotes)");
    return this.#value;
  }

  #policyText(): string {
    if (typeof this.#value === "string") return this.#value;
    this.#object();
    return JSON.stringify(this.#value);
  }

  #object(): Readonly<Record<string, unknown>> {
    if (typeof this.#value !== "object" || this.#value === null || Array.isArray(this.#value))
      throw this.mistake("must be a mapping");
    return this.#value as Record<string, unknown>;
  }
}
