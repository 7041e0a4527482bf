/**
 * One group: starts the floor and Coffer, each on an empty directory of its own, warms them, then measures in rounds
 * (floor, Coffer, floor, Coffer, …) so that whatever else the machine does falls on all alike. Figures are medians.
 */
import { join } from "node:path";
import type { Settings } from "./arguments.js";
import type { Case, Group } from "./contract.js";
import { cryptoLimit } from "./crypto-limit.js";
import { inDirectory } from "./directories.js";
import { median, WrongAnswer, type Load, type Measured } from "./load.js";
import { MemoryWatch, processorMs, type PrivateMemory } from "./processes.js";
import { startCoffer, startFloor, type StartOptions, type Subject } from "./server.js";
import { runSockets } from "./sockets.js";
import type { Row } from "./table.js";
import { runWrk } from "./wrk.js";

/** Before anything is measured; the first case of a server has code to be compiled. */
const WARM_SECONDS = 1;
const FIRST_WARM_SECONDS = 3;

export interface GroupResult {
  readonly rows: readonly Row[];
  /** Of all processes of Coffer, while it was under load. */
  readonly peak: PrivateMemory;
}

interface Sample extends Measured {
  readonly processorMs: number;
}

export function runGroup(group: Group, chosen: readonly Case[], settings: Settings): Promise<GroupResult> {
  return inDirectory(settings.directory, async (directory) => {
    const subjects: Subject[] = [];
    try {
      for (const starting of subjectsIn(directory, settings)) subjects.push(await starting());
      for (const subject of subjects) await group.prepare(subject, chosen);
      const result = await measure(chosen, subjects, settings);
      for (const subject of subjects.splice(0)) await subject.stop();
      return result;
    } finally {
      await Promise.allSettled(subjects.map((subject) => subject.stop()));
    }
  });
}

function subjectsIn(directory: string, { workers, against }: Settings): (() => Promise<Subject>)[] {
  const at = (name: string): StartOptions => ({ name, directory: join(directory, name), workers });
  return [
    () => startFloor(at("floor")),
    () => startCoffer(at("coffer")),
    ...(against === undefined ? [] : [() => startCoffer({ ...at("against"), build: against })]),
  ];
}

async function measure(chosen: readonly Case[], subjects: readonly Subject[], settings: Settings): Promise<GroupResult> {
  const samples = new Map<string, Sample[]>();
  let peak: PrivateMemory = { bytes: 0, anonymousBytes: 0 };
  const limits = new Map(chosen.map(({ name }) => [name, [] as number[]]));
  const floors = new Map<string, Case>();
  for (const one of chosen) if (!floors.has(one.floor)) floors.set(one.floor, one);
  for (let round = -1; round < settings.rounds; round++) {
    const run = round < 0 ? "warm" : `round-${round}`;
    for (const [i, one] of chosen.entries()) {
      const seconds = round >= 0 ? settings.seconds : i > 0 ? WARM_SECONDS : FIRST_WARM_SECONDS;
      for (const subject of subjects) {
        if (subject.kind === "floor" && floors.get(one.floor) !== one) continue;
        const watch = subject.name === "coffer" ? new MemoryWatch(subject.pid) : undefined;
        const sample = await measureOnce(one, subject, `${run}-${i}`, seconds).finally(() => {
          const seen = watch?.stop();
          if (seen !== undefined && seen.bytes > peak.bytes) peak = seen;
        });
        if (round < 0) continue;
        const name = nameOf(one, subject);
        samples.set(name, [...(samples.get(name) ?? []), sample]);
      }
      if (round >= 0 && one.crypto !== undefined) limits.get(one.name)?.push(cryptoLimit(one.crypto));
    }
  }
  return { rows: rowsOf(chosen, samples, limits), peak };
}

/** Of the row that a sample belongs to. */
function nameOf(one: Case, subject: Subject): string {
  if (subject.kind === "floor") return `${one.floor} · floor`;
  return subject.name === "coffer" ? one.name : `${one.name} · against`;
}

async function measureOnce(one: Case, subject: Subject, run: string, seconds: number): Promise<Sample> {
  const load: Load = await one.load(subject, run, seconds);
  const before = processorMs(subject.pid);
  try {
    const measured = one.client === "wrk" ? await runWrk(subject, load) : await runSockets(subject, load);
    const used = processorMs(subject.pid) - before;
    await one.check?.(subject, run, measured);
    return { ...measured, processorMs: used / measured.operations };
  } catch (error) {
    if (!(error instanceof WrongAnswer)) throw error;
    throw new WrongAnswer(`${one.name} (${subject.name}): ${error.message}`, { cause: error });
  }
}

function rowsOf(chosen: readonly Case[], samples: ReadonlyMap<string, Sample[]>, limits: ReadonlyMap<string, number[]>): Row[] {
  const rows: Row[] = [];
  const shown = new Set<string>();
  for (const one of chosen) {
    const floorName = `${one.floor} · floor`;
    const floor = summary(floorName, one.sizeBytes, samples.get(floorName));
    if (floor !== undefined && !shown.has(floorName)) rows.push(floor);
    shown.add(floorName);
    const ratios = {
      floorPerSecond: floor?.operationsPerSecond,
      floorProcessorMs: floor?.processorMs,
      cryptoPerSecond: rateOf(limits.get(one.name)),
    };
    for (const name of [one.name, `${one.name} · against`]) {
      const row = summary(name, one.sizeBytes, samples.get(name));
      if (row !== undefined) rows.push({ ...row, ...ratios });
    }
  }
  return rows;
}

const rateOf = (values: readonly number[] | undefined): number | undefined =>
  values === undefined || values.length === 0 ? undefined : median(values);

function summary(name: string, sizeBytes: number, samples: readonly Sample[] | undefined): Row | undefined {
  if (samples === undefined) return undefined;
  const of = (value: (sample: Sample) => number): number => median(samples.map(value));
  return {
    name,
    sizeBytes,
    operationsPerSecond: of(({ operations, seconds }) => operations / seconds),
    p50Ms: of(({ p50Ms }) => p50Ms),
    p99Ms: of(({ p99Ms }) => p99Ms),
    processorMs: of((sample) => sample.processorMs),
  };
}
