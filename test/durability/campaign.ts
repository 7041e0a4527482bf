/**
 * Kills a server over and over under mixed load, and compares what is there after each restart with what clients were told.
 * The seed decides what is done and when the kill comes; what it meets, the machine decides.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { WireClient } from "../../src/wire/client.js";
import { Counter } from "../model/run.js";
import { Random } from "../random.js";
import type { Shown } from "../model/state.js";
import { wireTarget, type Target } from "../model/target.js";
import { compare, emptyStates, withKnownEtags, type States } from "./compare.js";
import { KillableServer, type Place } from "./killable.js";
import { BUCKETS, Load, SOURCE_BUCKET, SOURCES } from "./load.js";
import { callService, Registers } from "./registers.js";
import { assertNothingLeft, sweepAndCount } from "./space.js";

/** What is killed, and when. */
export type Way =
  /** All processes, under load. */
  | "under load"
  /** All processes, while they drain. */
  | "while draining"
  /** All processes under load; then again while they start. */
  | "while starting"
  /** One worker of several under load: the others go on. */
  | "one worker";

export interface CampaignOptions {
  readonly seed: number;
  readonly kills: number;
  readonly place: Place;
  readonly clients?: number;
  /** Calls that are answered before a kill, on average. */
  readonly callsAKill?: number;
  /** performance.now() when no further round begins. */
  readonly until?: number;
}

export interface Figures {
  kills: number;
  /** Calls sent, answered (refusals included), and cut off. */
  calls: number;
  answered: number;
  cutOff: number;
  /** Answered calls that changed something. */
  acknowledged: number;
  /** Blobs that no ledger row named after a kill. */
  orphans: number;
  rounds: number;
}

export const noFigures = (): Figures => ({ kills: 0, calls: 0, answered: 0, cutOff: 0, acknowledged: 0, orphans: 0, rounds: 0 });

const CLIENTS = 4;
const CALLS_A_KILL = 60;
const LONGEST_LOAD_MS = 10_000;
/** A kill comes up to so long after an answer: longer than most calls take. */
const SPREAD_MS = 60;

/** @throws Error with seed, round and history when something is lost, torn or left over */
export async function campaign(options: CampaignOptions): Promise<Figures> {
  const work = new Campaign(options);
  try {
    return await work.run();
  } catch (error) {
    // The reporter of node:test shows no cause.
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Error(`${options.place.workers} workers, seed ${options.seed}, ${work.told()}\n${cause}`, { cause: error });
  } finally {
    await work.end();
  }
}

class Campaign {
  readonly #options: CampaignOptions;
  readonly #random: Random;
  readonly #counter = new Counter();
  readonly #load: Load;
  readonly #figures = noFigures();
  #server: KillableServer | undefined;
  #states: States = emptyStates();
  #way: Way = "under load";
  #round = 0;

  constructor(options: CampaignOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#load = new Load(this.#random, this.#counter);
  }

  told(): string {
    const server = this.#server?.hasEnded === true ? "has ended" : "runs";
    return `round ${this.#round}: killed ${this.#way}; the server ${server} and said: ${this.#server?.errors ?? ""}`;
  }

  async run(): Promise<Figures> {
    const { kills, place, until = Number.POSITIVE_INFINITY } = this.#options;
    let client = await this.#start();
    await prepare(client);
    const registers = await Registers.create(client);
    while (this.#figures.kills < kills && performance.now() < until) {
      this.#round = ++this.#figures.rounds;
      client = await this.#killOnce(client, registers);
      await this.#compare(client, registers);
    }
    await this.#server?.kill();
    this.#figures.orphans += (await sweepAndCount(place)).orphans;
    client = await this.#start();
    // The sweep has changed nothing that can be read.
    this.#states = await compare(this.#states, [], targetOf(client), this.#counter);
    await deleteEverything(client);
    await this.#server?.kill();
    await assertNothingLeft(place);
    this.#figures.calls += registers.calls;
    this.#figures.acknowledged += registers.acknowledged;
    this.#figures.answered += registers.acknowledged;
    this.#figures.cutOff += registers.calls - registers.acknowledged;
    return this.#figures;
  }

  async end(): Promise<void> {
    await this.#server?.kill();
  }

