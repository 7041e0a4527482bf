/**
 * Verifying one version of an object: its row, the pieces that it owns, its keys and manifest, its bytes.
 * Source: docs/reference/verify.md; docs/spec/objects.md §1, §3.
 */
import { isIntegrityError } from "../lib/errors.js";
import type { ChecksumAlgorithm } from "../wire/body.js";
import { wholeChecksum } from "./complete-parts.js";
import type { DataKeys } from "./data-keys.js";
import { multipartEtag, needsMd5 } from "./etags.js";
import { manifestBytes } from "./manifest.js";
import { readPartTable } from "./part-table.js";
import type { BucketRecord, ObjectFacts, PartEntry, Prints } from "./records.js";
import { checkSegment, detailOf, readSegment, type Digests, type SegmentPlace } from "./verify-body.js";
import { openForProof, proveCommitment, proveManifest } from "./verify-keys.js";
import { tableId, uploadOwner, versionName, type Unit, type Verifier } from "./verify-unit.js";
import { NULL_VERSION, sequenceOf } from "./version-ids.js";
import { printsOf, secretsOf, type HeadRow } from "./versions.js";

export interface VersionPlace {
  readonly bucket: BucketRecord;
  readonly row: HeadRow;
  /** Parts before this one (from 0) were read by an earlier unit, and all else was judged there. */
  readonly fromPart: number;
}

/** A version that has an object. */
interface Subject extends VersionPlace {
  readonly name: string;
  readonly object: ObjectFacts;
  readonly prints: Prints;
  /** In order; undefined: reported. */
  readonly parts: readonly PartEntry[] | undefined;
}

/** @returns the part that the next unit begins with; undefined: the version is done */
export async function checkVersion(verifier: Verifier, unit: Unit, place: VersionPlace): Promise<number | undefined> {
  const { bucket, row } = place;
  const { key, versionId, seq, object, marker } = row.clear;
  const name = versionName(bucket.name, key, versionId);
  if (place.fromPart > 0) return object === undefined ? undefined : readOn(
    verifier, unit, { ...place, name, object, prints: printsOf(row) },
  );
  if (versionId !== NULL_VERSION && sequenceOf(versionId) !== seq) {
    await unit.damage("version-id-wrong", name, `its id is not of version ${seq} of the key`);
  }
  if ((object === undefined) !== (marker === true)) {
    await unit.damage("version-malformed", name, "it is neither an object nor a delete marker");
  }
  if (object === undefined) return undefined;
  const parts = await partsOf(verifier, unit, { bucket, object, name });
  own(unit, bucket.incarnation, { object, parts, name });
  // A young row may own what is old: a change of tags makes it young.
  if (unit.depth === "OWNERS" || unit.isYoung(row.stamp)) return undefined;
  unit.counts.Versions += 1;
  const subject: Subject = { ...place, name, object, prints: printsOf(row), parts };
  const present = parts === undefined ? [] : await presentSegments(verifier, unit, subject, parts);
  return checkKeys(verifier, unit, subject, present);
}

/** The rest of a body that was too large for one unit: what is wrong with its parts beside their bytes has been said. */
async function readOn(verifier: Verifier, unit: Unit, subject: Omit<Subject, "parts">): Promise<number | undefined> {
  const draft = unit.draft();
  const parts = await partsOf(verifier, draft, subject);
  const present = parts === undefined ? [] : await presentSegments(verifier, draft, { ...subject, parts }, parts);
  return checkKeys(verifier, unit, { ...subject, parts }, present);
}

function own(unit: Unit, inc: string, { object, parts, name }: Pick<Subject, "object" | "parts" | "name">): void {
  const { body } = object;
  if (body.kind === "segment") {
    unit.owned.push({ Id: body.segment.id, Owner: name });
    return;
  }
  unit.owned.push({ Id: tableId(inc, body.uploadId), Owner: name });
  for (const { segment } of parts ?? []) unit.owned.push({ Id: segment.id, Owner: uploadOwner(body.uploadId) });
}

async function partsOf(
  { room }: Verifier, unit: Unit, { bucket, object, name }: Pick<Subject, "bucket" | "object" | "name">,
): Promise<readonly PartEntry[] | undefined> {
  const { body, sizeBytes, checksum } = object;
  if (body.kind === "segment") {
    const entry = { n: 1, segment: body.segment };
    if (body.segment.sizeBytes !== sizeBytes) await unit.damage("size-wrong", name, "its body has another size than the object");
    return [entry];
  }
  try {
    const entries = await readPartTable(room, bucket.incarnation, body);
    if (entries === undefined) {
      await unit.damage("part-table-missing", name, `rows of the part table of upload ${body.uploadId} are missing`);
      return undefined;
    }
    const sum = entries.reduce((all, { segment }) => all + segment.sizeBytes, 0);
    if (sum !== sizeBytes) await unit.damage("size-wrong", name, `its parts have ${sum} bytes, the object ${sizeBytes}`);
    if (checksum !== undefined && entries.some((entry) => entry.checksum === undefined)) {
      await unit.damage("part-checksum-missing", name, "a part has no checksum");
    }
    return entries;
  } catch (error) {
    if (!isIntegrityError(error)) throw error;
    await unit.damage("part-table-damaged", name, (error as Error).message);
    return undefined;
  }
}

type Placed = SegmentPlace & { readonly entry: PartEntry };

