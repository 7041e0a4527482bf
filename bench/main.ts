/**
 * `npm run bench`: measures a real server, beside the floor program, and prints a Markdown table. Any error and any wrong
 * byte ends it with 1. How to read the figures: docs/performance.md.
 */
import { arch, cpus, loadavg, platform, totalmem } from "node:os";
import { isChosen, parseArguments, USAGE, type Settings } from "./arguments.js";
import type { Group } from "./contract.js";
import { WrongAnswer } from "./load.js";
import { largeObject } from "./large-object.js";
import { listingGroups } from "./listing-cases.js";
import { objectGroups } from "./objects-cases.js";
import { runGroup } from "./run-group.js";
import { smallGroups } from "./small-cases.js";
import { startTime } from "./start-time.js";
import { markdown, mibText, table } from "./table.js";
import { hasWrk } from "./wrk.js";

/** What is measured otherwise than in operations a second. */
const OTHERS: readonly { name: string; long: boolean; run(settings: Settings): Promise<string> }[] = [
  { name: "5 GiB", long: true, run: largeObject },
  { name: "start", long: false, run: startTime },
];

// Servers and directories go with this process: see the listeners of "exit".
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  let settings;
  try {
    settings = parseArguments(args);
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\nusage: ${USAGE}\n`);
    return 2;
  }
  const groups = [...objectGroups(), ...smallGroups(), ...listingGroups()];
  if (settings.list) {
    for (const group of groups) for (const { name } of group.cases) process.stdout.write(`${name}\n`);
    for (const { name } of OTHERS) process.stdout.write(`${name}\n`);
    return 0;
  }
  if (!hasWrk()) {
    process.stderr.write("bench: wrk is missing: `apt-get install wrk` (Debian, Ubuntu) or `brew install wrk` (macOS)\n");
    return 2;
  }
  try {
    return await measureAll(groups, settings);
  } catch (error) {
    if (!(error instanceof WrongAnswer)) throw error;
    process.stderr.write(`bench: wrong answer: ${error.message}\n`);
    return 1;
  }
}

async function measureAll(groups: readonly Group[], settings: Settings): Promise<number> {
  const began = performance.now();
  process.stdout.write(`${machine()}; ${settings.workers} workers, ${settings.rounds} rounds of ${settings.seconds} s\n`);
  const memory: string[][] = [];
  for (const group of groups) {
    const chosen = group.cases.filter(({ name, quick }) => isChosen(name, settings.filters) && (quick || !settings.quick));
    if (chosen.length === 0) continue;
    process.stderr.write(`bench: ${group.name} …\n`);
    const { rows, peak } = await runGroup(group, chosen, settings);
    process.stdout.write(`\n${table(rows)}\n`);
    memory.push([group.name, mibText(peak.bytes), mibText(peak.anonymousBytes)]);
  }
  if (memory.length > 0) {
    process.stdout.write(`\n${markdown(["under load", "peak private MiB of all processes", "of it anonymous"], memory)}\n`);
  }
  const others = OTHERS.filter(({ name, long }) => isChosen(name, settings.filters) && !(long && settings.quick));
  for (const { name, run } of others) {
    process.stderr.write(`bench: ${name} …\n`);
    process.stdout.write(`\n${await run(settings)}\n`);
  }
  if (memory.length + others.length === 0) {
    process.stderr.write("bench: no case matches; --list names them\n");
    return 2;
  }
  process.stderr.write(`bench: done in ${Math.round((performance.now() - began) / 1000)} s, every answer right\n`);
  return 0;
}

function machine(): string {
  const [processor] = cpus();
  const model = processor?.model ?? "unknown processor";
  const gib = Math.round(totalmem() / 1024 ** 3);
  // Whether others were at work: above a tenth of the cores, rates and latencies say little.
  const before = loadavg()[0]?.toFixed(2) ?? "";
  return `${cpus().length} × ${model}, ${gib} GiB, ${platform()} ${arch()}, Node.js ${process.versions.node}, load before ${before}`;
}
