/** What slow, many and greedy clients meet (attack A.8 no. 38): each limit from both of its sides, over real sockets. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DEFAULT_LIMITS as ROOM_LIMITS } from "../../src/objects/deps.js";
import { loadConfig } from "../../src/server/config.js";
import { DEFAULT_LIMITS, graceMsOf, limitsOf, type ServerLimits } from "../../src/server/limits.js";
import { answers, ask, presigned, request, signerFor, startHere, Wire, type Attacked } from "../server/support.js";

const code = (body: string): string => /<Code>(.*?)<\/Code>/.exec(body)?.[1] ?? "";
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const MIB = 1024 * 1024;

/** The usual limits in a hurry. */
const hurried = (usual: ServerLimits): ServerLimits => ({
  ...usual,
  http: { ...usual.http, headersTimeout: 300, connectionsCheckingInterval: 100, keepAliveTimeout: 400 },
  idleSocketMs: 5000,
  pace: { checkEveryMs: 50, bodyWindowMs: 300, bodyBytesPerWindow: 1000, stalledAnswerMs: 500, longestAnswerMs: 60_000 },
});

describe("slow clients", () => {
  let server: Awaited<ReturnType<typeof startHere>>;
  before(async () => {
    server = await startHere({}, true, hurried);
    assert.equal((await ask(server, request(server, "PUT", "/slow"))).status, 200);
  });
  after(() => server.stop());

  /** Sends a piece every `everyMs` until the connection ends, or for `forMs`. */
  async function drip(wire: Wire, pieceBytes: number, everyMs: number, forMs: number): Promise<void> {
    for (const until = Date.now() + forMs; !wire.ended && Date.now() < until; await pause(everyMs))
      wire.write(Buffer.alloc(pieceBytes, 120));
  }

  test("a head that drips in is cut", async () => {
    const wire = new Wire(server).write("GET /slow/x HTTP/1.1\r\n");
    for (const until = Date.now() + 15_000; !wire.ended && Date.now() < until; await pause(50)) wire.write("x");
    assert.ok(wire.ended);
    assert.match(wire.text, /^(HTTP\/1\.1 408 |$)/);
  });

  test("a body that drips in is told RequestTimeout, leaves nothing, and is in the audit log as such", async () => {
    const whole = request(server, "PUT", "/slow/drip", { body: "x".repeat(200_000) });
    const head = whole.subarray(0, whole.indexOf("\r\n\r\n") + 4);
    const wire = new Wire(server).write(head);
    await drip(wire, 20, 20, 15_000);
    assert.ok(wire.ended, "the connection stays");
    const [answer] = answers(wire.text);
    assert.deepEqual([answer?.status, code(answer?.body ?? "")], [400, "RequestTimeout"]);
    assert.match(answer?.body ?? "", /<Message>Your socket connection to the server was not read from or written to within/);
    const audit = join(server.directory, "data", "audit");
    const written = readdirSync(audit).map((name) => readFileSync(join(audit, name), "utf8"));
    const line =
      written
        .join("")
        .split("\n")
        .find((text) => text.includes('"key":"drip"')) ?? "{}";
    assert.equal(JSON.parse(line).errorCode, "RequestTimeout");
    assert.equal((await ask(server, request(server, "GET", "/slow/drip"))).status, 404);
    assert.deepEqual(
      server.logged.filter((line) => line.includes('"level":"error"')),
      [],
    );
  });

  test("a body that stops, signed in chunks or not, and a document, meet the same", async () => {
    const kms = { signer: signerFor("kms"), headers: { "x-amz-target": "TrentService.Encrypt" } };
    const wires = [
      new Wire(server).write(request(server, "PUT", "/slow/stop", { body: "x".repeat(200_000) }).subarray(0, 60_000)),
      new Wire(server).write(request(server, "PUT", "/slow?policy", { body: "x".repeat(9000) }).subarray(0, 4000)),
      new Wire(server).write(request(server, "POST", "/", { body: "x".repeat(9000), ...kms }).subarray(0, 4000)),
    ];
    for (const wire of wires) {
      await wire.until((_text, ended) => ended, 15_000);
      assert.ok(wire.ended);
      assert.match(wire.text, /^HTTP\/1\.1 400 [^]*RequestTimeout/);
    }
  });

  test("a body just fast enough is taken, however long it takes", async () => {
    const whole = request(server, "PUT", "/slow/steady", { body: "x".repeat(30_000) });
    const from = whole.indexOf("\r\n\r\n") + 4;
    const wire = new Wire(server).write(whole.subarray(0, from));
    // 1000 bytes in 300 ms are asked for; these come at six times that pace, over five windows.
    for (let at = from; at < whole.length; at += 1000) {
      wire.write(whole.subarray(at, at + 1000));
      await pause(50);
    }
    await wire.answer();
    assert.equal(answers(wire.text)[0]?.status, 200, wire.text);
    wire.close();
    assert.equal((await ask(server, request(server, "GET", "/slow/steady"))).body.length, 30_000);
  });

  test("who waits for 100 Continue is not slow", async () => {
    const whole = request(server, "PUT", "/slow/expects", { body: "y".repeat(50_000), unsigned: { expect: "100-continue" } });
    const from = whole.indexOf("\r\n\r\n") + 4;
    const wire = new Wire(server).write(whole.subarray(0, from));
    await wire.until((text) => text.includes("100 Continue"));
    wire.write(whole.subarray(from));
    await wire.until((text) => answers(text).length === 2);
    assert.equal(answers(wire.text)[1]?.status, 200);
    wire.close();
  });

  test("an answer that nobody takes is broken off, and its body given up", async () => {
    const body = Buffer.alloc(24 * MIB, 1);
    assert.equal((await ask(server, request(server, "PUT", "/slow/large", { body }), 20_000)).status, 200);
    const wire = new Wire(server).write(request(server, "GET", "/slow/large"));
    await wire.until((text) => text.length > 0);
    wire.socket.pause();
    await pause(2500);
    wire.socket.resume();
    await wire.until((_text, ended) => ended, 15_000);
    assert.ok(wire.ended);
    assert.ok(wire.text.length < body.length, `${wire.text.length} bytes came`);
    assert.ok(server.logged.some((line) => line.includes("answer broken off: the client does not take it")));
  });

  test("an idle keep-alive connection is closed, one in use is not", async () => {
    const idle = new Wire(server).write("GET /-/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
    await idle.until((_text, ended) => ended, 15_000);
    assert.ok(idle.ended);
    assert.equal(answers(idle.text).length, 1);
    const used = new Wire(server);
    for (let at = 0; at < 10; at += 1) {
      used.write("GET /-/live HTTP/1.1\r\nHost: localhost\r\n\r\n");
      await pause(100);
    }
    assert.equal(answers(used.text).length, 10);
    used.close();
  });
});

describe("a read that outlasts the sweep's grace", () => {
  test("the grace is longer than the longest answer, whatever is configured", () => {
    assert.ok(ROOM_LIMITS.graceMs > DEFAULT_LIMITS.pace.longestAnswerMs);
    for (const minutes of ["1", "55", "600"]) {
      const config = loadConfig({ "longest-answer-minutes": minutes }, {});
      assert.equal(limitsOf(config).pace.longestAnswerMs, Number(minutes) * 60_000);
      assert.ok(graceMsOf(config) >= limitsOf(config).pace.longestAnswerMs + 60_000);
    }
    assert.equal(graceMsOf(loadConfig({}, {})), ROOM_LIMITS.graceMs);
  });

  test("is broken off, though its client takes every byte; a shorter one ends well", async (t) => {
    const pace = { ...DEFAULT_LIMITS.pace, checkEveryMs: 50, longestAnswerMs: 1500 };
    const short = (usual: ServerLimits): ServerLimits => ({ ...usual, pace });
    const server = await startHere({}, false, short);
    t.after(() => server.stop());
    const body = Buffer.alloc(48 * MIB, 1);
    await ask(server, request(server, "PUT", "/long"));
    assert.equal((await ask(server, request(server, "PUT", "/long/x", { body }), 20_000)).status, 200);
    const wire = new Wire(server).write(request(server, "GET", "/long/x"));
    const began = Date.now();
    // Reads a little at a time, all the time.
    while (!server.logged.some((line) => line.includes("longest-answer-minutes")) && Date.now() - began < 5000) {
      wire.socket.resume();
      await pause(2);
      wire.socket.pause();
      await pause(250);
    }
    wire.socket.resume();
    await wire.until((_text, ended) => ended, 15_000);
    assert.ok(wire.ended && wire.text.length < body.length);
    assert.ok(Date.now() - began >= 1400, "too early");
    assert.equal((await ask(server, request(server, "GET", "/long/x", { headers: { range: "bytes=0-99" } }))).body.length, 100);
  });
});

describe("many at once", () => {
  test("requests of one client beyond the limit are told SlowDown in each service's words; nothing of them runs", async (t) => {
    const server = await startHere({ "max-requests-per-client": "3" });
    t.after(() => server.stop());
    await ask(server, request(server, "PUT", "/many"));
    const started = (key: string): Wire =>
      new Wire(server).write(request(server, "PUT", `/many/${key}`, { body: "x".repeat(1000) }).subarray(0, -1));
    const slow = ["1", "2", "3"].map(started);
    await pause(150);
    const s3 = await ask(server, request(server, "PUT", "/many/late", { body: "x" }));
    assert.deepEqual([s3.status, code(s3.body)], [503, "SlowDown"]);
    assert.match(s3.body, /<Message>Please reduce your request rate\.<\/Message>/);
    const listKeys = { body: "{}", signer: signerFor("kms"), headers: { "x-amz-target": "TrentService.ListKeys" } };
    const kms = await ask(server, request(server, "POST", "/", listKeys));
    assert.deepEqual([kms.status, JSON.parse(kms.body).__type], [400, "ThrottlingException"]);
    // Supervisors are answered meanwhile.
    assert.equal((await ask(server, "GET /-/live HTTP/1.1\r\nHost: localhost\r\n\r\n")).status, 200);
    for (const wire of slow) wire.write("x");
    for (const wire of slow) assert.match(await wire.answer(), /^HTTP\/1\.1 200 /);
    for (const wire of slow) wire.close();
    assert.equal((await ask(server, request(server, "GET", "/many/late"))).status, 404);
    // Places are given back, also by those who go away in the middle.
    for (let round = 0; round < 5; round += 1) {
      const gone = ["gone1", "gone2", "gone3"].map(started);
      await pause(60);
      for (const wire of gone) wire.close();
      await pause(60);
    }
    assert.equal((await ask(server, request(server, "GET", "/many/1"))).status, 200);
  });

  test("a trusted proxy's clients count each for itself, a stranger's claim to be many does not help it", async (t) => {
    const from = (address: string) => ({ unsigned: { "x-forwarded-for": address } });
    const held = (server: Attacked, address: string, at: number): Wire =>
      new Wire(server).write(request(server, "PUT", `/proxied/${at}`, { body: "xx", ...from(address) }).subarray(0, -1));
    for (const [flags, expected] of [
      [{ "trusted-proxies": "127.0.0.1/32" }, 200],
      [{}, 503],
    ] as const) {
      const server = await startHere({ ...flags, "max-requests-per-client": "2" });
      t.after(() => server.stop());
      await ask(server, request(server, "PUT", "/proxied"));
      const wires = [held(server, "192.0.2.1", 1), held(server, "192.0.2.1", 2)];
      await pause(150);
      const other = await ask(server, request(server, "GET", "/proxied?list-type=2", from("192.0.2.2")));
      assert.equal(other.status, expected);
      const same = await ask(server, request(server, "GET", "/proxied?list-type=2", from("192.0.2.1")));
      assert.equal(same.status, 503);
      for (const wire of wires) wire.close();
    }
  });

  test("one peer holds half of the connections at most; closed ones are free again", async (t) => {
    const server = await startHere({ "max-connections": "10" });
    t.after(() => server.stop());
    const live = "GET /-/live HTTP/1.1\r\nHost: localhost\r\n\r\n";
    const wires: Wire[] = [];
    for (let at = 0; at < 8; at += 1) {
      wires.push(new Wire(server).write(live));
      await pause(30);
    }
    await pause(100);
    assert.equal(wires.filter((wire) => answers(wire.text).length === 1 && !wire.ended).length, 5);
    assert.equal(wires.filter((wire) => wire.ended && wire.text === "").length, 3);
    assert.ok(server.logged.some((line) => line.includes("half of --max-connections")));
    for (const wire of wires) wire.close();
    await pause(100);
    assert.equal((await ask(server, live)).status, 200);
  });

  test("requests sent behind an answer that closes the connection are not begun, and hold no place", async (t) => {
    const server = await startHere({ "max-requests-per-client": "2" });
    t.after(() => server.stop());
    await ask(server, request(server, "PUT", "/closed"));
    await ask(server, request(server, "PUT", "/closed/kept", { body: "x" }));
    for (let round = 0; round < 3; round += 1) {
      // Nothing asks for the body that is announced: the answer closes the connection.
      const closing = request(server, "GET", "/closed", { unsigned: { expect: "100-continue" } });
      const wire = new Wire(server).write(Buffer.concat([closing, request(server, "DELETE", "/closed/kept")]));
      await wire.until((_text, ended) => ended);
      assert.deepEqual(answers(wire.text).map(({ status }) => status), [200]);
      await pause(60);
    }
    const held = new Wire(server).write(request(server, "PUT", "/closed/held", { body: "xx" }).subarray(0, -1));
    await pause(100);
    assert.equal((await ask(server, request(server, "GET", "/closed/kept"))).status, 200);
    held.close();
  });
});

describe("a flood of connections", () => {
  test("idle connections, half-sent heads and half-sent bodies cost little and go away", async (t) => {
    const server = await startHere({ "max-connections": "2000", "max-requests-per-client": "1000" }, false, hurried);
    t.after(() => server.stop());
    await ask(server, request(server, "PUT", "/flood"));
    const heap = (): number => process.memoryUsage().heapUsed + process.memoryUsage().external;
    const before = heap();
    const wires = Array.from({ length: 600 }, (_, at) => {
      const wire = new Wire(server);
      if (at % 3 === 1) wire.write("GET / HTTP/1.1\r\nHost: localhost\r\nX-A: ");
      if (at % 3 === 2) wire.write(request(server, "PUT", `/flood/${at}`, { body: "x".repeat(1000) }).subarray(0, -1));
      return wire;
    });
    await pause(200);
    // The client's end of each is in this process too.
    assert.ok(heap() - before < 128 * MIB, `${heap() - before} bytes`);
    const target = presigned(server, "GET", "/flood?list-type=2");
    for (const until = Date.now() + 30_000; wires.some((wire) => !wire.ended) && Date.now() < until;) await pause(50);
    assert.equal(wires.filter((wire) => !wire.ended).length, 0);
    assert.equal((await ask(server, `GET ${target} HTTP/1.1\r\nHost: ${server.host}\r\n\r\n`)).status, 200);
  });
});
