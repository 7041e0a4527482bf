/**
 * Verifying the whole store in bounded units, each of which says where the next begins; and `coffer:VerifyStore`, which is
 * one unit a call. It reads every row and, unless told not to, every body; it changes nothing and shows no plaintext.
 * Source: docs/reference/coffer-verbs.md.
 */
import { defineOperation, type AnyOperation } from "../gate/contract.js";
import { identityWalks } from "../iam/verify.js";
import type { Kms } from "../keys/kms.js";
import { keyWalks } from "../keys/verify.js";
import { ServiceError } from "../lib/errors.js";
import { justBehind } from "../stores/byte-order.js";
import { rowWalk, type RowWalk } from "../stores/verify-rows.js";
import { Space } from "../stores/spaces.js";
import type { VerifyStoreRequest, VerifyStoreResponse } from "../wire/tables/coffer-types.js";
import type { Room } from "./deps.js";
import { GARBAGE } from "./ledger.js";
import { blobsUnit, bodiesUnit, garbageUnit, ledgerUnit, tablePartsUnit, tablesUnit } from "./verify-ledger.js";
import { objectsUnit } from "./verify-objects.js";
import { objectRowWalks } from "./verify-rows.js";
import { partRowsUnit, strayRowsUnit, unknownRowsUnit } from "./verify-strays.js";
import { UNIT_LIMITS, UNIT_ROWS, Unit, type Depth, type PhaseAt, type Place, type Verifier } from "./verify-unit.js";
import { uploadsUnit } from "./verify-uploads.js";

/** @param repairs only where nobody else uses the store */
export function verifierOf(room: Room, kms: Kms, repairs: boolean): Verifier {
  return {
    room, kms, repairs, limits: UNIT_LIMITS, walks: [...identityWalks(room.records), ...keyWalks(kms, () => room.clock.now())],
  };
}

interface Phase {
  readonly name: string;
  /** Also where only ownership is asked for. */
  readonly owners: boolean;
  /** The table that it walks in order; absent: it is bounded by itself. */
  readonly span?: () => { readonly from: Buffer; readonly to: Buffer };
  run(verifier: Verifier, unit: Unit, at: PhaseAt): Promise<PhaseAt>;
}

/**
 * INVARIANT: all that own come before all that is held, and garbage behind what may become garbage: so a piece that was
 * there before the walk began has been seen with an owner before it is looked for.
 *
 * Each ends at the last row that its table had when it began, and of rows younger than the walk only what they own is noted:
 * so a walk ends, however much is written meanwhile. What moves behind a phase's end was owned when an earlier phase came by.
 */
function phasesOf(verifier: Verifier): Phase[] {
  const { tables } = verifier.room;
  const owning: Phase[] = [
    { name: "objects", owners: true, span: () => tables.buckets.span(), run: objectsUnit },
    { name: "uploads", owners: true, span: () => tables.uploads.span(), run: uploadsUnit },
    { name: "part-tables", owners: true, span: () => tables.partTables.span(), run: tablePartsUnit },
    { name: "garbage", owners: true, span: () => tables.ledger.span(GARBAGE), run: garbageUnit },
  ];
  const rows = [...verifier.walks, ...objectRowWalks(verifier.room), jobRows(verifier)].map((walk): Phase => ({
    name: walk.kind, owners: false, span: () => walk.span(), run: (_verifier, unit, at) => walkUnit(walk, unit, at),
  }));
  const held: Phase[] = [
    { name: "upload-parts", owners: false, span: () => tables.uploadParts.span(), run: partRowsUnit },
    { name: "unknown-rows", owners: false, run: unknownRowsUnit },
    { name: "stray-rows", owners: false, run: strayRowsUnit },
    { name: "tables-held", owners: true, span: () => tables.partTables.span(), run: tablesUnit },
    { name: "ledger", owners: true, span: () => tables.ledger.span(), run: ledgerUnit },
    { name: "bodies", owners: true, span: () => tables.bodies.span(), run: bodiesUnit },
    { name: "blobs", owners: true, run: blobsUnit },
  ];
  return [...owning, ...rows, ...held];
}

const jobRows = ({ room }: Verifier): RowWalk =>
  rowWalk(
    room.store, { table: room.records.table({ space: Space.jobs, kind: "job", version: 1 }), kind: "job", parts: ["string"] },
  );

