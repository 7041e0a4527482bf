/**
 * The floor: what a bare `node:http` cluster costs that takes the same requests and does the same I/O as Coffer, with
 * neither its code nor any cryptography. No signature is read, nothing is sealed, no policy asked, no audit line written.
 *
 * Up to 64 KiB a body is an LMDB value under its path (written in groups, durable before the answer), above it is a file
 * (pieces from a pool: of 1 MiB, two reads in flight; of 256 KiB, one write in flight; fdatasync). A listing reads 1000 rows
 * of a range, or, with a delimiter, seeks 1000 times. `floor.js DIRECTORY WORKERS`.
 */
import cluster from "node:cluster";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { mkdirSync } from "node:fs";
import { open as openFile, unlink, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { open, type Database, type RootDatabase } from "lmdb";

const INLINE_BYTES = 64 * 1024;
const PIECE_BYTES = 1024 * 1024;
const WRITE_BYTES = 256 * 1024;
const MAP_BYTES = 256 * 1024 ** 3;
const LIST_ROWS = 1000;
const [, , directory = "", workers = "1"] = process.argv;

type Rows = Database<Buffer, Buffer>;
let rows: Rows;
/** Names of the files of what is too large for a row. */
let files: Rows;
let environment: RootDatabase;
let fileNumber = 0;
const free: Buffer[] = [];
const freeForWrites: Buffer[] = [];
const takeBuffer = (): Buffer => free.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);

function serve(): void {
  environment = open({
    path: join(directory, "rows"),
    noSubdir: false,
    mapSize: MAP_BYTES,
    maxDbs: 4,
    overlappingSync: false,
    eventTurnBatching: false,
    keyEncoding: "binary",
    encoding: "binary",
  });
  rows = environment.openDB<Buffer, Buffer>({ name: "rows", keyEncoding: "binary", encoding: "binary" });
  files = environment.openDB<Buffer, Buffer>({ name: "files", keyEncoding: "binary", encoding: "binary" });
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      response.destroy();
    });
  });
  server.listen(0, "127.0.0.1");
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = "", query = ""] = (request.url ?? "").split("?");
  const key = Buffer.from(path, "latin1");
  switch (request.method) {
    case "GET":
      return query.startsWith("list-type") ? list(path, query, response) : get(key, response);
    case "HEAD": {
      environment.resetReadTxn();
      const found = rows.getBinary(key);
      response.writeHead(found === undefined ? 404 : 200, { "content-length": found?.length ?? 0 }).end();
      return;
    }
    case "PUT":
      await put(key, request);
      response.writeHead(200, { "content-length": 0 }).end();
      return;
    case "DELETE":
      await commit(() => void rows.removeSync(key));
      response.writeHead(204).end();
      return;
    default: {
      const { bytes } = await readSmall(request);
      if (path === "/-/fill") return fill(bytes, response);
      // A KMS call reads its key.
      environment.resetReadTxn();
      const found = rows.getBinary(key) ?? bytes;
      response.writeHead(200, { "content-length": found.length }).end(found);
    }
  }
}

async function get(key: Buffer, response: ServerResponse): Promise<void> {
  environment.resetReadTxn();
  const found = rows.getBinary(key);
  if (found !== undefined) {
    response.writeHead(200, { "content-length": found.length }).end(found);
    return;
  }
  const name = files.getBinary(key)?.toString("latin1");
  if (name === undefined) {
    response.writeHead(404, { "content-length": 0 }).end();
    return;
  }
  const handle = await openFile(join(directory, "files", name), "r");
  try {
    const { size } = await handle.stat();
    response.writeHead(200, { "content-length": size });
    await sendFile(handle, size, response);
    response.end();
  } finally {
    await handle.close();
  }
}

async function sendFile(handle: FileHandle, size: number, response: ServerResponse): Promise<void> {
  const reads: Promise<Buffer>[] = [];
  let next = 0;
  const readAhead = (): void => {
    for (; reads.length < 2 && next < size; next += PIECE_BYTES) reads.push(readPiece(handle, next, size));
  };
  readAhead();
  for (let read = reads[0]; read !== undefined; read = reads[0]) {
    const piece = await read;
    reads.shift();
    readAhead();
    await taken(piece, response);
    if (response.destroyed) break;
    if (piece.buffer.byteLength === PIECE_BYTES) free.push(Buffer.from(piece.buffer));
  }
}

/** Until the kernel has the piece, or the client is gone. */
function taken(piece: Buffer, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("close", done);
      resolve();
    };
    response.on("close", done);
    response.write(piece, done);
  });
}

async function readPiece(handle: FileHandle, at: number, size: number): Promise<Buffer> {
  const buffer = takeBuffer();
  const length = Math.min(PIECE_BYTES, size - at);
  const { bytesRead } = await handle.read(buffer, 0, length, at);
  if (bytesRead !== length) throw new Error("a short read");
  return buffer.subarray(0, length);
}

