/** A program of a seed, run in this process over memory stores in seeded turns, judged, and shrunk where it fails. */
import { memoryBlobStore } from "../../src/stores/memory-blobs.js";
import { memoryMetadataStore } from "../../src/stores/memory-metadata.js";
import type { MetadataStore } from "../../src/stores/contract.js";
import { World } from "../objects/world.js";
import { judge, tell, type Observed } from "./history.js";
import { randomProgram, type ProgramOptions, type Step } from "./program.js";
import { runProgram } from "./run.js";
import type { ModelLimits } from "./s3-model.js";
import { shrink } from "./shrink.js";
import { textOf } from "./state.js";
import { worldTarget } from "./target.js";
import { blobsInTurns, inTurns, Turns } from "./turns.js";

export const LIMITS = { minPartBytes: 50 };
/** Bodies on both sides of what is kept with the records, parts on both sides of the smallest. */
const INLINE_BYTES = 64;

export const SMALL: ProgramOptions = {
  clients: 4,
  steps: 40,
  keys: ["a", "a/b"],
  sizes: [0, 5, 64, 65, 300],
  partSizes: [10, 50, 70],
  pages: false,
};

export const COMING_AND_GOING: ProgramOptions = { ...SMALL, keys: ["a"], steps: 30, focus: "buckets" };
export const UPLOADS: ProgramOptions = { ...SMALL, keys: ["a"], focus: "uploads" };

/** A store that does something wrong, or fails, between engine and scheduler. */
export type Plant = (inner: MetadataStore) => MetadataStore;
export const sound: Plant = (inner) => inner;

export async function runScheduled(program: readonly Step[], scheduleSeed: number, plant: Plant = sound): Promise<Observed[]> {
  const turns = new Turns(scheduleSeed);
  const world = new World({
    store: inTurns(plant(memoryMetadataStore()), turns),
    blobs: blobsInTurns(memoryBlobStore(), turns),
    limits: { inlineBytes: INLINE_BYTES, ...LIMITS },
  });
  const target = worldTarget(world, (error) =>
    // A store that did not say how a commit ended: the call is open, as one cut off is.
    error instanceof Lost ? "unknown" : { error: `InternalError: ${String(error)}` },
  );
  return turns.drive(runProgram(program, target));
}

/** Thrown by a plant instead of an answer. */
export class Lost extends Error {}

/** Schedules that a shrunk program is tried under: taking a step out moves all the others. */
const SCHEDULES = 6;

/** @returns undefined, or what a person needs to see: seeds, and the smallest history that still fails */
export async function failureOf(
  seed: number,
  options: ProgramOptions = SMALL,
  plant: Plant = sound,
  limits: ModelLimits = LIMITS,
): Promise<string | undefined> {
  const program = randomProgram(seed, options);
  if (judge(await runScheduled(program, seed, plant), limits).ok) return undefined;
  let schedule = seed;
  const small = await shrink(program, async (candidate) => {
    for (let next = 0; next < SCHEDULES; next++) {
      const tried = next === 0 ? schedule : seed + next;
      if (judge(await runScheduled(candidate, tried, plant), limits).ok) continue;
      schedule = tried;
      return true;
    }
    return false;
  });
  const history = await runScheduled(small, schedule, plant);
  const { order, state, moments } = judge(history, limits);
  const ids = new Set(order.map((at) => moments[at]?.id));
  const stuck = history.filter(({ id }) => !ids.has(id)).map(({ id }) => `#${id}`);
  const longest = order.map((at) => `#${moments[at]?.id}`).join(" ");
  return [
    `no order of these ${small.length} calls gives these answers; seed ${seed}, schedule ${schedule}`,
    tell(history),
    `  the longest order: ${longest}; without a place: ${stuck.join(" ") || "one of their moments"}`,
    `  there: ${textOf(state)}`,
  ].join("\n");
}
