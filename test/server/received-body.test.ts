/** A request's body, whether it was here before it was asked for or not: every byte, an end, and no end where it broke off. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ReceivedBody } from "../../src/server/received-body.js";

type Seen = { readonly pieces: readonly Buffer[] } | { readonly error: unknown };

async function read(request: IncomingMessage): Promise<Seen> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of new ReceivedBody(request).iterator({ destroyOnReturn: false })) pieces.push(piece);
    return { pieces };
  } catch (error) {
    return { error };
  }
}

/** @param writes to the socket, one after the other; `end` closes it */
async function seenBy(
  handler: (request: IncomingMessage, response: ServerResponse) => Promise<Seen>,
  writes: (socket: Socket) => Promise<void>,
): Promise<Seen> {
  let seen: Seen | undefined;
  const server = createServer((request, response) => {
    void handler(request, response).then((found) => {
      seen = found;
      response.end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  try {
    await once(socket, "connect");
    await writes(socket);
    while (seen === undefined) await sleep(2);
    return seen;
  } finally {
    socket.destroy();
    server.closeAllConnections();
    server.close();
  }
}

const HEAD = "PUT / HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\n";
const textOf = (seen: Seen): string => ("pieces" in seen ? Buffer.concat(seen.pieces).toString() : String(seen.error));
const later = async (request: IncomingMessage): Promise<Seen> => (await sleep(50), read(request));

test("a body that is here whole comes in one piece, and the connection serves the next request", async () => {
  let rounds = 0;
  const seen = await seenBy(
    async (request, response) => {
      rounds += 1;
      const found = await later(request);
      if (rounds === 2) return found;
      response.end();
      return new Promise(() => {});
    },
    async (socket) => {
      socket.write(`${HEAD}0123456789`);
      await once(socket, "data");
      socket.write(`${HEAD}abcdefghij`);
    },
  );
  assert.equal(textOf(seen), "abcdefghij");
  assert.equal("pieces" in seen && seen.pieces.length, 1);
});

test("a body that comes in its own time is read to its end", async () => {
  const seen = await seenBy(read, async (socket) => {
    socket.write(`${HEAD}01234`);
    await sleep(30);
    socket.write("56789");
  });
  assert.equal(textOf(seen), "0123456789");
});

test("no body is no piece", async () => {
  assert.deepEqual(await seenBy(later, async (socket) => void socket.write("GET / HTTP/1.1\r\nhost: h\r\n\r\n")), { pieces: [] });
});

test("a body that breaks off is an error, however late it is asked for", async () => {
  for (const reader of [read, later]) {
    const seen = await seenBy(reader, async (socket) => {
      socket.write(`${HEAD}01234`);
      await sleep(10);
      socket.end();
      await sleep(10);
      socket.destroy();
    });
    assert.ok("error" in seen, textOf(seen));
  }
});
