/**
 * Stores that do one thing wrong: what the model must find. And one that only fails, which it must bear.
 * Each is made anew for a run, and counts: the same program in the same turns meets the same mistake.
 */
import type { Batch, Check, MetadataStore, Value } from "../../src/stores/contract.js";
import { Space } from "../../src/stores/spaces.js";
import type { ProgramOptions } from "./program.js";
import { COMING_AND_GOING, Lost, SMALL, UPLOADS, type Plant } from "./scheduled.js";
import { Random } from "../random.js";
import { changedStore } from "../stores/changed-store.js";

const isOf = (key: Uint8Array, space: number): boolean => key[0] === space;
const touches = ({ puts = [], deletes = [] }: Batch, space: number): boolean =>
  puts.some(({ key }) => isOf(key, space)) || deletes.some((key) => isOf(key, space));

/** Commits as if one kind of check always held. */
const without = (leaveOut: (check: Check) => boolean): Plant => (inner) =>
  changedStore(inner, {
    commit: async (batch) => {
      const checks = batch.checks?.map((check): Check => (leaveOut(check) ? ALWAYS : check)) ?? [];
      return inner.commit({ ...batch, checks });
    },
  });

const ALWAYS: Check = { key: Buffer.from([0xff, 0xff]), stamp: "absent" };
const of = (space: number) => (check: Check): boolean => "key" in check && isOf(check.key, space);

/** A row that should go stays. */
const keeping = (space: number): Plant => (inner) =>
  changedStore(inner, {
    commit: (batch) => inner.commit({ ...batch, deletes: batch.deletes?.filter((key) => !isOf(key, space)) ?? [] }),
  });

/** Every n-th commit that touches a space is acknowledged and not made. */
const forgetting = (space: number, nth: number): Plant => (inner) => {
  let count = 0;
  return changedStore(inner, {
    commit: async (batch) => {
      if (!touches(batch, space) || ++count % nth !== 0) return inner.commit(batch);
      return inner.commit({ checks: batch.checks ?? [] });
    },
  });
};

/** The first look at a row that changed gives what was there before. */
const stale = (space: number): Plant => (inner) => {
  const before = new Map<string, Value | undefined>();
  return changedStore(inner, {
    get: async (keys) => {
      const found = await inner.get(keys);
      return found.map((value, at) => {
        const key = keys[at];
        if (key === undefined || !isOf(key, space)) return value;
        const name = Buffer.from(key).toString("hex");
        const old = before.get(name);
        before.set(name, value);
        return old ?? value;
      });
    },
  });
};

/** Commits without their rows of one kind. */
const torn = (space: number): Plant => (inner) =>
  changedStore(inner, {
    commit: (batch) => inner.commit({ ...batch, puts: batch.puts?.filter(({ key }) => !isOf(key, space)) ?? [] }),
  });

export const MISTAKES: Readonly<Record<string, readonly [Plant, ProgramOptions]>> = {
  "the head row's stamp is not checked": [without(of(Space.heads)), SMALL],
  "the upload row's stamp is not checked": [without(of(Space.uploads)), UPLOADS],
  "the bucket row's stamp is not checked": [without(of(Space.buckets)), COMING_AND_GOING],
  "an empty bucket need not be empty to go": [without((check) => "emptyRange" in check), COMING_AND_GOING],
  "a delete marker leaves the key in listings": [keeping(Space.listable), SMALL],
  "a version that was deleted stays": [keeping(Space.versions), SMALL],
  "every third change of a key is forgotten": [forgetting(Space.heads, 3), SMALL],
  "every second part is forgotten": [forgetting(Space.uploadParts, 2), UPLOADS],
  "a changed key is read as it was": [stale(Space.heads), SMALL],
  "a version that moves aside is lost": [torn(Space.versions), SMALL],
  "a new object is missing from listings": [torn(Space.listable), SMALL],
};

/** Mistakes whose shrinking takes long. */
export const TAKE_LONG: ReadonlySet<string> = new Set([
  "the upload row's stamp is not checked",
  "a delete marker leaves the key in listings",
  "a version that was deleted stays",
  "every third change of a key is forgotten",
]);

/** No mistake: now and then a commit fails, before it took place or after, and nobody says which. */
export const failing = (seed: number): Plant => (inner) => {
  const random = new Random(seed);
  return changedStore(inner, {
    commit: async (batch) => {
      const dice = random.next();
      if (dice >= 0.06) return inner.commit(batch);
      if (dice < 0.03) await inner.commit(batch);
      throw new Lost("the store did not answer");
    },
  });
};
