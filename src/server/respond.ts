/**
 * Writes an answer to a socket: back-pressure, broken streams, and request bodies that nobody read. A body that fails
 * midway breaks the connection, so that no client takes a part for the whole.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Answer, StreamedBody } from "../gate/request.js";

const UNREAD_GRACE_MS = 5000;
/** A declared body of at most this is waited for before an answer that did not need it, so long and no longer. */
const SMALL_BODY_BYTES = 64 * 1024;
const SMALL_BODY_MS = 500;
/**
 * What may wait in the process for one client. Pieces that are at hand together go out with one system call, where Node's
 * own mark (16 KiB) would have each of them wait for the one before.
 */
const WINDOW_BYTES = 1024 * 1024;

/** @throws what the answer's body throws; the connection is broken then */
export async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  continueUnsent: boolean,
): Promise<void> {
  if (!continueUnsent && isSmallRest(request)) await takeRest(request);
  // Gone, or answered already: the body was too slow.
  if (response.destroyed || response.headersSent) return discard(answer);
  closeAfterUnreadBody(request, response, continueUnsent);
  const { body } = answer;
  try {
    response.writeHead(answer.status, answer.headers);
  } catch (error) {
    // A header that HTTP cannot carry: our fault, and nothing of this answer has left yet.
    await discard(answer);
    response.writeHead(500, { connection: "close", "content-length": "0" }).end();
    throw error;
  }
  if (body === undefined || request.method === "HEAD") {
    response.end();
    return discard(answer);
  }
  if (body instanceof Uint8Array) {
    response.end(body);
    return;
  }
  try {
    await writeAll(response, body);
  } catch (error) {
    // The client went away while a piece was awaited: the body says so, and there is nobody to tell.
    if (response.destroyed && isAbort(error)) return;
    response.destroy();
    throw error;
  }
}

async function writeAll(response: ServerResponse, body: StreamedBody): Promise<void> {
  for await (const piece of body) {
    if (response.destroyed) return;
    // INVARIANT: called when libuv is through with the piece: the kernel has the bytes, TLS a copy, or the connection is closed
    // and nothing is written any more. Given back before, its memory would leave with what others have written into it.
    response.write(piece, (error) => {
      if (error === null || error === undefined) body.done?.(piece);
    });
    if (response.writableLength >= WINDOW_BYTES) await writable(response);
  }
  response.end();
}

const isAbort = (error: unknown): boolean => error instanceof DOMException && error.name === "AbortError";

/** Does little of the request's body remain to come? */
const isSmallRest = (request: IncomingMessage): boolean =>
  !request.complete && Number(request.headers["content-length"] ?? Number.NaN) <= SMALL_BODY_BYTES;

/**
 * Until the rest of the body has come, unread. Clients that write a small body in pieces (forms by `fetch`) take an answer
 * before its end for a broken connection.
 */
function takeRest(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      request.off("end", done).off("close", done).off("error", done);
      resolve();
    };
    const timer = setTimeout(done, SMALL_BODY_MS);
    request.on("end", done).on("close", done).on("error", done);
    request.resume();
  });
}

/** Until the socket has taken all that waits, or is gone. */
function writable(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done).off("close", done);
      resolve();
    };
    response.on("drain", done).on("close", done);
  });
}

/** Lets a stream that nobody will read release what it holds. */
async function discard({ body }: Answer): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) return;
  await body[Symbol.asyncIterator]().return?.(undefined);
}

/**
 * An answer before the end of the request body: the connection is not reused. A client that waits for `100 Continue`
 * and gets a final status may go on with the next request, which would be taken for the body.
 */
function closeAfterUnreadBody(request: IncomingMessage, response: ServerResponse, continueUnsent: boolean): void {
  if (continueUnsent) response.setHeader("connection", "close");
  if (request.complete || request.headers["content-length"] === "0") return;
  if (request.headers["content-length"] === undefined && request.headers["transfer-encoding"] === undefined) return;
  response.once("finish", () => {
    if (request.complete) return;
    request.resume();
    const timer = setTimeout(() => request.socket.destroy(), UNREAD_GRACE_MS);
    timer.unref();
    request.once("end", () => clearTimeout(timer));
  });
}
