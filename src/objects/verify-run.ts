/**
 * Verifies a whole store unit by unit, in this process or asking a running server, and compares what is owned with what is
 * held: every piece has exactly one owner, and every owner's pieces are there. Memory is bounded: verify-owners.ts.
 */
import type {
  Finding, HeldPiece, UnprovenKey, VerifyCounts, VerifyStoreRequest, VerifyStoreResponse,
} from "../wire/tables/coffer-types.js";
import { OwnerIndex } from "./verify-owners.js";
import type { Depth } from "./verify-unit.js";

export interface VerifyRun {
  ask(input: VerifyStoreRequest): Promise<VerifyStoreResponse>;
  readonly depth: Exclude<Depth, "OWNERS">;
  report(finding: Finding): void;
  /** Called after each unit. */
  progress?(phase: string, counts: VerifyCounts): void;
  /** Gives a blob without owner to the sweep; absent: nothing is repaired. @returns whether that was done */
  removeOrphan?(id: string): Promise<boolean>;
  /** Pieces to keep in memory at once; for tests. */
  readonly indexLimit?: number;
}

export interface VerifySummary {
  readonly counts: VerifyCounts;
  readonly unproven: readonly UnprovenKey[];
  readonly findings: number;
  /** Of these, found and repaired. */
  readonly repaired: number;
}

export async function verifyAll(run: VerifyRun): Promise<VerifySummary> {
  const counts: VerifyCounts = { Rows: 0, Versions: 0, Opened: 0, CustomerKeyed: 0, Bytes: 0, Blobs: 0, Pending: 0, Garbage: 0 };
  const unproven = new Map<string, UnprovenKey>();
  let findings = 0;
  let repaired = 0;
  const report = (finding: Finding): void => {
    findings += 1;
    if (finding.State === "REPAIRED") repaired += 1;
    run.report(finding);
  };
  let depth: Depth = run.depth;
  for (let from = 0; ; ) {
    const index = new OwnerIndex(from, run.indexLimit);
    await walk(run, { depth, index, report, each: (answer) => {
      if (depth === "OWNERS") return;
      for (const finding of answer.Findings) report(finding);
      for (const key of answer.Unproven) addKey(unproven, key);
      for (const name of Object.keys(counts) as (keyof VerifyCounts)[]) counts[name] += answer.Counts[name];
      run.progress?.(answer.Phase, counts);
    } });
    if (!index.isPartial) break;
    from = index.to;
    depth = "OWNERS";
  }
  return { counts, unproven: [...unproven.values()], findings, repaired };
}

function addKey(all: Map<string, UnprovenKey>, { KeyArn, Reason, Versions }: UnprovenKey): void {
  const id = `${KeyArn} ${Reason}`;
  const known = all.get(id);
  all.set(id, { KeyArn, Reason, Versions: Versions + (known?.Versions ?? 0) });
}

interface Walk {
  readonly depth: Depth;
  readonly index: OwnerIndex;
  report(finding: Finding): void;
  each(answer: VerifyStoreResponse): void;
}

/** Everything once; what is held is looked up as soon as all owners are known. */
async function walk(run: VerifyRun, { depth, index, report, each }: Walk): Promise<void> {
  let settled = false;
  let token: string | undefined;
  do {
    const answer = await run.ask({ Depth: depth, ...(token === undefined ? {} : { NextToken: token }) });
    each(answer);
    for (const piece of answer.Owned) index.add(piece);
    if (answer.Held.length > 0 && !settled) {
      await reportShared(run, index.settle(), report);
      settled = true;
    }
    for (const piece of answer.Held) if (index.holds(piece.Id) && !index.isOwned(piece.Id)) report(await unowned(run, piece));
    token = answer.NextToken;
  } while (token !== undefined);
  if (!settled) await reportShared(run, index.settle(), report);
}

/** Another walk for their names: this is rare. */
async function reportShared(run: VerifyRun, shared: readonly string[], report: (finding: Finding) => void): Promise<void> {
  if (shared.length === 0) return;
  const owners = new Map(shared.map((id) => [id, new Set<string>()]));
  let token: string | undefined;
  do {
    const answer = await run.ask({ Depth: "OWNERS", ...(token === undefined ? {} : { NextToken: token }) });
    for (const { Id, Owner } of answer.Owned) if (Owner !== "") owners.get(Id)?.add(Owner);
    token = answer.NextToken;
  } while (token !== undefined);
  for (const [id, names] of owners) {
    // What changed hands between the walks is not shared.
    if (names.size < 2) continue;
    const detail = `${names.has("garbage") ? "it waits for the sweep, but" : "it"} belongs to ${othersOf(names)}`;
    report({ Severity: "DAMAGE", Fault: "owner-not-one", Subject: `piece ${id}`, Detail: detail });
  }
}

const othersOf = (names: ReadonlySet<string>): string => [...names].filter((name) => name !== "garbage").join(" and to ");

async function unowned(run: VerifyRun, { Id, Kind, Detail }: HeldPiece): Promise<Finding> {
  switch (Kind) {
    case "BLOB": {
      const finding: Finding = {
        Severity: "LEFTOVER", Fault: "blob-orphan", Subject: `blob ${Id}`, Detail: `no ledger row and no owner, ${Detail}`,
      };
      if (run.removeOrphan === undefined) return { ...finding, State: "REPAIRABLE" };
      return { ...finding, State: (await run.removeOrphan(Id)) ? "REPAIRED" : "REPAIRABLE" };
    }
    case "LEDGER":
      return { Severity: "DAMAGE", Fault: "ledger-row-unowned", Subject: `blob ${Id}`, Detail: `nothing names it; ${Detail}` };
    case "BODY":
      return { Severity: "DAMAGE", Fault: "body-unowned", Subject: `body ${Id}`, Detail: `nothing names it; ${Detail}` };
    case "PART_TABLE":
      return {
        Severity: "DAMAGE", Fault: "part-table-unowned", Subject: `part table ${Id}`, Detail: `nothing names it; ${Detail}`,
      };
  }
}
