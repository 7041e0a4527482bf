/**
 * The root key and what hangs on it. A seal provider keeps the root key outside the data directory; at start it is opened
 * once and turned into keys for rows, for wrapping key material and for whatever else needs one. Hierarchy: key file →
 * root key → key material; each wrapped blob names its wrapping key, so that another level can come between later.
 * FORMAT: docs/spec/records.md §2, §5.
 */
import { createHmac } from "node:crypto";
import type { KeyObject } from "node:crypto";
import {
  deriveRootKeys, keyMaterialId, newRootKey, newStoreId, rootSubkey, unwrapKey, wrapKey,
} from "@coffer/seal";
import type { RecordKeys } from "@coffer/seal";
import { lengthPrefixed } from "../lib/bytes.js";
import { Secret } from "../lib/secret.js";
import { createKeyFile, KeyFileProblem, readKeyFile } from "./key-file.js";

/** Keeps a root key somewhere. Providers: file; later passphrase, PKCS#11, transit, another KMS. */
export interface SealProvider {
  /** For messages: `file /home/a/.config/coffer/root.key`. */
  readonly description: string;
  /** Makes and keeps a root key for a new store. @throws when it holds one already */
  create(storeId: string): Promise<Secret>;
  /** The root key of this store. @throws when it is absent, unusable, or another store's */
  load(storeId: string): Promise<Secret>;
}

/** Where a piece of key material belongs; bound into its wrapping. */
export interface MaterialPlace {
  readonly account: string;
  readonly region: string;
  readonly keyId: string;
  readonly materialId: string;
  readonly spec: string;
  readonly origin: string;
}

/** Everything under the root key. One a process. */
export interface Keyring {
  /** 32 lower-case hex digits. */
  readonly storeId: string;
  /** Names the root key without telling anything about it: 32 hex digits. */
  readonly fingerprint: string;
  /** For the row codec of the stores room. */
  readonly records: RecordKeys;
  /** Id of the key that `wrapMaterial` uses: 32 hex digits. */
  readonly wrappingKeyId: string;
  wrapMaterial(material: Uint8Array, place: MaterialPlace): Buffer;
  /** @throws SealIntegrityError when the blob was altered or belongs elsewhere */
  unwrapMaterial(wrapped: Uint8Array, place: MaterialPlace): Secret;
  /** KMS KeyMaterialId: 64 hex digits, a keyed hash. */
  materialId(keyId: string, material: Uint8Array): string;
  /** HMAC-SHA-256 under a key of this store, for tokens and markers. @param purpose a label, one for each use */
  mac(purpose: string, bytes: Uint8Array): Buffer;
  /** One more key for a use of its own (session tokens, audit chain). @param label lower-case words with hyphens */
  subkey(label: string): KeyObject;
  /** Wipes the root key; `subkey` throws afterwards. */
  close(): void;
}

/** The default provider: a file of the operator's, see key-file.ts. @param dataDir must not contain it */
export function fileSeal(path: string, dataDir: string | undefined): SealProvider {
  return {
    description: `file ${path}`,
    async create(storeId) {
      const rootKey = newRootKey();
      await createKeyFile(path, { rootKey, storeId }, dataDir);
      return new Secret(rootKey);
    },
    async load(storeId) {
      const file = await readKeyFile(path, dataDir);
      if (file.storeId === storeId) return new Secret(file.rootKey);
      file.rootKey.fill(0);
      const message = `the key file ${path} belongs to store ${file.storeId}, but the data directory holds store ${storeId}`;
      throw new KeyFileProblem("other-store", message);
    },
  };
}

/** A root key that lives and dies with the process: `--memory`, tests. */
export function ephemeralSeal(): SealProvider {
  let kept: Buffer | undefined;
  return {
    description: "memory only",
    create: async () => new Secret(Buffer.from((kept = newRootKey()))),
    load: async () => {
      if (kept === undefined) throw new Error("there is no root key");
      return new Secret(Buffer.from(kept));
    },
  };
}

/**
 * Opens the keys of a store.
 * @param storeId found in the data directory; undefined: the store is new, and so must be its root key
 * @throws KeyFileProblem and whatever the provider throws: the server must not start
 */
export async function openKeyring(seal: SealProvider, storeId: string | undefined): Promise<Keyring> {
  const id = storeId ?? newStoreId();
  return keyringOf(storeId === undefined ? await seal.create(id) : await seal.load(id), id);
}

/** Keyring with a fresh root key that nothing keeps. */
export function ephemeralRootKey(): Keyring {
  return keyringOf(new Secret(newRootKey()), newStoreId());
}

/** Takes ownership of `root`. */
export function keyringOf(root: Secret, storeId: string): Keyring {
  const keys = deriveRootKeys(root.bytes, storeId);
  const macKeys = new Map<string, KeyObject>();
  const subkey = (label: string): KeyObject => rootSubkey(root.bytes, storeId, label);
  const macKey = (purpose: string): KeyObject => {
    const known = macKeys.get(purpose);
    if (known !== undefined) return known;
    const made = subkey(`mac-${purpose}`);
    macKeys.set(purpose, made);
    return made;
  };
  return {
    storeId,
    fingerprint: keys.fingerprint,
    records: keys.records,
    wrappingKeyId: keys.materialWrapping.id.toString("hex"),
    wrapMaterial: (material, place) => wrapKey(keys.materialWrapping, material, placeBytes(place)),
    unwrapMaterial: (wrapped, place) => new Secret(unwrapKey(keys.materialWrapping, wrapped, placeBytes(place))),
    materialId: (keyId, material) => keyMaterialId(keys.materialIdKey, keyId, material),
    mac: (purpose, bytes) => createHmac("sha256", macKey(purpose)).update(bytes).digest(),
    subkey,
    close: () => root.wipe(),
  };
}

/** FORMAT: length-prefixed fields, beginning with a label; the AAD of wrapped material. */
function placeBytes(place: MaterialPlace): Buffer {
  const { account, region, keyId, materialId, spec, origin } = place;
  return lengthPrefixed("coffer/kms-material/v1", account, region, keyId, materialId, spec, origin);
}
