/** The benchmark's clients must not overlook a wrong answer: each is given a server that lies in one way. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { WrongAnswer, type Load, type Measured } from "../../bench/load.js";
import type { Subject } from "../../bench/server.js";
import { runSockets } from "../../bench/sockets.js";
import { hasWrk, runWrk } from "../../bench/wrk.js";

const BODIES = [Buffer.alloc(5000, "a"), Buffer.alloc(5000, "b")];
const HEADS = ["/0", "/1"].map((path) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
const RIGHT: Load = { heads: HEADS, body: Buffer.alloc(0), concurrency: 2, seconds: 1, status: 200, bodies: BODIES };

type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;
type Client = (subject: Subject, load: Load) => Promise<Measured>;

const right: Answer = (_request, response, body) => void response.end(body);
const flipped: Answer = (_request, response, body) => {
  const wrong = Buffer.from(body);
  wrong[wrong.length - 1] = 0;
  response.end(wrong);
};
const shorter: Answer = (_request, response, body) => void response.end(body.subarray(1));
const refusing: Answer = (_request, response, body) => void response.writeHead(503, { "content-length": body.length }).end(body);
const breaking: Answer = (_request, response) => void response.destroy();
const LIES: readonly (readonly [string, Answer])[] = [
  ["one byte is another", flipped],
  ["a byte is missing", shorter],
  ["the status is another", refusing],
  ["the connection breaks", breaking],
];

async function against(answer: Answer, client: Client, load: Load): Promise<Measured> {
  const directory = mkdtempSync(join(tmpdir(), "coffer-bench-test-"));
  const server = createServer((request, response) => {
    const body = BODIES[request.url === "/1" ? 1 : 0] ?? Buffer.alloc(0);
    response.setHeader("content-length", body.length);
    request.resume().on("end", () => {
      if (answer === shorter) response.setHeader("content-length", body.length - 1);
      answer(request, response, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await client({ port, directory, url: `http://127.0.0.1:${port}` } as Subject, load);
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

const CLIENTS: readonly (readonly [string, Client, string | false])[] = [
  ["sockets", runSockets, false],
  ["wrk", runWrk, hasWrk() ? false : "no wrk to run"],
];

// wrk knows whole seconds only: side by side they take one or two.
describe("clients of the benchmark", { concurrency: 20 }, () => {
  for (const [name, client, skip] of CLIENTS) {
    test(`${name}: right answers are counted`, { skip }, async () => {
      const { operations, p50Ms, p99Ms } = await against(right, client, RIGHT);
      assert.ok(operations > 0);
      assert.ok(p50Ms > 0 && p99Ms >= p50Ms);
    });
    for (const [lie, answer] of LIES) {
      test(`${name}: the run fails when ${lie}`, { skip }, async () => {
        await assert.rejects(against(answer, client, RIGHT), WrongAnswer);
      });
    }
    test(`${name}: the run fails when the body has not the form it must have`, { skip }, async () => {
      const { bodies: _bodies, ...load } = RIGHT;
      await assert.rejects(against(right, client, { ...load, pattern: "[0-9]+" }), WrongAnswer);
      assert.ok((await against(right, client, { ...load, pattern: "[ab]+" })).operations > 0);
    });
  }

  test("sockets: another request's body is wrong, right as it may be elsewhere", async () => {
    const { heads } = RIGHT;
    await assert.rejects(against(right, runSockets, { ...RIGHT, heads: [...heads].reverse() }), WrongAnswer);
  });

  test("sockets: with `once` each request is sent once", async () => {
    const heads = Array.from({ length: 51 }, () => HEADS[0] ?? "");
    const load: Load = { ...RIGHT, heads, once: true, seconds: 10, bodies: BODIES.slice(0, 1) };
    assert.equal((await against(right, runSockets, load)).operations, 51);
  });
});