/** The pieces that are there as they should be, as far as that can be said without a key. */
async function presentSegments(verifier: Verifier, unit: Unit, subject: Subject, parts: readonly PartEntry[]): Promise<Placed[]> {
  const { object, bucket, name } = subject;
  const upload = object.body.kind === "parts" ? object.body.uploadId : undefined;
  const present: Placed[] = [];
  for (const entry of parts) {
    const part = upload === undefined ? "" : ` part ${entry.n}`;
    const place = {
      inc: bucket.incarnation,
      segment: entry.segment,
      layers: object.encryption.keys.length,
      upload,
      subject: `${name}${part}`,
      entry,
    };
    if (await checkSegment(verifier, unit, place)) present.push(place);
  }
  return present;
}

async function checkKeys(
  verifier: Verifier, unit: Unit, subject: Subject, present: readonly Placed[],
): Promise<number | undefined> {
  const { bucket, row, name, object, prints } = subject;
  try {
    const secrets = secretsOf(row);
    const place = { bucket, key: row.clear.key, encryption: object.encryption, kmsContext: secrets.kmsContext };
    const opened = await openForProof(verifier, place);
    if ("customer" in opened) unit.counts.CustomerKeyed += 1;
    else if ("unproven" in opened) await unprovenKey(unit, subject, opened.unproven);
    else {
      const { dataKeys } = opened;
      try {
        if (subject.fromPart > 0) return await readBody(verifier, unit, subject, { present, dataKeys });
        const inc = bucket.incarnation;
        const manifest = manifestBytes({ inc, key: row.clear.key, versionId: row.clear.versionId, facts: object, prints });
        await proveManifest(dataKeys, manifest, Buffer.from(object.manifest, "base64"));
        for (const { segment } of present) await proveCommitment(dataKeys, inc, segment);
        unit.counts.Opened += 1;
        if (unit.depth === "FULL") return await readBody(verifier, unit, subject, { present, dataKeys });
      } finally {
        dataKeys.wipe();
      }
    }
  } catch (error) {
    if (!isIntegrityError(error) && !(error instanceof Error && error.name === "KmsCiphertextError")) throw error;
    const fault = (error as Error).name === "OtherKeyIntegrityError" ? "opens-with-another-key" : "does-not-open";
    await unit.damage(fault, name, detailOf(error as Error));
  }
  return undefined;
}

/** A house key cannot be disabled or deleted by anyone: where it is gone, data is lost. */
async function unprovenKey(
  unit: Unit, { object, name }: Subject, reason: "disabled" | "pending-deletion" | "absent",
): Promise<void> {
  const keyArn = object.encryption.keyArn ?? "";
  if (object.encryption.mode === "AES256") await unit.damage("house-key-missing", name, `the house key ${keyArn} is ${reason}`);
  else unit.unproven(keyArn, reason);
}

interface Readable {
  readonly present: readonly Placed[];
  readonly dataKeys: DataKeys;
}

/** Part by part, until the unit is full. */
async function readBody(
  verifier: Verifier, unit: Unit, subject: Subject, { present, dataKeys }: Readable,
): Promise<number | undefined> {
  const { object, fromPart } = subject;
  const algorithms = algorithmsOf(object);
  const all: Digests[] = [];
  for (const [index, place] of present.entries()) {
    if (index < fromPart) continue;
    if (index > fromPart && unit.isFull) return index;
    const digests = await readSegment(verifier, unit, { ...place, dataKeys }, algorithms);
    if (digests === undefined) continue;
    all.push(digests);
    const { checksum } = place.entry;
    const found = object.checksum === undefined ? undefined : digests.get(object.checksum.algorithm)?.toString("base64");
    if (checksum !== undefined && checksum !== found) {
      await unit.damage("checksum-wrong", place.subject, "the part's checksum is not that of its bytes");
    }
  }
  if (subject.parts !== undefined && all.length === subject.parts.length) await checkPrints(unit, subject, all);
  return undefined;
}

function algorithmsOf({ checksum, encryption }: ObjectFacts): ChecksumAlgorithm[] {
  const algorithms = new Set<ChecksumAlgorithm>(needsMd5(encryption.mode) ? ["MD5"] : []);
  if (checksum !== undefined) algorithms.add(checksum.algorithm);
  return [...algorithms];
}

/** ETag and checksum of the whole object, from the bytes that were read. */
async function checkPrints(unit: Unit, { object, prints, parts, name }: Subject, digests: readonly Digests[]): Promise<void> {
  const { checksum, body, encryption } = object;
  const entries = (parts ?? []).map((entry, at) => {
    const digest = checksum === undefined ? undefined : digests[at]?.get(checksum.algorithm);
    return { ...entry, ...(digest === undefined ? {} : { checksum: digest.toString("base64") }) };
  });
  if (checksum !== undefined) {
    const whole = body.kind === "segment" ? entries[0]?.checksum : (await wholeChecksum({ checksum }, { entries })).value;
    if (whole !== prints.checksum) await unit.damage("checksum-wrong", name, "the object's checksum is not that of its bytes");
  }
  if (!needsMd5(encryption.mode)) return;
  const sums = digests.map((digest) => digest.get("MD5")?.toString("hex") ?? "");
  const etag = body.kind === "segment" ? sums[0] : multipartEtag(sums);
  if (etag !== prints.etag) await unit.damage("etag-wrong", name, "the object's ETag is not the MD5 of its bytes");
}
