/**
 * The data directory of an embedded store and its `format` file, which says what lies there and which store it is.
 * FORMAT: docs/spec/data-directory.md §1.
 */
import { link, mkdir, open, readFile, readdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { randomHex } from "../lib/ids.js";
import { StoreError } from "./contract.js";
import { errorCode } from "./system-error.js";

/** Of the layout and of everything in it that has no version of its own. */
export const FORMAT_VERSION = 1;
const FORMAT_FILE = "format";
const MAX_FORMAT_BYTES = 4096;

export interface DataDirectory {
  readonly formatVersion: number;
  /** 32 lower-case hex digits; made once, bound into every row and the key file. */
  readonly storeId: string;
}

export const metadataPath = (directory: string): string => join(directory, "metadata");
export const blobsPath = (directory: string): string => join(directory, "blobs");

/**
 * What lies in `directory`; undefined when it holds no store (missing, or without `format`, `metadata` and `blobs`).
 * @throws StoreError for a damaged store, and for one of a newer Coffer
 */
export async function readDataDirectory(directory: string): Promise<DataDirectory | undefined> {
  let text: string;
  try {
    text = await readFile(join(directory, FORMAT_FILE), "utf8");
  } catch (cause) {
    if (errorCode(cause) !== "ENOENT") throw new StoreError("the data directory cannot be read", { cause });
    if (!(await hasData(directory))) return undefined;
    throw new StoreError("the data directory holds data but no format file: damaged, or not Coffer's");
  }
  return parse(text);
}

/**
 * Makes `directory` (0700, parents as needed) the place of a new, empty store; durable when it resolves.
 * @param storeId 32 lower-case hex digits
 * @throws StoreError when a store is there already
 */
export async function createDataDirectory(directory: string, storeId: string): Promise<DataDirectory> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  if ((await readDataDirectory(directory)) !== undefined) throw new StoreError("the data directory holds a store already");
  return writeFormat(directory, storeId);
}

/**
 * Makes a store of what a restore has put into `directory`: the last step, before which the directory is refused.
 * @throws StoreError when there is a format file already
 */
export async function writeFormat(directory: string, storeId: string): Promise<DataDirectory> {
  const made: DataDirectory = { formatVersion: FORMAT_VERSION, storeId };
  const text = `${JSON.stringify(made)}\n`;
  parse(text);
  const temporary = join(directory, `${FORMAT_FILE}.${randomHex(8)}`);
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    // Linked, not renamed: of two makers at once the second fails instead of replacing the first one's id.
    await link(temporary, join(directory, FORMAT_FILE));
  } catch (cause) {
    throw new StoreError("the data directory cannot be made", { cause });
  } finally {
    await Promise.allSettled([unlink(temporary)]);
  }
  await syncDirectory(directory);
  await syncDirectory(dirname(directory));
  return made;
}

/** Makes the entries of a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function hasData(directory: string): Promise<boolean> {
  try {
    const names = await readdir(directory);
    return names.includes("metadata") || names.includes("blobs");
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return false;
    throw new StoreError("the data directory cannot be read", { cause });
  }
}

function parse(text: string): DataDirectory {
  if (text.length > MAX_FORMAT_BYTES) throw new StoreError("the format file is damaged");
  const { formatVersion, storeId } = fields(text);
  if (typeof formatVersion !== "number" || typeof storeId !== "string" || !/^[0-9a-f]{32}$/.test(storeId)) {
    throw new StoreError("the format file is damaged");
  }
  if (formatVersion !== FORMAT_VERSION) {
    throw new StoreError(`the store has format ${formatVersion}; this Coffer knows format ${FORMAT_VERSION}`);
  }
  return { formatVersion, storeId };
}

function fields(text: string): { readonly formatVersion?: unknown; readonly storeId?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch (cause) {
    throw new StoreError("the format file is damaged", { cause });
  }
}