async function put(key: Buffer, request: IncomingMessage): Promise<void> {
  const { bytes, rest } = await readSmall(request);
  if (rest === undefined) return commit(() => void rows.putSync(key, bytes));
  const name = `${process.pid}-${fileNumber++}`;
  const handle = await openFile(join(directory, "files", name), "wx");
  try {
    await writeFile(handle, bytes, rest);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  let replaced: string | undefined;
  await commit(() => {
    replaced = files.getBinary(key)?.toString("latin1");
    files.putSync(key, Buffer.from(name));
  });
  if (replaced !== undefined) await unlink(join(directory, "files", replaced));
}

/** The body, if it is small; otherwise what came of it and the rest. */
async function readSmall(request: IncomingMessage): Promise<{ bytes: Buffer; rest?: AsyncIterator<Buffer> }> {
  const pieces: Buffer[] = [];
  let size = 0;
  const iterator = (request as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  for (;;) {
    const next = await iterator.next();
    if (next.done === true) return { bytes: Buffer.concat(pieces) };
    pieces.push(next.value);
    size += next.value.length;
    if (size > INLINE_BYTES) return { bytes: Buffer.concat(pieces), rest: iterator };
  }
}

/** Gathers a piece while the one before is being written. */
async function writeFile(handle: FileHandle, first: Buffer, rest: AsyncIterator<Buffer>): Promise<void> {
  const take = (): Buffer => freeForWrites.pop() ?? Buffer.allocUnsafeSlow(WRITE_BYTES);
  let [gathering, writing] = [take(), take()];
  let gathered = 0;
  let position = 0;
  let inFlight: Promise<unknown> = Promise.resolve();
  const flush = async (): Promise<void> => {
    await inFlight;
    [gathering, writing] = [writing, gathering];
    inFlight = handle.write(writing, 0, gathered, position);
    position += gathered;
    gathered = 0;
  };
  for (let piece: Buffer | undefined = first; piece !== undefined; ) {
    for (let at = 0; at < piece.length; ) {
      const taken = piece.copy(gathering, gathered, at);
      gathered += taken;
      at += taken;
      if (gathered === WRITE_BYTES) await flush();
    }
    const next: IteratorResult<Buffer> = await rest.next();
    piece = next.done === true ? undefined : next.value;
  }
  await flush();
  await inFlight;
  freeForWrites.push(gathering, writing);
}

interface Waiting {
  readonly apply: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}
let waiting: Waiting[] = [];
let committing = false;

/** Whatever waits while one transaction becomes durable is the next one. */
function commit(apply: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    waiting.push({ apply, resolve, reject });
    if (!committing) void commitAll();
  });
}

async function commitAll(): Promise<void> {
  committing = true;
  await Promise.resolve();
  while (waiting.length > 0) {
    const group = waiting;
    waiting = [];
    try {
      await environment.childTransaction(() => group.forEach(({ apply }) => apply()));
      for (const { resolve } of group) resolve();
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  }
  committing = false;
}

/** Rows come back as they are, one after another: as many bytes as were put there to stand for an entry of the answer. */
function list(path: string, query: string, response: ServerResponse): void {
  const parameters = new URLSearchParams(query);
  const after = `${path}/${parameters.get("start-after") ?? ""}`;
  const end = Buffer.from(`${path}0`, "latin1");
  environment.resetReadTxn();
  const found: Buffer[] = [];
  if (parameters.get("delimiter") === null) {
    const start = Buffer.from(`${after}\x01`, "latin1");
    for (const { value } of rows.getRange({ start, end, limit: LIST_ROWS })) found.push(value);
  } else {
    let start = Buffer.from(`${after}\x01`, "latin1");
    while (found.length < LIST_ROWS) {
      const [entry] = [...rows.getRange({ start, end, limit: 1 })];
      if (entry === undefined) break;
      const prefix = entry.key.toString("latin1").slice(path.length + 1).split("/")[0] ?? "";
      found.push(Buffer.from(`<CommonPrefixes><Prefix>${prefix}/</Prefix></CommonPrefixes>`));
      start = Buffer.from(`${path}/${prefix}0`, "latin1");
    }
  }
  environment.resetReadTxn();
  const body = Buffer.concat(found);
  response.writeHead(200, { "content-length": body.length }).end(body);
}

/** `{ path, keys, bytes }`: puts many small rows at once. */
async function fill(instruction: Buffer, response: ServerResponse): Promise<void> {
  const { path, keys, bytes } = JSON.parse(instruction.toString("utf8")) as { path: string; keys: string[]; bytes: number };
  await commit(() => {
    for (const key of keys) rows.putSync(Buffer.from(`${path}/${key}`, "latin1"), Buffer.alloc(bytes, key));
  });
  response.writeHead(200, { "content-length": 0 }).end();
}

if (cluster.isPrimary) {
  mkdirSync(join(directory, "files"), { recursive: true });
  for (let started = 0; started < Number(workers); started++) cluster.fork();
  let listening = 0;
  cluster.on("listening", (_worker, address) => {
    listening++;
    if (listening === Number(workers)) process.stdout.write(`Floor is ready: http://127.0.0.1:${address.port}\n`);
  });
  process.on("SIGINT", () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill("SIGKILL");
    process.exit(0);
  });
} else {
  serve();
}