  async #start(): Promise<WireClient> {
    this.#server = new KillableServer(this.#options.place);
    return this.#server.ready();
  }

  /** Load, kill, and a server that runs again. */
  async #killOnce(client: WireClient, registers: Registers): Promise<WireClient> {
    const { clients = CLIENTS, callsAKill = CALLS_A_KILL, place } = this.#options;
    const server = this.#server;
    if (server === undefined) throw new Error("no server");
    const many: readonly (readonly [number, Way])[] = [[6, "under load"], [2, "while draining"], [2, "while starting"]];
    this.#way = this.#random.weighted(place.workers > 1 ? [...many, [4, "one worker"]] : many);
    let isOver = false;
    const target = targetOf(client);
    const working = Array.from({ length: clients }, (_, at) => this.#load.client(at, target));
    const setting = registers.work(client, () => isOver);
    await this.#load.answered(1 + this.#random.below(2 * callsAKill), LONGEST_LOAD_MS);
    await pause(this.#random.below(SPREAD_MS));
    this.#figures.kills++;
    if (this.#way === "one worker") {
      server.killWorker((count) => this.#random.below(count));
      await this.#load.answered(1 + this.#random.below(4 * callsAKill), LONGEST_LOAD_MS);
    } else {
      if (this.#way === "while draining") {
        server.drain();
        await pause(this.#random.below(120));
      }
      await server.kill();
    }
    isOver = true;
    this.#load.stop();
    await Promise.all([...working, setting]);
    if (this.#way === "one worker") return client;
    if (this.#way === "while starting") {
      const halfway = new KillableServer(place);
      await pause(this.#random.below(900));
      await halfway.kill();
      this.#figures.kills++;
    }
    return this.#start();
  }

  async #compare(client: WireClient, registers: Registers): Promise<void> {
    const observed = this.#load.take();
    for (const { action, answer } of observed) {
      this.#figures.calls++;
      if (answer === "unknown") this.#figures.cutOff++;
      else this.#figures.answered++;
      if (typeof answer === "object" && "ok" in answer && !/^(Get|List)/.test(action.name)) this.#figures.acknowledged++;
    }
    this.#states = await compare(this.#states, observed, targetOf(client), this.#counter);
    this.#load.relearn(this.#states);
    await registers.compare(client);
  }
}

const targetOf = (client: WireClient): Target => withKnownEtags(wireTarget(client));

async function prepare(client: WireClient): Promise<void> {
  const s3 = wireTarget(client);
  const must = async (name: string, input: Shown, body?: Buffer): Promise<void> => {
    const { answer } = await s3({ name, input, ...(body === undefined ? {} : { body }) });
    if (typeof answer !== "object" || !("ok" in answer)) throw new Error(`${name}: ${JSON.stringify(answer)}`);
  };
  for (const Bucket of [SOURCE_BUCKET, ...Object.keys(BUCKETS)]) await must("CreateBucket", { Bucket });
  for (const [Bucket, versioned] of Object.entries(BUCKETS))
    if (versioned) await must("PutBucketVersioning", { Bucket, VersioningConfiguration: { Status: "Enabled" } });
  for (const [Key, body] of Object.entries(SOURCES)) await must("PutObject", { Bucket: SOURCE_BUCKET, Key }, body);
}

type Listed = readonly { readonly Key: string; readonly VersionId?: string; readonly UploadId?: string }[];

async function deleteEverything(client: WireClient): Promise<void> {
  for (const Bucket of [SOURCE_BUCKET, ...Object.keys(BUCKETS)]) {
    // Open uploads go with their bucket; one whose Complete was killed could not be aborted for some minutes.
    for (let more = true; more; ) {
      const listed = await callService(client, "s3", "ListObjectVersions", { Bucket });
      const { Versions = [], DeleteMarkers = [] } = listed as { Versions?: Listed; DeleteMarkers?: Listed };
      for (const { Key, VersionId } of [...Versions, ...DeleteMarkers])
        await callService(client, "s3", "DeleteObject", { Bucket, Key, VersionId });
      more = listed["IsTruncated"] === true;
    }
    await callService(client, "s3", "DeleteBucket", { Bucket });
  }
}
