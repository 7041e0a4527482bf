/**
 * One server a data directory. Several processes may share a store safely, but two *servers* would both run jobs, seed
 * and audit into it, so the primary process takes this lock.
 *
 * It is a listening Unix socket named `lock` in the directory: whoever can connect has met a living holder, and the
 * kernel lets go when the holder dies, however it dies. Unlike a process id in a file it says the truth across
 * containers that share the directory, and after a reboot.
 */
import { once } from "node:events";
import { link, open, rename, stat, unlink, type FileHandle } from "node:fs/promises";
import { createServer, connect, type Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { randomHex } from "../lib/ids.js";
import { StoreError } from "./contract.js";
import { errorCode } from "./system-error.js";

const NAME = "lock";
/** Longer than any pause between a rival's look and its rename. */
const SETTLE_MS = 50;
const ANSWER_MS = 1000;

export interface DirectoryLock {
  /** Idempotent. */
  release(): Promise<void>;
}

/** The directory is in use by another living server. */
export class DirectoryLocked extends StoreError {
  /** Process id of the holder as seen by itself, when it told. */
  readonly holder: number | undefined;

  constructor(holder: number | undefined) {
    super(`another Coffer server${holder === undefined ? "" : ` (process ${holder})`} uses this data directory`);
    this.holder = holder;
  }
}

/**
 * Takes the lock of an existing directory, for as long as this process lives or until `release`.
 * @throws DirectoryLocked when another process holds it; StoreError when the directory cannot be locked
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const at = await openPlace(directory);
  const own = `${NAME}.${randomHex(8)}`;
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.end(`${process.pid}\n`, () => socket.destroy());
  });
  try {
    await listen(server, at.path(own));
    const inode = await inodeOf(join(directory, own));
    await take(directory, own, at);
    // Of two that found the same dead lock, the one whose socket bears the name a moment later has it.
    await sleep(SETTLE_MS);
    if ((await inodeOf(join(directory, NAME))) !== inode) throw new DirectoryLocked(await holderOf(at.path(NAME)));
    return { release: () => release(directory, inode, server, at) };
  } catch (error) {
    await Promise.allSettled([unlink(join(directory, own))]);
    await close(server);
    await at.close();
    throw error instanceof StoreError ? error : new StoreError("the data directory cannot be locked", { cause: error });
  }
}

/** Gives our socket the lock's name, unless the socket that bears it is alive. */
async function take(directory: string, own: string, at: Place): Promise<void> {
  const [mine, name] = [join(directory, own), join(directory, NAME)];
  try {
    await link(mine, name);
    await unlink(mine);
    return;
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
  const dead = await inodeOf(name);
  const holder = await probe(at.path(NAME));
  if (holder !== "dead") throw new DirectoryLocked(holder.pid);
  if ((await inodeOf(name)) !== dead) throw new DirectoryLocked(await holderOf(at.path(NAME)));
  await rename(mine, name);
}

async function release(directory: string, inode: number | undefined, server: Server, at: Place): Promise<void> {
  if (!server.listening) return;
  if ((await inodeOf(join(directory, NAME))) === inode) await unlink(join(directory, NAME));
  await close(server);
  await at.close();
}

/** Names a socket in the directory. Socket paths hold about 100 bytes; through an open directory any depth is short. */
interface Place {
  path(name: string): string;
  close(): Promise<void>;
}

async function openPlace(directory: string): Promise<Place> {
  if (process.platform !== "linux") return { path: (name) => join(directory, name), close: async () => undefined };
  let handle: FileHandle;
  try {
    handle = await open(directory, "r");
  } catch (cause) {
    throw new StoreError("the data directory cannot be opened", { cause });
  }
  return { path: (name) => `/proc/self/fd/${handle.fd}/${name}`, close: () => handle.close() };
}

async function listen(server: Server, path: string): Promise<void> {
  server.listen({ path, exclusive: true });
  await once(server, "listening");
  server.unref();
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (server.listening) server.close(() => resolve());
    else resolve();
  });
}

/** Is the socket's owner alive? Its process id if it tells. */
async function probe(path: string): Promise<"dead" | { readonly pid: number | undefined }> {
  const socket = connect({ path });
  try {
    await once(socket, "connect");
  } catch (error) {
    socket.destroy();
    if (errorCode(error) === "ECONNREFUSED" || errorCode(error) === "ENOENT") return "dead";
    if (errorCode(error) === "EAGAIN") return { pid: undefined };
    throw error;
  }
  try {
    const [answer] = await once(socket, "data", { signal: AbortSignal.timeout(ANSWER_MS) });
    const pid = Number.parseInt(String(answer), 10);
    return { pid: Number.isSafeInteger(pid) ? pid : undefined };
  } catch {
    // It lives, but is too busy to say who it is.
    return { pid: undefined };
  } finally {
    socket.destroy();
  }
}

async function holderOf(path: string): Promise<number | undefined> {
  const holder = await probe(path);
  return holder === "dead" ? undefined : holder.pid;
}

async function inodeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
