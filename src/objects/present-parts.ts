/**
 * The part table of an object that was just found. One that is gone was replaced with its object, or is lost: told apart
 * as for bodies, by whether the version still names it.
 */
import { isDeepStrictEqual } from "node:util";
import type { Room } from "./deps.js";
import { noSuchKey } from "./errors.js";
import { BodyLostIntegrityError } from "./open-object.js";
import { readPartTable } from "./part-table.js";
import type { PresentObject } from "./read-facts.js";
import type { PartEntry } from "./records.js";
import { readVersion } from "./versions.js";

/**
 * @returns undefined for an object that is no multipart object
 * @throws ServiceError NoSuchKey when it was replaced or deleted meanwhile
 * @throws BodyLostIntegrityError, PartTableIntegrityError when what is stored is not what was written
 */
export async function presentParts(room: Room, present: PresentObject): Promise<PartEntry[] | undefined> {
  const { bucket, key, version, object } = present;
  if (object.body.kind !== "parts") return undefined;
  const inc = bucket.record.incarnation;
  const entries = await readPartTable(room, inc, object.body);
  if (entries !== undefined) return entries;
  const now = await readVersion(room, inc, key, version.record.versionId);
  if (isDeepStrictEqual(now?.record.object?.body, object.body)) throw new BodyLostIntegrityError("the part table is lost");
  throw noSuchKey(key);
}
