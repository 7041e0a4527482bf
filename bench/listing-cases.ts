/** ListObjectsV2, a page of 1000, in a small and in a large bucket, with and without delimiter. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expectOk } from "../src/wire/client.js";
import { type Case, type Group } from "./contract.js";
import { listedKey, PAGE, prefixOf, PREFIXES, sortedKeys } from "./listed-keys.js";
import { WrongAnswer, type Load } from "./load.js";
import { bucketOf, makeBuckets, targetOf } from "./modes.js";
import { headOf, noPayload } from "./requests.js";
import { build } from "./root.js";
import type { Subject } from "./server.js";

const SMALL = 10_000;
const LARGE = 1_000_000;
const CONCURRENCIES = [1, 16];
/** Pages in various places, that the walk goes round. */
const PLACES = 20;
/** Their names fit the 64 KiB that the floor reads at once. */
const FILL_ROWS = 1500;
/** About what an entry takes in an answer. */
const FLOOR_ROW_BYTES = 280;
const FILLERS = 2;

export const listingGroups = (): Group[] => [SMALL, LARGE].map(listingGroup);

function listingGroup(keys: number): Group {
  const title = `LIST 1000 of ${keys}`;
  let sorted: string[] | undefined;
  const order = (): string[] => (sorted ??= sortedKeys(keys));
  const cases = CONCURRENCIES.flatMap((concurrency) => [
    listCase({ keys, concurrency, delimiter: false, order }, title),
    listCase({ keys, concurrency, delimiter: true, order }, title),
  ]);
  return {
    name: title,
    cases,
    async prepare(subject) {
      await makeBuckets(subject, ["default"]);
      if (subject.kind === "floor") return fillFloor(subject, keys);
      // The house key comes into being with the first object.
      expectOk(await subject.client.send({ method: "PUT", path: targetOf("default", listedKey(0)) }));
      const share = keys / FILLERS;
      await Promise.all(Array.from({ length: FILLERS }, (_, i) => fill(subject, i * share, (i + 1) * share)));
    },
  };
}

async function fill(subject: Subject, first: number, end: number): Promise<void> {
  const place = [join(subject.directory, "data"), join(subject.directory, "config", "root.key")];
  const program = ["--max-semi-space-size=64", join(build, "bench", "fill.js")];
  const args = [...program, ...place, bucketOf("default"), String(first), String(end)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
  const killed = (): void => void child.kill("SIGKILL");
  process.once("exit", killed);
  const [code] = (await once(child, "exit")) as [number | null];
  process.off("exit", killed);
  if (code !== 0) throw new Error(`filling ended with ${code ?? "a signal"}`);
}

async function fillFloor({ client }: Subject, count: number): Promise<void> {
  const keys = sortedKeys(count);
  for (let at = 0; at < count; at += FILL_ROWS) {
    const rows = { path: `/${bucketOf("default")}`, keys: keys.slice(at, at + FILL_ROWS), bytes: FLOOR_ROW_BYTES };
    expectOk(await client.send({ method: "POST", path: "/-/fill", body: JSON.stringify(rows) }));
  }
}

interface Kind {
  readonly keys: number;
  readonly concurrency: number;
  readonly delimiter: boolean;
  /** All keys, sorted. */
  order(): string[];
}

function listCase({ keys, concurrency, delimiter, order }: Kind, title: string): Case {
  const name = `${title} · c=${concurrency}`;
  return {
    name: delimiter ? `${name} · delimiter` : name,
    floor: delimiter ? `${name} · delimiter` : name,
    sizeBytes: 0,
    client: "wrk",
    quick: concurrency === 1 && keys === SMALL,
    async load(subject, _run, seconds): Promise<Load> {
      const sorted = delimiter ? [] : order();
      const placeOf = (i: number): number => Math.floor((i * (keys - PAGE - 1)) / PLACES);
      const places = delimiter ? [undefined] : Array.from({ length: PLACES }, (_, i) => placeOf(i));
      const targets: string[] = [];
      const bodies: Buffer[] = [];
      for (const place of places) {
        const after = place === undefined ? "" : `&start-after=${encodeURIComponent(sorted[place] ?? "")}`;
        const target = `/${bucketOf("default")}?list-type=2&max-keys=${PAGE}${after}${delimiter ? "&delimiter=%2F" : ""}`;
        const expected = place === undefined ? prefixes() : sorted.slice(place + 1, place + 1 + PAGE);
        bodies.push(await firstAnswer(subject, target, expected));
        targets.push(target);
      }
      const heads = targets.map((target) => headOf(subject, { method: "GET", target }));
      return { heads, body: noPayload.bytes, concurrency, seconds, status: 200, bodies };
    },
  };
}

const prefixes = (): string[] => Array.from({ length: PREFIXES }, (_, i) => `${prefixOf(i)}/`);

/** The page as the server writes it, once its names are found right; every later answer must be the same bytes. */
async function firstAnswer(subject: Subject, target: string, expected: readonly string[]): Promise<Buffer> {
  const [path = "", query = ""] = target.split("?");
  const { body } = expectOk(
    await subject.client.send({ method: "GET", path, query: Object.fromEntries(new URLSearchParams(query)) }),
  );
  if (subject.kind === "floor") return body;
  const text = body.toString("utf8");
  const element = expected[0]?.endsWith("/") === true ? /<CommonPrefixes><Prefix>([^<]*)<\/Prefix>/g : /<Key>([^<]*)<\/Key>/g;
  const found = [...text.matchAll(element)].map(([, name]) => name);
  if (found.join("\n") !== expected.join("\n")) throw new WrongAnswer(`${target}: ${found.length} names, not those expected`);
  return body;
}
