/** Everything this room offers. Sub-resource configurations of buckets: bucket-config.ts. */
import type { AnyOperation } from "../gate/contract.js";
import { deleteBucket, getBucketLocation, headBucket, listBuckets } from "./bucket-basics.js";
import { BucketKeyCache } from "./bucket-keys.js";
import { createBucket } from "./create-bucket.js";
import type { ObjectDeps, Room } from "./deps.js";
import { getObject } from "./get-object.js";
import { headObject } from "./head-object.js";
import { putObject } from "./put-object.js";
import { openTables } from "./records.js";

/** The room's tables and caches over what it was given; one a process. */
export function openRoom(deps: ObjectDeps): Room {
  const { bucketKeyAgeMs, bucketKeyUses, bucketKeyEntries } = deps.settings.limits;
  const limits = { ageMs: bucketKeyAgeMs, uses: bucketKeyUses, entries: bucketKeyEntries };
  return {
    ...deps,
    store: deps.records.store,
    tables: openTables(deps.records),
    bucketKeys: new BucketKeyCache(deps.clock, limits),
  };
}

/** S3's operations on buckets and objects. */
export function objectOperations(deps: ObjectDeps): AnyOperation[] {
  return roomOperations(openRoom(deps));
}

/** The same over a room that others (jobs) share. */
export function roomOperations(room: Room): AnyOperation[] {
  const makers = [createBucket, headBucket, deleteBucket, getBucketLocation, listBuckets, putObject, getObject, headObject];
  return makers.map((make) => make(room));
}
