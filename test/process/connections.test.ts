/** More connections than `--max-connections`, at several workers: each that is too many is closed at once, by whoever gets it. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { startServer } from "../e2e/server.js";
import { withServer } from "./support.js";

const PEERS = 20;
const OF_EACH = 2;

test("with all workers full, connections are refused, and their places are given back", async () => {
  const flags = ["--workers", "2", "--max-connections", "4", "--tls-listen", "127.0.0.1:0"];
  await withServer(startServer({ disk: true, flags }), async (server) => {
    const port = Number(new URL(server.httpUrl).port);
    let closed = 0;
    const open = (localAddress: string) =>
      connect({ host: "127.0.0.1", port, localAddress }).on("error", () => {}).on("close", () => (closed += 1)).resume();
    // Each from an address of its own: none has too many for itself.
    const sockets = Array.from({ length: PEERS * OF_EACH }, (_, at) => open(`127.0.1.${1 + (at % PEERS)}`));
    const held = (): number => sockets.length - closed;
    for (const until = Date.now() + 10_000; held() > 8 && Date.now() < until;) await pause(20);
    // The second worker may not have been there yet.
    assert.ok(held() >= 4 && held() <= 8, `two workers hold four each; ${held()} are open`);
    assert.match(server.stdout() + server.stderr(), /connection refused: as many as --max-connections are open/);
    for (const socket of sockets) socket.destroy();
    await pause(300);
    assert.equal((await fetch(`${server.httpUrl}/-/live`)).status, 200);
  });
});
