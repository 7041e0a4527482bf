/**
 * `npm run soak [-- --kills 300 --seed N --workers 1,2,4 --minutes M]`: hundreds of kills, in campaigns of some twenty on a
 * store of their own each, in turn for each number of workers. Prints figures after each campaign, and ends with 1 at the
 * first failure, whose seed it prints and whose store it keeps. `npm run soak -- model` judges a thousand histories instead.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect, parseArgs } from "node:util";
import { campaign, noFigures, type Figures } from "./campaign.js";
import { freePort } from "./killable.js";

const KILLS_A_CAMPAIGN = 20;

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "300" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    workers: { type: "string", default: "1,2,4" },
    minutes: { type: "string" },
  },
});
const kills = Number(values.kills);
const workers = values.workers.split(",").map(Number);
const until = values.minutes === undefined ? Number.POSITIVE_INFINITY : performance.now() + Number(values.minutes) * 60_000;
const totals = new Map<number, Figures>();
const sum = (of: (figures: Figures) => number): number => [...totals.values()].reduce((all, each) => all + of(each), 0);

const row = (name: string, { kills: killed, calls, acknowledged, cutOff, orphans }: Figures): string =>
  `| ${[name, killed, calls, acknowledged, cutOff, orphans].join(" | ")} |`;

function print(): void {
  console.log("\nNothing lost, nothing torn, nothing left over; the run ends at the first that is.");
  console.log("| workers | kills | calls | acknowledged changes | cut off | blobs outside the ledger |");
  console.log("|---|---|---|---|---|---|");
  for (const [count, figures] of totals) console.log(row(String(count), figures));
}

for (let seed = Number(values.seed), at = 0; sum((figures) => figures.kills) < kills && performance.now() < until; seed++, at++) {
  const count = workers[at % workers.length] ?? 1;
  const directory = mkdtempSync(join(tmpdir(), "coffer-soak-"));
  try {
    const left = kills - sum((figures) => figures.kills);
    const place = { directory, workers: count, port: await freePort() };
    const found = await campaign({ seed, kills: Math.min(KILLS_A_CAMPAIGN, left), place, until });
    const total = totals.get(count) ?? noFigures();
    for (const name of Object.keys(total) as (keyof Figures)[]) total[name] += found[name];
    totals.set(count, total);
    rmSync(directory, { recursive: true, force: true });
    print();
  } catch (error) {
    print();
    console.error(`lost, torn or left over; the store is kept in ${directory}\n${inspect(error)}`);
    process.exit(1);
  }
}