async function walkUnit(walk: RowWalk, unit: Unit, at: PhaseAt): Promise<PhaseAt> {
  const after = typeof at?.["after"] === "string" ? Buffer.from(at["after"], "hex") : undefined;
  const { last, rows } = await walk.page({ after, to: unit.to, limit: UNIT_ROWS }, unit);
  unit.counts.Rows += rows;
  return last === undefined ? undefined : { after: last.toString("hex") };
}

/**
 * One unit.
 * @param place where an earlier one ended; undefined: the beginning
 * @throws ServiceError InvalidNextTokenException for a place that is none
 */
export async function verifyUnit(
  verifier: Verifier, depth: Depth, place: Place | undefined,
): Promise<{ readonly answer: VerifyStoreResponse; readonly next: Place | undefined }> {
  const phases = phasesOf(verifier).filter(({ owners }) => owners || depth !== "OWNERS");
  const since = place?.since ?? (await stampOfNow(verifier));
  const index = place === undefined ? 0 : phases.findIndex(({ name }) => name === place.phase);
  const phase = phases[index];
  if (phase === undefined) throw invalidToken();
  const to = place?.to === undefined ? await endOf(verifier, phase) : Buffer.from(place.to, "hex");
  const unit = new Unit(verifier, depth, since, to);
  const at = await phase.run(verifier, unit, place?.at);
  const next = at === undefined ? placeOf(phases[index + 1], since) : {
    phase: phase.name, since, ...(to === undefined ? {} : { to: to.toString("hex") }), at,
  };
  return { answer: unit.answer(phase.name, next === undefined ? undefined : writeToken(next)), next };
}

const placeOf = (phase: Phase | undefined, since: number): Place | undefined =>
  phase === undefined ? undefined : { phase: phase.name, since };

/** Behind the last row that is there now. */
async function endOf({ room }: Verifier, { span }: Phase): Promise<Buffer | undefined> {
  if (span === undefined) return undefined;
  const { from, to } = span();
  const [last] = await room.store.range({ from, to, limit: 1, reverse: true });
  return last === undefined ? from : justBehind(last.key);
}

/** The last stamp given out: a commit of nothing takes the next. */
async function stampOfNow({ room }: Verifier): Promise<number> {
  const result = await room.store.commit({});
  if (!result.ok) throw new Error("invariant: a commit without checks was refused");
  return result.stamp;
}

/** FORMAT of the token: base64url of the place as JSON. It gives no right: each unit reads what its caller may read. */
const writeToken = (place: Place): string => Buffer.from(JSON.stringify(place), "utf8").toString("base64url");

export function readToken(token: string): Place {
  try {
    const value = JSON.parse(Buffer.from(token, "base64url").toString("utf8")) as Partial<Place> | null;
    const { phase, since, at = {}, to = "" } = value ?? {};
    const known = typeof phase === "string" && Number.isSafeInteger(since) && typeof at === "object" && at !== null;
    const plain = [...Object.values(at), to].every(
      (member) => typeof member === "number" || (typeof member === "string" && /^[0-9a-f]*$/.test(member)),
    );
    if (known && plain) return value as Place;
  } catch (cause) {
    throw invalidToken(cause);
  }
  throw invalidToken();
}

const invalidToken = (cause?: unknown): ServiceError =>
  new ServiceError("InvalidNextTokenException", "The next token is not valid.", cause === undefined ? {} : { cause });

export const storeArn = (account: string): string => `arn:aws:coffer::${account}:store`;

/** @param account of the server itself: the store holds what belongs to all accounts, so it is this one's to verify */
export function verifyStore(verifier: Verifier, account: string): AnyOperation {
  return defineOperation<VerifyStoreRequest, Place | undefined, VerifyStoreResponse>({
    service: "coffer",
    name: "VerifyStore",
    readOnly: true,
    resolve: async ({ NextToken }) => (NextToken === undefined ? undefined : readToken(NextToken)),
    permissions: () => [{ action: "coffer:VerifyStore", resource: storeArn(account), resourceAccount: account }],
    run: async ({ Depth: depth = "FULL" }, place) => (await verifyUnit(verifier, depth, place)).answer,
    auditParameters: ({
      Depth: depth, NextToken,
    }) => ({ depth: depth ?? "FULL", ...(NextToken === undefined ? {} : { phase: phaseOf(NextToken) }) }),
  });
}

const phaseOf = (token: string): string => readToken(token).phase;
