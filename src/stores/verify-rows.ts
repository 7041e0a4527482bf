/**
 * Verifying rows of any table: every one must open (MAC, sealed part, JSON), stand where its content says, and find the rows
 * that it refers to. Rooms state the rules of their tables; this walks them a page at a time, whatever the store's size.
 *
 * The store may be in use meanwhile: what does not fit is read again, and counts only if the row stood still.
 * Source: docs/reference/verify.md.
 */
import { isIntegrityError } from "../lib/errors.js";
import type { Finding } from "../wire/tables/coffer-types.js";
import { justBehind } from "./byte-order.js";
import type { Batch, MetadataStore, Stamp } from "./contract.js";
import { decodeKey, type PartKind } from "./key-encoding.js";
import type { Found, KeyPart, Table } from "./records.js";

/** Whoever gathers findings. */
export interface Reporter {
  /** @param repair present: what is wrong can be put right without touching what may be someone's */
  report(finding: Finding, repair?: Repair): Promise<void>;
  /** Written since the walk began: what comes after it, the next walk judges. */
  isYoung(stamp: Stamp): boolean;
  /** Lets others have their turn: a store that answers at once would keep them waiting for the whole unit. */
  turn(): Promise<void>;
}

/** One commit that repairs; its checks are what the finding rests on. */
export type Repair = () => Promise<Batch>;

/** Something that must hold because of a row. */
export interface Demand {
  /** Fixed words: `owner-row-missing`. */
  readonly fault: string;
  readonly detail: string;
  holds(): Promise<boolean>;
  readonly repair?: Repair;
}

export interface RowRules<C> {
  readonly table: Table<C>;
  /** For people: `KMS key`. */
  readonly kind: string;
  /** Of the row key. */
  readonly parts: readonly PartKind[];
  /** Row key that the content asks for; absent: the content does not say. */
  place?(clear: C): Uint8Array;
  demands?(row: Found<C>): readonly Demand[] | Promise<readonly Demand[]>;
}

/** Rules with their type erased, for lists. */
export interface RowWalk {
  readonly kind: string;
  span(): { readonly from: Buffer; readonly to: Buffer };
  /** @returns key of the last row looked at; undefined: the table is at its end */
  page(
    query: { readonly after: Buffer | undefined; readonly to: Buffer | undefined; readonly limit: number }, reporter: Reporter,
  ): Promise<{ readonly last: Buffer | undefined; readonly rows: number }>;
}

export function rowWalk<C>(store: MetadataStore, rules: RowRules<C>): RowWalk {
  return {
    kind: rules.kind,
    span: () => rules.table.span(),
    async page(query, reporter) {
      const page = await openPage(store, rules.table, { prefix: [], ...query });
      for (const { key, error } of page.damaged) await reporter.report(damagedRow(rules, key, error));
      for (const row of page.rows) {
        await reporter.turn();
        if (!reporter.isYoung(row.stamp)) await judge(rules, row, reporter);
      }
      return { last: page.last, rows: page.rows.length + page.damaged.length };
    },
  };
}

export interface DamagedRow {
  readonly key: Buffer;
  readonly error: Error;
}

export interface OpenedPage<C> {
  readonly rows: readonly Found<C>[];
  readonly damaged: readonly DamagedRow[];
  /** Last key of a full page; undefined: there are no more. */
  readonly last: Buffer | undefined;
}

export interface PageQuery {
  readonly prefix: readonly KeyPart[];
  /** Exclusive. */
  readonly after?: Buffer | undefined;
  /** Exclusive; absent: the end of the prefix. */
  readonly to?: Buffer | undefined;
  readonly limit: number;
}

/** `Table.list` that goes on behind rows that do not open, and opens every sealed part. */
export async function openPage<C>(
  store: MetadataStore,
  table: Table<C>,
  query: PageQuery,
): Promise<OpenedPage<C>> {
  const { from, to } = table.span(...query.prefix);
  const entries = await store.range({
    from: query.after === undefined ? from : justBehind(query.after), to: query.to ?? to, limit: query.limit,
  });
  const rows: Found<C>[] = [];
  const damaged: DamagedRow[] = [];
  for (const entry of entries) {
    try {
      for (const row of table.decodePage([entry])) {
        row.sealed();
        rows.push(row);
      }
    } catch (error) {
      damaged.push({ key: entry.key, error: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  return { rows, damaged, last: entries.length === query.limit ? entries.at(-1)?.key : undefined };
}

const ATTEMPTS = 5;

/** INVARIANT: what is reported was seen with the row unchanged before and after. */
async function judge<C>(rules: RowRules<C>, first: Found<C>, reporter: Reporter): Promise<void> {
  let row = first;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const broken = await brokenOf(rules, row);
    if (broken.length === 0) return;
    const [again] = await rules.table.getMany([row.key]);
    if (again === undefined || reporter.isYoung(again.stamp)) return;
    const stoodStill = again.stamp === row.stamp && attempt > 0;
    row = again;
    if (!stoodStill && attempt < ATTEMPTS - 1) continue;
    for (const { fault, detail, repair } of broken) {
      await reporter.report({ Severity: "DAMAGE", Fault: fault, Subject: subjectOf(rules, row.key), Detail: detail }, repair);
    }
    return;
  }
}

async function brokenOf<C>(rules: RowRules<C>, row: Found<C>): Promise<Demand[]> {
  const place = rules.place?.(row.clear);
  if (place !== undefined && Buffer.compare(place, row.key) !== 0) {
    return [{ fault: "row-misplaced", detail: "the row stands under another key than its content", holds: async () => false }];
  }
  const broken: Demand[] = [];
  for (const demand of (await rules.demands?.(row)) ?? []) if (!(await holds(demand))) broken.push(demand);
  return broken;
}

/** A row that it asks for and that does not open is there all the same: its own table's walk names it. */
async function holds(demand: Demand): Promise<boolean> {
  try {
    return await demand.holds();
  } catch (error) {
    if (isIntegrityError(error)) return true;
    throw error;
  }
}

export function damagedRow(rules: Pick<RowRules<never>, "kind" | "parts">, key: Buffer, error: Error): Finding {
  return { Severity: "DAMAGE", Fault: "row-damaged", Subject: subjectOf(rules, key), Detail: error.message };
}

/** `KMS key us-east-1 1234…`. A key that is none is shown in hex. */
export function subjectOf({ kind, parts }: Pick<RowRules<never>, "kind" | "parts">, key: Buffer): string {
  try {
    return `${kind} ${(decodeKey(key, parts) as KeyPart[]).join(" ")}`;
  } catch {
    return `${kind} row ${key.toString("hex")}`;
  }
}

/** There is such a row, and it fits. */
export function refersTo<C>(
  table: Table<C>,
  key: Uint8Array,
  demand: Pick<Demand, "fault" | "detail" | "repair"> & { fits?(clear: C, row: Found<C>): boolean },
): Demand {
  return {
    ...demand,
    async holds() {
      const [row] = await table.getMany([key]);
      return row !== undefined && (demand.fits?.(row.clear, row) ?? true);
    },
  };
}

/** One row; `damaged` where it does not open: that is for its table's walk to name. */
export async function openRow<C>(table: Table<C>, key: Uint8Array): Promise<Found<C> | "damaged" | undefined> {
  try {
    return (await table.getMany([key]))[0];
  } catch (error) {
    if (isIntegrityError(error)) return "damaged";
    throw error;
  }
}
