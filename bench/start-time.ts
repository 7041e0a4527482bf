/** From the start of the process to the moment it says that it is ready, and to the first answer. */
import { expectOk } from "../src/wire/client.js";
import type { Settings } from "./arguments.js";
import { inDirectory } from "./directories.js";
import { median } from "./load.js";
import { privateMemory } from "./processes.js";
import { startCoffer } from "./server.js";
import { markdown } from "./table.js";

const STARTS = 5;

interface Start {
  readonly readyMs: number;
  readonly answerMs: number;
  readonly idleMib: number;
}

/** @returns a Markdown table */
export async function startTime(settings: Settings): Promise<string> {
  const rows: string[][] = [];
  for (const workers of [1, settings.workers].filter((count, i, all) => all.indexOf(count) === i)) {
    const fresh: Start[] = [];
    const again: Start[] = [];
    for (let i = 0; i < STARTS; i++) {
      await inDirectory(settings.directory, async (directory) => {
        fresh.push(await startOnce(directory, workers));
        again.push(await startOnce(directory, workers));
      });
    }
    rows.push(rowOf(`${workers} workers, new store`, fresh), rowOf(`${workers} workers, existing store`, again));
  }
  return markdown(["start", "ready ms", "first answer ms", "idle MiB"], rows);
}

async function startOnce(directory: string, workers: number): Promise<Start> {
  const began = performance.now();
  const subject = await startCoffer({ name: "coffer", directory, workers });
  try {
    expectOk(await subject.client.send({ method: "GET", path: "/" }));
    const answerMs = performance.now() - began;
    // The other workers may still be starting.
    await new Promise((resolve) => setTimeout(resolve, 500));
    return { readyMs: subject.startMs, answerMs, idleMib: privateMemory(subject.pid).bytes / 1024 / 1024 };
  } finally {
    await subject.stop();
  }
}

function rowOf(name: string, starts: readonly Start[]): string[] {
  const of = (value: (start: Start) => number): string => String(Math.round(median(starts.map(value))));
  return [name, of(({ readyMs }) => readyMs), of(({ answerMs }) => answerMs), of(({ idleMib }) => idleMib)];
}
