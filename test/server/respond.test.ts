/** Streams to sockets: exact under back-pressure, bounded for clients that do not read, ended when they go. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer, type Server as SecureServer } from "node:https";
import { connect, type AddressInfo, type Socket } from "node:net";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectSecurely } from "node:tls";
import { DAY_MS } from "../../src/lib/clock.js";
import { newKeyPair, writeCertificate } from "../../src/server/certificate.js";
import { respond } from "../../src/server/respond.js";

const MIB = 1024 * 1024;
const PIECE = 64 * 1024;
const PIECES = 1024;

const piece = (index: number): Buffer => Buffer.alloc(PIECE, `${index}.`);

interface Served {
  readonly socket: Socket;
  /** Pieces that were asked for. */
  pulled(): number;
  /** Has the generator been released? */
  released(): boolean;
}

const servers: (Server | SecureServer)[] = [];
after(() => servers.forEach((server) => server.closeAllConnections()));

function credentials(): { key: string | Buffer; cert: string } {
  const { publicKey, privateKey } = newKeyPair();
  const notBeforeMs = Date.now() - DAY_MS;
  const cert = writeCertificate({
    subject: "h", publicKey, issuer: "h", signingKey: privateKey, notBeforeMs, notAfterMs: notBeforeMs + 2 * DAY_MS,
    use: { ca: false, names: ["127.0.0.1"] },
  });
  return { key: privateKey.export({ type: "pkcs8", format: "pem" }), cert };
}

/** One GET of `PIECES` pieces over a raw socket, which is paused. */
async function serve({ secure = false, done }: { secure?: boolean; done?: (piece: Uint8Array) => void } = {}): Promise<Served> {
  let pulled = 0;
  let released = false;
  async function* body(): AsyncGenerator<Buffer> {
    try {
      for (; pulled < PIECES; ) yield piece(pulled++);
    } finally {
      released = true;
    }
  }
  const listener: RequestListener = (request, response) => {
    const answer = { status: 200, headers: { "content-length": String(PIECES * PIECE) } };
    void respond(request, response, { ...answer, body: Object.assign(body(), done === undefined ? {} : { done }) }, false);
  };
  const server = secure ? createSecureServer(credentials(), listener) : createServer(listener);
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const socket = secure ? connectSecurely({ port, host: "127.0.0.1", rejectUnauthorized: false }) : connect(port, "127.0.0.1");
  await once(socket, secure ? "secureConnect" : "connect");
  socket.pause();
  socket.write("GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
  socket.once("close", () => server.close());
  return { socket, pulled: () => pulled, released: () => released };
}

/** Until no more is pulled. */
async function settled(served: Served): Promise<number> {
  for (let before = -1; before !== served.pulled(); ) {
    before = served.pulled();
    await delay(200);
  }
  return served.pulled();
}

/** Reads the whole answer, and compares each byte. */
async function readAll(served: Served): Promise<void> {
  const hash = createHash("sha256");
  let bytes = 0;
  let head = Buffer.alloc(0);
  for await (const data of served.socket as AsyncIterable<Buffer>) {
    let rest = data;
    if (head.indexOf("\r\n\r\n") < 0) {
      head = Buffer.concat([head, data]);
      const end = head.indexOf("\r\n\r\n");
      rest = end < 0 ? Buffer.alloc(0) : head.subarray(end + 4);
    }
    hash.update(rest);
    bytes += rest.length;
  }
  const expected = createHash("sha256");
  for (let index = 0; index < PIECES; index++) expected.update(piece(index));
  assert.equal(bytes, PIECES * PIECE);
  assert.equal(hash.digest("hex"), expected.digest("hex"));
  assert.equal(served.released(), true);
}

test("a client that does not read holds a megabyte or so of the process, and gets every byte once it does", async () => {
  const served = await serve();
  // Besides what waits in the process, the kernel holds what both sockets' buffers take: several MiB on Linux.
  assert.ok((await settled(served)) * PIECE < 24 * MIB, `${served.pulled()} pieces pulled`);
  await readAll(served);
});

for (const secure of [false, true]) {
  test(`${secure ? "https" : "http"}: a piece is given back once, when what becomes of its memory does not matter`, async () => {
    const given = new Set<Uint8Array>();
    const served = await serve({
      secure,
      done(bytes) {
        assert.ok(!given.has(bytes), "given back twice");
        given.add(bytes);
        bytes.fill(0xff);
      },
    });
    const pulled = await settled(served);
    assert.ok(given.size < pulled, "what waits in the process is not given back");
    await readAll(served);
    assert.equal(given.size, PIECES);
  });
}

test("a client that goes away while the answer waits for it ends the body", async () => {
  const served = await serve();
  await settled(served);
  served.socket.destroy();
  for (let tries = 0; !served.released() && tries < 100; tries++) await delay(20);
  assert.equal(served.released(), true);
  assert.ok(served.pulled() < PIECES);
});
