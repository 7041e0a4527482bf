/** The way from an answer to the socket, whatever the answer does: nothing hangs, nothing leaks, the process lives. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import type { Gate } from "../../src/gate/gate.js";
import type { Answer, Incoming } from "../../src/gate/request.js";
import { silentLog } from "../../src/lib/log.js";
import { addressSet } from "../../src/server/addresses.js";
import { Counts } from "../../src/server/clients.js";
import { createHandler, type HandlerDependencies } from "../../src/server/handler.js";
import { DEFAULT_LIMITS } from "../../src/server/limits.js";
import { listenHttp } from "../../src/server/listen.js";
import { Metrics } from "../../src/server/metrics.js";
import { Pace } from "../../src/server/pace.js";
import { answers, Wire } from "./support.js";

const rules = { trustedProxies: addressSet([]), insecureSseFrom: addressSet([]), metricsFrom: addressSet([]) };
const metrics = new Metrics();

/** A listener whose gate is `handle`. */
async function serving(handle: (incoming: Incoming) => Promise<Answer>, parts: Partial<HandlerDependencies> = {}) {
  const gate = { handle } as unknown as Gate;
  const handler = createHandler({
    gate, rules, metrics, pace: new Pace(DEFAULT_LIMITS.pace, () => {}), clients: new Counts(256), log: silentLog, operational: () => assert.fail("not operational"), ...parts,
  });
  const listener = await listenHttp({ host: "127.0.0.1", port: 0 }, handler);
  return { port: Number(new URL(listener.url).port), drain: (ms: number) => listener.drain(ms) };
}

/** A body that counts what is pulled and knows when it was given up. */
function tracked(pieces: number, size = 64 * 1024, fail?: number) {
  const state = { pulled: 0, ended: false };
  const body = (async function* () {
    try {
      for (let at = 0; at < pieces; at += 1) {
        if (at === fail) throw new Error("the stored bytes do not verify");
        state.pulled += 1;
        yield Buffer.alloc(size, 1);
      }
    } finally {
      state.ended = true;
    }
  })();
  return { state, body };
}

const GET = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const ok = (body: Answer["body"], headers: Record<string, string> = {}): Answer => ({ status: 200, headers, body });
const within = async (holds: () => boolean, ms = 2000): Promise<void> => {
  for (const until = Date.now() + ms; !holds() && Date.now() < until; ) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(holds());
};

test("a gate that fails ends the connection, not the process", async () => {
  const server = await serving(() => Promise.reject(new Error("bug")));
  const wire = new Wire(server).write(GET);
  await wire.until((_text, ended) => ended);
  assert.deepEqual([wire.ended, wire.text], [true, ""]);
  await server.drain(100);
});

test("an answer that no header line can carry is a 500, and its body is given up", async () => {
  for (const headers of [{ "x-a": "b\r\nset-cookie: c" }, { "x-a b": "c" }, { "x-a": "\u20ac" }] as Record<string, string>[]) {
    const { state, body } = tracked(3);
    await body.next();
    const server = await serving(async () => ok(body, headers));
    const wire = new Wire(server).write(GET);
    await wire.until((_text, ended) => ended);
    assert.match(wire.text, /^HTTP\/1\.1 500 /);
    assert.ok(!wire.text.includes("set-cookie"));
    assert.ok(state.ended && wire.ended);
    await server.drain(100);
  }
});

test("a body that fails midway breaks the connection before its length is reached", async () => {
  const { body, state } = tracked(4, 1000, 2);
  const server = await serving(async () => ok(body, { "content-length": "4000" }));
  const wire = new Wire(server).write(GET);
  await wire.until((_text, ended) => ended);
  assert.ok(wire.ended && state.ended);
  assert.ok(wire.text.length < 4000);
  await server.drain(100);
});

