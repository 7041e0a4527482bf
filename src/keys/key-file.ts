/**
 * The key file on disk: made once, together with a new store, and read at every start. Whoever can read it can read the
 * data, so a file that others can read, that is a symbolic link, or that lies beside the data it protects is refused.
 * What is inside: @coffer/seal; FORMAT: docs/spec/key-file.md.
 */
import { constants } from "node:fs";
import { mkdir, open, realpath, unlink } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname, isAbsolute, relative, resolve, sep } from "node:path";
import { decodeKeyFile, encodeKeyFile, KeyFileError, MAX_KEY_FILE_BYTES } from "@coffer/seal";
import type { KeyFile } from "@coffer/seal";

/** The key file cannot be used; the message is for the operator and names the path and the remedy, never the key. */
export class KeyFileProblem extends Error {
  override readonly name = "KeyFileProblem";
  readonly reason: "missing" | "exists" | "unsafe" | "damaged" | "other-store" | "inside-data" | "io";
  constructor(reason: KeyFileProblem["reason"], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

/**
 * Writes a new key file, durable when it resolves. Its directory is made (0700) if absent.
 * @param dataDir refused as a place for the key
 * @throws KeyFileProblem `exists`, `inside-data`, `io`
 */
export async function createKeyFile(
  path: string, content: { readonly rootKey: Uint8Array; readonly storeId: string }, dataDir: string | undefined,
): Promise<void> {
  const directory = dirname(resolve(path));
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new KeyFileProblem("io", `cannot make the directory of the key file, ${directory}`, cause);
  }
  await refuseInside(directory, dataDir, path);
  const file = await openNew(path);
  const bytes = encodeKeyFile(content.rootKey, content.storeId);
  try {
    await file.writeFile(bytes);
    await file.sync();
    await file.close();
    await syncDirectory(directory);
  } catch (cause) {
    await file.close().catch((): undefined => undefined); // closed already, or the failure below says more
    await unlink(path);
    throw new KeyFileProblem("io", `cannot write the key file ${path}`, cause);
  } finally {
    bytes.fill(0);
  }
}

/**
 * Reads a key file after checking the file itself.
 * @throws KeyFileProblem `missing`, `unsafe`, `inside-data`, `damaged`, `io`
 */
export async function readKeyFile(path: string, dataDir: string | undefined): Promise<KeyFile> {
  const file = await openExisting(path);
  try {
    await refuseUnsafe(file, path);
    await refuseInside(dirname(resolve(path)), dataDir, path);
    const buffer = Buffer.alloc(MAX_KEY_FILE_BYTES + 1);
    try {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      return decodeKeyFile(buffer.subarray(0, bytesRead));
    } finally {
      buffer.fill(0);
    }
  } catch (cause) {
    if (cause instanceof KeyFileProblem) throw cause;
    if (cause instanceof KeyFileError) throw new KeyFileProblem("damaged", `${path}: ${cause.message}`, cause);
    throw new KeyFileProblem("io", `cannot read the key file ${path}`, cause);
  } finally {
    await file.close();
  }
}

async function openNew(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  } catch (cause) {
    if (codeOf(cause) === "EEXIST") {
      throw new KeyFileProblem(
        "exists",
        `the key file ${path} exists already, but there is no store in the data directory. It may be the only key to other ` +
          "data: give the right --data-dir, or another --key-file, or move the file away if that data is no longer wanted.",
        cause,
      );
    }
    throw new KeyFileProblem("io", `cannot create the key file ${path}`, cause);
  }
}

async function openExisting(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "ENOENT") {
      const message = `the key file ${path} does not exist: without it the data of this store cannot be read`;
      throw new KeyFileProblem("missing", message, cause);
    }
    if (code === "ELOOP" || code === "EMLINK") {
      throw new KeyFileProblem("unsafe", `the key file ${path} is a symbolic link: name the file itself`, cause);
    }
    throw new KeyFileProblem("io", `cannot open the key file ${path}`, cause);
  }
}

async function refuseUnsafe(file: FileHandle, path: string): Promise<void> {
  const facts = await file.stat();
  if (!facts.isFile()) throw new KeyFileProblem("unsafe", `the key file ${path} is not a regular file`);
  // Windows has neither owners nor modes in this sense.
  if (process.getuid === undefined) return;
  if (facts.uid !== process.getuid()) {
    const message = `the key file ${path} belongs to another user (uid ${facts.uid}): chown it to the server's user`;
    throw new KeyFileProblem("unsafe", message);
  }
  if ((facts.mode & 0o077) !== 0) {
    const mode = (facts.mode & 0o777).toString(8).padStart(4, "0");
    const message = `the key file ${path} is open to others (mode ${mode}): chmod 600 it, and ask who has read it`;
    throw new KeyFileProblem("unsafe", message);
  }
}

/** A key beside its data protects nothing: whoever copies the directory has both. */
async function refuseInside(directory: string, dataDir: string | undefined, path: string): Promise<void> {
  if (dataDir === undefined) return;
  const inside = relative(await realpathOf(dataDir), await realpathOf(directory));
  if (inside === "" || !(inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside))) {
    throw new KeyFileProblem("inside-data", `the key file ${path} lies inside the data directory ${dataDir}: keep it elsewhere`);
  }
}

/** The real path, also of a directory that is still to be made. */
async function realpathOf(path: string): Promise<string> {
  const full = resolve(path);
  try {
    return await realpath(full);
  } catch (error) {
    const parent = dirname(full);
    if (codeOf(error) !== "ENOENT" || parent === full) throw error;
    return resolve(await realpathOf(parent), relative(parent, full));
  }
}

async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
