/**
 * One bounded unit of verifying the store: what it has found, who owns what, and where to go on. Units know nothing of each
 * other; whoever asks for them all (verify-run.ts) compares what is owned with what is held.
 */
import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Kms } from "../keys/kms.js";
import type { Repair, Reporter, RowWalk } from "../stores/verify-rows.js";
import type {
  Finding, HeldPiece, OwnedPiece, UnprovenKey, VerifyCounts, VerifyStoreRequest, VerifyStoreResponse,
} from "../wire/tables/coffer-types.js";
import type { Room } from "./deps.js";

export type Depth = NonNullable<VerifyStoreRequest["Depth"]>;

/** What verifying works with. */
export interface Verifier {
  readonly room: Room;
  readonly kms: Kms;
  /** Tables of other rooms, in order. */
  readonly walks: readonly RowWalk[];
  /** Nobody else uses the store: what is safe to repair is repaired. */
  readonly repairs: boolean;
  /** Of one unit, which ends with what is under way. */
  readonly limits: UnitLimits;
}

export interface UnitLimits {
  /** Plaintext read. */
  readonly bytes: number;
  /** Versions, pieces owned, findings. */
  readonly weight: number;
}

export const UNIT_LIMITS: UnitLimits = { bytes: 64 * 1024 * 1024, weight: 2000 };

/** Where the next unit begins. JSON, so that it can be a token. */
export interface Place {
  readonly phase: string;
  /** Last stamp given out before the first unit: what is younger is not judged, for it came during the walk. */
  readonly since: number;
  /** Hex: where the phase ends, exclusive. Rows that come behind what was there at its beginning are for the next walk. */
  readonly to?: string;
  /** Of the phase's own making. */
  readonly at?: Readonly<Record<string, string | number>>;
}

/** What a phase says after a unit: where it goes on; undefined: it is done. */
export type PhaseAt = Place["at"] | undefined;

const LONGEST_TURN_MS = 5;
/** Rows read at once. */
export const UNIT_ROWS = 500;

/** Gathers what one unit says. */
export class Unit implements Reporter {
  readonly depth: Depth;
  readonly since: number;
  /** Where the phase ends, exclusive. */
  readonly to: Buffer | undefined;
  readonly #verifier: Verifier;
  readonly findings: Finding[] = [];
  readonly owned: OwnedPiece[] = [];
  readonly held: HeldPiece[] = [];
  /** When this unit's turn began. */
  #turnMs = performance.now();
  readonly #unproven = new Map<string, UnprovenKey>();
  readonly counts: VerifyCounts = {
    Rows: 0, Versions: 0, Opened: 0, CustomerKeyed: 0, Bytes: 0, Blobs: 0, Pending: 0, Garbage: 0,
  };

  constructor(verifier: Verifier, depth: Depth, since: number, to?: Buffer) {
    this.#verifier = verifier;
    this.depth = depth;
    this.since = since;
    this.to = to;
  }

  isYoung(stamp: number): boolean {
    return stamp > this.since;
  }

  /** Enough for one unit. */
  get isFull(): boolean {
    const { bytes, weight } = this.#verifier.limits;
    return this.counts.Bytes >= bytes || this.owned.length + this.counts.Versions >= weight || this.findings.length >= weight;
  }

  async turn(): Promise<void> {
    if (performance.now() - this.#turnMs < LONGEST_TURN_MS) return;
    await nextTurn();
    this.#turnMs = performance.now();
  }

  async report(finding: Finding, repair?: Repair): Promise<void> {
    if (this.depth === "OWNERS") return;
    if (repair === undefined) this.findings.push(finding);
    else this.findings.push({ ...finding, State: await this.#repaired(repair) });
  }

  damage(fault: string, subject: string, detail: string, repair?: Repair): Promise<void> {
    return this.report({ Severity: "DAMAGE", Fault: fault, Subject: subject, Detail: detail }, repair);
  }

  leftover(fault: string, subject: string, detail: string, repair?: Repair): Promise<void> {
    return this.report({ Severity: "LEFTOVER", Fault: fault, Subject: subject, Detail: detail }, repair);
  }

  unproven(keyArn: string, reason: UnprovenKey["Reason"]): void {
    const id = `${keyArn} ${reason}`;
    const known = this.#unproven.get(id);
    if (known === undefined) this.#unproven.set(id, { KeyArn: keyArn, Reason: reason, Versions: 1 });
    else known.Versions += 1;
  }

  /** An empty unit of the same kind, that repairs nothing: for what may have to be judged again. */
  draft(): Unit {
    return new Unit({ ...this.#verifier, repairs: false }, this.depth, this.since);
  }

  /** Takes over what was drafted. */
  take(draft: Unit): void {
    this.findings.push(...draft.findings);
    this.owned.push(...draft.owned);
    this.held.push(...draft.held);
    for (const { KeyArn, Reason, Versions } of draft.#unproven.values()) {
      for (let count = 0; count < Versions; count++) this.unproven(KeyArn, Reason);
    }
    for (const name of Object.keys(this.counts) as (keyof VerifyCounts)[]) this.counts[name] += draft.counts[name];
  }

  async #repaired(repair: Repair): Promise<NonNullable<Finding["State"]>> {
    if (!this.#verifier.repairs) return "REPAIRABLE";
    return (await this.#verifier.room.store.commit(await repair())).ok ? "REPAIRED" : "REPAIRABLE";
  }

  answer(phase: string, nextToken: string | undefined): VerifyStoreResponse {
    return {
      Findings: this.findings,
      Owned: this.owned,
      Held: this.held,
      Unproven: [...this.#unproven.values()],
      Counts: this.counts,
      Phase: phase,
      ...(nextToken === undefined ? {} : { NextToken: nextToken }),
    };
  }
}

/** Part tables are owned under an id made of bucket and upload. */
export function tableId(inc: string, uploadId: string): string {
  return createHash("sha256").update(`part table\0${inc}\0${uploadId}`).digest("hex").slice(0, 32);
}

/** Parts belong to their upload, before and after it becomes an object. */
export const uploadOwner = (uploadId: string): string => `upload ${uploadId}`;

/** `s3://BUCKET/KEY version ID` */
export const versionName = (
  bucket: string, key: string, versionId: string,
): string => `s3://${bucket}/${key} version ${versionId}`;