test("a reader that is slow is waited for; one that goes away gives the body up", async () => {
  const { body, state } = tracked(2000);
  const server = await serving(async () => ok(body, { "content-length": String(2000 * 64 * 1024) }));
  const wire = new Wire(server);
  wire.socket.pause();
  wire.write(GET);
  await within(() => state.pulled > 1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const pulled = state.pulled;
  assert.ok(pulled < 1000, `${pulled} pieces without a reader`);
  wire.close();
  await within(() => state.ended);
  await server.drain(100);
});

test("an answer that did not need a small body waits until it has come, but not for ever", async () => {
  const server = await serving(() => Promise.resolve({ ...ok(Buffer.from("no")), status: 403, headers: { "content-length": "2" } }));
  const post = (length: number): Wire =>
    new Wire(server).write(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\nfirst`);
  const small = post(10);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(small.text, "");
  small.write("later");
  const no = (text: string): boolean => text.endsWith("no");
  assert.ok(no(await small.until(no)));
  // The connection goes on.
  const twice = (text: string): boolean => text.split("403").length === 3;
  assert.ok(twice(await small.write(GET).until(twice)));
  for (const length of [10, 64 * 1024 + 1]) assert.ok(no(await post(length).until(no)), "its body never comes");
  await server.drain(100);
});

test("HEAD and clients that are gone before the answer give the body up", async () => {
  const head = tracked(3);
  await head.body.next();
  const one = await serving(async () => ok(head.body, { "content-length": "5" }));
  const wire = new Wire(one).write("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  await wire.until((text) => text.includes("\r\n\r\n"));
  assert.match(wire.text, /^HTTP\/1\.1 200 [\s\S]*\r\n\r\n$/);
  await within(() => head.state.ended);
  wire.close();
  await one.drain(100);

  const late = tracked(3);
  await late.body.next();
  let aborted = false;
  const two = await serving(async ({ signal }) => {
    await once(signal, "abort");
    aborted = true;
    return ok(late.body);
  });
  const gone = new Wire(two).write(GET);
  await new Promise((resolve) => setTimeout(resolve, 50));
  gone.close();
  await within(() => aborted && late.state.ended);
  await two.drain(100);
});

test("requests that wait behind one whose client goes away never run, and nothing of them stays", async () => {
  let handled = 0;
  const { body, state } = tracked(2000);
  const server = await serving(async () => {
    handled += 1;
    return ok(body, { "content-length": String(2000 * 64 * 1024) });
  });
  const wire = new Wire(server);
  wire.socket.pause();
  wire.write(GET.repeat(10));
  await within(() => state.pulled > 1);
  wire.close();
  await within(() => state.ended);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(handled, 1);
  await server.drain(100);
});

test("a drain lets what is under way end, and waits for work whose client has gone", async () => {
  let release = (): void => {};
  const work = new Promise<void>((resolve) => (release = resolve));
  let done = false;
  const server = await serving(async () => {
    await work;
    done = true;
    return ok(Buffer.from("done"), { "content-length": "4" });
  });
  const stays = new Wire(server).write(GET);
  const leaves = new Wire(server).write(GET);
  await new Promise((resolve) => setTimeout(resolve, 50));
  leaves.close();
  const drained = server.drain(2000).then(() => assert.ok(done, "drained before the work was done"));
  setTimeout(release, 100);
  await drained;
  const [answer] = answers(await stays.answer());
  assert.deepEqual([answer?.status, answer?.headers["connection"], answer?.body], [200, "close", "done"]);
});

test("a promise that fails behind somebody's back is logged, and the process lives", () => {
  const script = `
    import { survivePromises } from "../../src/server/last-resort.js";
    survivePromises({ error: (fields, message) => console.log(message + ": " + fields.err.message) });
    Promise.reject(new Error("nobody listens"));
    setTimeout(() => console.log("alive"), 20);`;
  const cwd = new URL(".", import.meta.url);
  const { stdout, status } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { cwd, encoding: "utf8" });
  assert.deepEqual([status, stdout], [0, "a failure was handled nowhere: nobody listens\nalive\n"]);
});

test("a whole answer that its client does not take counts as a request under way, until it is broken off", async () => {
  const clients = new Counts(1);
  const pace = new Pace({ ...DEFAULT_LIMITS.pace, checkEveryMs: 50, stalledAnswerMs: 1000 }, () => {});
  const overloaded: boolean[] = [];
  const handle = async (incoming: Incoming): Promise<Answer> => {
    overloaded.push(incoming.overloaded === true);
    return ok(incoming.head.target === "/large" ? Buffer.alloc(32 * 1024 * 1024) : Buffer.alloc(1));
  };
  const server = await serving(handle, { clients, pace });
  const slow = new Wire(server);
  slow.socket.once("connect", () => slow.socket.pause());
  slow.write("GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
  await within(() => overloaded.length === 1, 10_000);
  const ask = async (): Promise<void> => {
    const wire = new Wire(server).write(GET);
    await wire.until((text, ended) => ended || text.includes("\r\n\r\n"));
    wire.close();
  };
  await ask();
  assert.deepEqual(overloaded, [false, true]);
  await within(() => clients.addresses === 0, 10_000);
  await ask();
  assert.deepEqual(overloaded, [false, true, false]);
  slow.close();
  pace.stop();
  await server.drain(100);
});

test("work that goes on without its client counts as a request under way", async () => {
  const clients = new Counts(1);
  let finish: (() => void) | undefined;
  const server = await serving(() => new Promise((resolve) => (finish = () => resolve(ok(undefined)))), { clients });
  const wire = new Wire(server).write(GET);
  await within(() => finish !== undefined, 10_000);
  wire.close();
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(clients.addresses, 1);
  finish?.();
  await within(() => clients.addresses === 0, 10_000);
  await server.drain(100);
});
