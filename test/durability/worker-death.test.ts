/** A worker that dies takes no client with it: connections that it was to take end, and the next ones are served. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { KillableServer } from "./killable.js";
import { callService } from "./registers.js";

const WITHIN_MS = 15_000;

test("a connection handed to a worker that died before it took it is closed, not left waiting", async () => {
  const directory = mkdtempSync(join(tmpdir(), "coffer-untaken-"));
  const server = new KillableServer({ directory, workers: 2 });
  try {
    const client = await server.ready();
    // The first one listens by now. Stopped, it takes nothing, and is handed connections still.
    const stopped = server.worker(0);
    process.kill(stopped, "SIGSTOP");
    const asked: Promise<string>[] = [];
    let answered = 0;
    // Until some are answered: then another worker listens as well, and its turns are every second ones.
    for (let tries = 0; tries < 150 && answered < 3; tries++) {
      const ask = callService(client, "s3", "ListBuckets", {});
      asked.push(ask.then(() => (answered++, "answered"), () => "closed"));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    process.kill(stopped, "SIGKILL");
    const late = new Promise<string[]>((resolve) => setTimeout(resolve, WITHIN_MS, ["some wait for ever"]).unref());
    const ends = await Promise.race([Promise.all(asked), late]);
    assert.ok(ends.includes("closed") && ends.every((end) => end === "closed" || end === "answered"), ends.join(" "));
    assert.ok("Buckets" in (await callService(client, "s3", "ListBuckets", {})));
  } finally {
    await server.kill();
    rmSync(directory, { recursive: true, force: true });
  }
});
