/**
 * `coffer verify`: is the store what was written, all of it, and nothing else? On a data directory that is not in use, with
 * its key file; or asking a running server (`--running`), as whoever the environment's credentials are.
 * Exit code 0: clean; 1: findings; 2: it could not be verified. Source: docs/reference/verify.md.
 */
import { verifyAuditFiles } from "../gate/audit-verify.js";
import { addGarbage, noChanges } from "../objects/ledger.js";
import { sweepStep } from "../objects/sweep.js";
import { verifierOf, verifyUnit, readToken } from "../objects/verify-store.js";
import { verifyAll, type VerifyRun, type VerifySummary } from "../objects/verify-run.js";
import { ConfigError, type Config } from "../server/config.js";
import { openOffline, type OfflineStore } from "../server/offline.js";
import { verifyDirectory } from "../stores/verify-directory.js";
import type { Finding, VerifyStoreResponse } from "../wire/tables/coffer-types.js";
import { serviceOf, type Environment } from "./service.js";
import { print, printable, safeJson } from "./text.js";

export interface VerifyOptions {
  readonly quick?: boolean;
  readonly running?: boolean;
  readonly repair?: boolean;
  readonly audit?: boolean;
  readonly json?: boolean;
}

/** @returns the exit code @throws what keeps it from being verified */
export async function verify(config: Config, options: VerifyOptions, environment: Environment): Promise<0 | 1> {
  const output = new Output(options.json === true);
  if (options.audit === true) {
    output.audit(await verifyAuditFiles(config.auditDir, (finding) => output.finding(finding)));
    return output.exitCode;
  }
  const depth = options.quick === true ? "QUICK" : "FULL";
  const report = (finding: Finding): void => output.finding(finding);
  if (options.running === true) {
    if (options.repair === true) throw new ConfigError("--repair is for a stopped store: what it repairs nobody may be using");
    const ask = serviceOf(environment);
    const asking: VerifyRun["ask"] = async (input) => (await ask("VerifyStore", input)) as VerifyStoreResponse;
    output.summary(await verifyAll({ ask: asking, depth, report }), depth);
    return output.exitCode;
  }
  const repair = options.repair === true;
  const offline = await openOffline(config);
  try {
    await verifyDirectory(config.dataDir, report);
    output.summary(await verifyAll(runOver(offline, { depth, report, repair })), depth);
    if (repair) while ((await sweepStep(offline.room)) === "more");
  } finally {
    await offline.close();
  }
  return output.exitCode;
}

interface OfflineRun extends Pick<VerifyRun, "depth" | "report"> {
  readonly repair: boolean;
}

/** The same units, in this process. */
export function runOver({ room, kms }: Pick<OfflineStore, "room" | "kms">, { depth, report, repair }: OfflineRun): VerifyRun {
  const verifier = verifierOf(room, kms, repair);
  const ask: VerifyRun["ask"] = async ({ Depth = "FULL", NextToken }) =>
    (await verifyUnit(verifier, Depth, NextToken === undefined ? undefined : readToken(NextToken))).answer;
  if (!repair) return { ask, depth, report };
  return {
    ask,
    depth,
    report,
    // As for any other garbage: the sweep takes it when the longest read is over.
    async removeOrphan(id) {
      const changes = noChanges();
      addGarbage(room, changes, id, { kind: "segment", inc: "", segment: id, at: "blob" });
      return (await room.store.commit(changes)).ok;
    },
  };
}

const REASONS = { disabled: "is disabled", "pending-deletion": "is pending deletion", absent: "is not there (deleted)" } as const;

/** Text for people, or one JSON object a line. */
class Output {
  readonly #json: boolean;
  exitCode: 0 | 1 = 0;

  constructor(json: boolean) {
    this.#json = json;
  }

  finding(finding: Finding): void {
    if (finding.State !== "REPAIRED") this.exitCode = 1;
    if (this.#json) return this.#line({ type: "finding", ...finding });
    const { Severity, Fault, Subject, Detail, State } = finding;
    const state = State === "REPAIRED" ? " (repaired)" : State === "REPAIRABLE"
      ? " (can be repaired: --repair, on a stopped store)" : "";
    print(printable(`${Severity.toLowerCase()}  ${Fault}  ${Subject}: ${Detail}${state}`));
  }

  summary({ counts, unproven, findings, repaired }: VerifySummary, depth: string): void {
    if (this.#json) return this.#line({ type: "summary", depth, counts, unproven, findings, repaired });
    for (const { KeyArn, Reason, Versions } of unproven) {
      print(printable(`not provable now  ${KeyArn} ${REASONS[Reason]}: ${Versions} versions or uploads under it`));
    }
    const { Versions, Opened, CustomerKeyed, Bytes, Rows, Blobs, Pending, Garbage } = counts;
    const customers = `${CustomerKeyed} under customers' keys, not opened`;
    print(`${Versions} versions and parts: ${Opened} open, each with its own key alone; ${customers}`);
    print(depth === "QUICK" ? "bodies were not read (--quick)" : `${Bytes} bytes read and verified`);
    print(`${Rows} other rows, ${Blobs} blobs; ${Pending} being written, ${Garbage} waiting for the sweep`);
    const left = findings - repaired;
    print(findings === 0 ? "clean" : `${findings} findings, ${repaired} repaired${left === 0 ? "" : `, ${left} left`}`);
  }

  audit({ files, lines, torn }: { readonly files: number; readonly lines: number; readonly torn: number }): void {
    if (this.#json) return this.#line({ type: "summary", files, lines, torn });
    print(`${lines} audit lines in ${files} files, ${torn} torn ends${this.exitCode === 0 ? ": clean" : ""}`);
  }

  #line(value: object): void {
    print(safeJson(JSON.stringify(value)));
  }
}
