/**
 * Every operation while its files fail, at one file operation after the other: the answer is an error, what was
 * acknowledged is there and whole, also after the store is opened again, and what failed leaves nothing behind the sweep.
 * A sample of the steps here; all of them with `npm run soak -- faults`.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { KeyFileProblem } from "../../src/keys/key-file.js";
import { compileFaults, faultEnvironment } from "./file-faults.js";
import { House } from "./house.js";
import type { Plan, Report } from "./run.js";

const directory = mkdtempSync(join(tmpdir(), "coffer-faults-"));
after(() => rmSync(directory, { recursive: true, force: true }));
const compiled = compileFaults(directory);
const options = { skip: "reason" in compiled ? compiled.reason : false, concurrency: 2 };
const everyStep = process.env["COFFER_TEST_LONG"] === "1";
const LONGEST_MS = everyStep ? 900_000 : 120_000;

/** Runs a program of this directory under the library. */
async function runUnderFaults(program: string, place: string, words: readonly string[]) {
  if (!("library" in compiled)) throw new Error(compiled.reason);
  const control = `${place}.control`;
  const env = { ...process.env, NODE_OPTIONS: "", ...faultEnvironment(compiled.library, control) };
  const path = fileURLToPath(new URL(program, import.meta.url));
  const child = spawn(process.execPath, [path, place, control, ...words], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: LONGEST_MS,
    killSignal: "SIGKILL",
  });
  let output = "";
  let errors = "";
  child.stdout.on("data", (piece: Buffer) => (output += piece.toString("utf8")));
  child.stderr.on("data", (piece: Buffer) => (errors = (errors + piece.toString("utf8")).slice(-4000)));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output, errors };
}

async function underFaults(plan: Plan, name: string): Promise<Report> {
  const { code, output, errors } = await runUnderFaults("run.js", join(directory, name), [JSON.stringify(plan)]);
  assert.equal(code, 0, errors);
  const line = output.split("\n").find((text) => text.startsWith('{"steps"'));
  return JSON.parse(line ?? "null") as Report;
}

/** Every so many steps are taken, by fault. */
const SAMPLES: Readonly<Record<string, Plan>> = {
  "a write, sync, open, rename or truncation that fails with EIO": { faults: ["write EIO"], stride: 6 },
  "a disk that is full from one step on (ENOSPC)": { faults: ["disk full"], stride: 9 },
  "a write of which half is done (torn), or said to be half done (short)": { faults: ["torn write", "short write"], stride: 12 },
  "no more open files (EMFILE); reads that fail, are short, or give other bytes": {
    faults: ["no more files", "read EIO", "short read", "garbled read"],
    stride: 2,
  },
};

test("files that fail under every operation", options, async (suite) => {
  const parts = Object.entries(SAMPLES).map(([title, plan], index) =>
    suite.test(title, async (context) => {
      const { steps, refused, problems } = await underFaults(everyStep ? { ...plan, stride: 1 } : plan, `run${index}`);
      context.diagnostic(`${steps} steps, ${refused} refused`);
      assert.deepEqual(problems, []);
      assert.ok(refused >= 5, "faults were met");
    }),
  );
  await Promise.all(parts);
});

interface Started {
  readonly answer: string;
  readonly hits: number;
  readonly call: string;
}

/** One start under the fault; undefined: the process died without a word. */
async function startUnderFault(place: string, nth: number): Promise<Started | undefined> {
  const { code, output } = await runUnderFaults("start.js", place, [String(nth)]);
  const line = output.split("\n").find((text) => text.startsWith('{"answer"'));
  return code !== 0 || line === undefined ? undefined : (JSON.parse(line) as Started);
}

/** Steps of a start to fail at; the last hundreds are the directories of blobs, one like the other. */
const STARTS = everyStep
  ? [...Array.from({ length: 45 }, (_, n) => n + 1), 60, 100, 150, 250, 400, 550]
  : [6, 13, 20, 25, 33, 60];

for (const kept of [false, true]) {
  const title = kept ? "a start on a store with data" : "a first start";
  test(`${title} whose files fail says why, and the next one serves all that was there`, options, async (context) => {
    let refused = 0;
    let mute = 0;
    for (const nth of STARTS) {
      const place = join(directory, `start-${kept}-${nth}`);
      const house = new House(place);
      if (kept) {
        await house.open();
        assert.ok((await house.s3("CreateBucket", { Bucket: "kept" })).ok);
        assert.ok((await house.s3("PutObject", { Bucket: "kept", Key: "k" }, Buffer.from("kept"))).ok);
        await house.close();
      }
      const started = await startUnderFault(place, nth);
      if (started === undefined) mute++;
      else if (started.answer !== "served") refused++;
      assert.doesNotMatch(started?.answer ?? "", /^unclear/, `${nth}: ${started?.call}`);
      try {
        await house.open();
        if (kept) assert.equal((await house.s3("GetObject", { Bucket: "kept", Key: "k" })).ok, true);
      } catch (error) {
        // A key without data is named, never overwritten: the operator decides (src/server/storage.ts).
        assert.ok(!kept && error instanceof KeyFileProblem, `${nth} (${started?.call}): ${String(error)}`);
      } finally {
        await house.close();
      }
      rmSync(place, { recursive: true, force: true });
    }
    context.diagnostic(`${STARTS.length} starts, ${refused} refused, ${mute} ended by lmdb-js`);
    assert.ok(refused + mute >= 2, "faults were met");
  });
}
