/**
 * The process that carries file-faults.c: runs scenes, each with the fault at its first file operation, its second … until
 * it meets none, and tells what went wrong on standard output as one line of JSON. `run.js DIRECTORY CONTROL PLAN`.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ANY_WRITE, Calls, FileFaults, type Fault } from "./file-faults.js";
import { House, leftAfterSweep, member, type Outcome } from "./house.js";
import { BUCKET, deleteAll, READS, SCENES, VERSIONED, type Scene, type Seen } from "./scenes.js";

/** Which faults, and on which scenes. */
export interface Plan {
  readonly faults: readonly (keyof typeof FAULTS)[];
  /** Every so many steps; 1: all. */
  readonly stride: number;
  readonly only?: string;
}

export const FAULTS = {
  "write EIO": { calls: ANY_WRITE, action: "fail", error: "EIO" },
  "disk full": { calls: Calls.open | Calls.write | Calls.name | Calls.length, action: "fail", error: "ENOSPC", sticky: true },
  "torn write": { calls: Calls.write, action: "torn", error: "EIO" },
  "short write": { calls: Calls.write, action: "short", error: "EIO" },
  "no more files": { calls: Calls.open, action: "fail", error: "EMFILE" },
  "read EIO": { calls: Calls.read, action: "fail", error: "EIO" },
  "short read": { calls: Calls.read, action: "short", error: "EIO" },
  "garbled read": { calls: Calls.read, action: "garble", error: "EIO" },
} as const satisfies Record<string, Omit<Fault, "nth">>;

export interface Report {
  readonly steps: number;
  readonly refused: number;
  readonly problems: readonly string[];
}

const MAX_STEPS = 400;
const isRead = (name: keyof typeof FAULTS): boolean => FAULTS[name].calls === Calls.read;

/** Answers that tell the caller that the server failed, and nothing else. */
function isFailure(outcome: Outcome): boolean {
  return !outcome.ok && (outcome.status === "broken" || (typeof outcome.status === "number" && outcome.status >= 500));
}

/** Calls whose failure a caller need not learn: what they do is not what was asked for. */
const BESIDE = [/^unlink /, /^fsync \/audit\//];

interface Step {
  readonly tag: string;
  readonly scene: Scene;
  readonly state: unknown;
  readonly seen: Seen;
  readonly what: string;
}

interface Strides {
  readonly first: number;
  readonly stride: number;
}

class Run {
  readonly problems: string[] = [];
  readonly #house: House;
  readonly #faults: FileFaults;
  readonly #done: Step[] = [];
  #count = 0;
  #refused = 0;

  constructor(house: House, faults: FileFaults) {
    this.#house = house;
    this.#faults = faults;
  }

  get report(): Report {
    return { steps: this.#count, refused: this.#refused, problems: this.problems };
  }

  /** The fault at every `stride`-th step of one scene, from the `first` on. */
  async scene(name: string, scene: Scene, faultName: keyof typeof FAULTS, { first, stride }: Strides): Promise<void> {
    for (let nth = first; nth <= MAX_STEPS; nth += stride) {
      if (!(await this.#step(`${name}, ${faultName} at ${nth}`, scene, { ...FAULTS[faultName], nth }))) return;
    }
    this.problems.push(`${name}: ${faultName} is met even at step ${MAX_STEPS}`);
  }

  /** @returns whether the fault was met */
  async #step(what: string, scene: Scene, fault: Fault): Promise<boolean> {
    const tag = `t${++this.#count}`;
    const state = await scene.setup?.(this.#house, tag);
    this.#faults.arm(fault);
    const outcome = await scene.act(this.#house, tag, state).finally(() => this.#faults.disarm());
    const met = this.#faults.disarm();
    const where = `${what} (${met.call})`;
    this.#house.letTimePass();
    if (!outcome.ok) this.#refused++;
    if (outcome.ok && met.hits > 0 && fault.action === "fail" && !BESIDE.some((call) => call.test(met.call))) {
      this.problems.push(`${where}: answered success`);
    }
    if (!outcome.ok && (met.hits === 0 || !isFailure(outcome))) {
      this.problems.push(`${where}: ${outcome.status} ${outcome.code}`);
    }
    try {
      const seen = await this.#see({ tag, scene, state }, outcome.ok);
      this.#done.push({ tag, scene, state, seen, what: where });
    } catch (error) {
      this.problems.push(`${where}: ${(error as Error).message}`);
    }
    return met.hits > 0;
  }

  async #see({ tag, scene, state }: Pick<Step, "tag" | "scene" | "state">, mustHappen: boolean): Promise<Seen> {
    const seen = await scene.see(this.#house, tag, state);
    if (mustHappen && seen !== "after") throw new Error("answered success, but it has not taken place");
    return seen;
  }

  /** Every step's end is the same when the store is opened again. */
  async verifyAfterRestart(): Promise<void> {
    await this.#house.close();
    await this.#house.open();
    for (const { tag, scene, state, seen, what } of this.#done) {
      try {
        const now = await scene.see(this.#house, tag, state);
        if (now !== seen) this.problems.push(`${what}: "${seen}" before the restart, "${now}" after it`);
      } catch (error) {
        this.problems.push(`${what}: after the restart: ${(error as Error).message}`);
      }
    }
  }
}

async function main(directory: string, control: string, plan: Plan): Promise<Report> {
  mkdirSync(directory, { recursive: true });
  const house = new House(directory);
  await house.open();
  member(await house.s3("CreateBucket", { Bucket: BUCKET }), "");
  member(await house.s3("CreateBucket", { Bucket: VERSIONED }), "");
  member(await house.s3("PutBucketVersioning", { Bucket: VERSIONED, VersioningConfiguration: { Status: "Enabled" } }), "");
  const faults = new FileFaults(control, join(directory, "data"));
  const run = new Run(house, faults);
  for (const fault of plan.faults) {
    for (const [index, [name, scene]] of Object.entries(isRead(fault) ? READS : SCENES).entries()) {
      const strides = { first: 1 + (index % plan.stride), stride: plan.stride };
      if (plan.only === undefined || name.includes(plan.only)) await run.scene(name, scene, fault, strides);
    }
  }
  faults.close();
  if ((await house.ready()) !== 200) run.problems.push("the server is not ready, though the disk is well again");
  await run.verifyAfterRestart();
  await deleteAll(house);
  await house.close();
  run.problems.push(...(await leftAfterSweep(house.config)).map((left) => `left after the sweep: ${left}`));
  return run.report;
}

const [directory, control, plan] = process.argv.slice(2);
if (directory !== undefined && control !== undefined && plan !== undefined) {
  const report = await main(directory, control, JSON.parse(plan) as Plan);
  process.stdout.write(`${JSON.stringify(report)}\n`);
}
