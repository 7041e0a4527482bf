/**
 * Walks multipart uploads: the upload's rows agree, and the parts of one that may still be completed are there and open
 * with its data key. Parts of an upload that is over wait for the sweep: only that they are known to it is checked.
 */
import { isIntegrityError } from "../lib/errors.js";
import { decodeStrings } from "../stores/key-encoding.js";
import { damagedRow, openPage, openRow } from "../stores/verify-rows.js";
import type { ChecksumAlgorithm } from "../wire/body.js";
import type { DataKeys } from "./data-keys.js";
import { needsMd5 } from "./etags.js";
import { unpackJson, type BucketRecord, type PartPrints, type UploadRecord, type UploadSecrets } from "./records.js";
import type { UploadRow } from "./upload-facts.js";
import { checkSegment, detailOf, readSegment } from "./verify-body.js";
import { openForProof, proveCommitment } from "./verify-keys.js";
import { tableId, UNIT_ROWS, uploadOwner, type PhaseAt, type Unit, type Verifier } from "./verify-unit.js";

const UPLOAD_PARTS = { kind: "upload", parts: ["string", "string"] } as const;
const PART_PAGE = 100;

/** `after`: last upload row; `part`: last part row of the next one. */
export async function uploadsUnit(verifier: Verifier, unit: Unit, at: PhaseAt): Promise<PhaseAt> {
  const { room } = verifier;
  const after = typeof at?.["after"] === "string" ? Buffer.from(at["after"], "hex") : undefined;
  const page = await openPage(room.store, room.tables.uploads, { prefix: [], after, to: unit.to, limit: UNIT_ROWS });
  for (const { key, error } of page.damaged) await unit.report(damagedRow(UPLOAD_PARTS, key, error));
  let done: Buffer | undefined = after;
  let part: Buffer | undefined = typeof at?.["part"] === "string" ? Buffer.from(at["part"], "hex") : undefined;
  for (const row of page.rows) {
    const rest = unit.isFull ? {} : await uploadUnit(verifier, unit, row, part);
    part = undefined;
    if (rest !== undefined) return { ...(done === undefined ? {} : { after: done.toString("hex") }), ...rest };
    done = row.key;
  }
  return page.last === undefined ? undefined : { after: page.last.toString("hex") };
}

async function uploadUnit(
  verifier: Verifier, unit: Unit, row: UploadRow, from: Buffer | undefined,
): Promise<Readonly<Record<string, string>> | undefined> {
  const { room } = verifier;
  const inc = incarnationOf(row.key);
  const { uploadId, key, state } = row.clear;
  const bucket = await bucketOf(verifier, inc);
  const name = `upload ${uploadId} of s3://${bucket?.name ?? inc}/${key}`;
  // Pages may be there before the object is; the object's own claim comes with its head.
  if (from === undefined) unit.owned.push({ Id: tableId(inc, uploadId), Owner: "" });
  const open = state.kind !== "completed";
  if (open && from === undefined && !unit.isYoung(row.stamp)) await checkListed(verifier, unit, row, name);
  let opened: Promise<DataKeys | undefined> | undefined;
  try {
    let after = from;
    for (;;) {
      const parts = await openPage(room.store, room.tables.uploadParts, { prefix: [inc, uploadId], after, limit: PART_PAGE });
      for (const part of parts.rows) {
        await unit.turn();
        const { segment, partNumber } = part.clear;
        unit.owned.push({ Id: segment.id, Owner: uploadOwner(uploadId) });
        if (open && unit.depth !== "OWNERS" && !unit.isYoung(part.stamp)) {
          unit.counts.Versions += 1;
          opened ??= bucket === undefined ? Promise.resolve(undefined) : keysOf(verifier, unit, { bucket, row, name });
          const dataKeys = await opened;
          const place = {
            inc, segment, layers: row.clear.encryption.keys.length, upload: uploadId, subject: `${name} part ${partNumber}`,
          };
          const prints = unpackJson<PartPrints>(part.fingerprints) ?? { etag: "", checksums: {} };
          await checkPart(verifier, unit, { place, row, prints, dataKeys, partKey: part.key });
        }
        if (unit.isFull) return { part: part.key.toString("hex") };
      }
      if (parts.last === undefined) return undefined;
      after = parts.last;
    }
  } finally {
    (await opened)?.wipe();
  }
}

const incarnationOf = (key: Buffer): string => decodeStrings(key)[0] ?? "";

/** The bucket of an incarnation; undefined: it was deleted. */
async function bucketOf({ room }: Verifier, inc: string): Promise<BucketRecord | undefined> {
  for (let after: Buffer | undefined; ; ) {
    const page = await openPage(room.store, room.tables.buckets, { prefix: [], after, limit: 1000 });
    const found = page.rows.find(({ clear }) => clear.incarnation === inc);
    if (found !== undefined || page.last === undefined) return found?.clear;
    after = page.last;
  }
}

async function checkListed({ room }: Verifier, unit: Unit, row: UploadRow, name: string): Promise<void> {
  const { uploads, uploadsByKey } = room.tables;
  const { key, uploadId, createdMs, initiator, owner, storageClass, checksum } = row.clear;
  const rowKey = uploadsByKey.key(incarnationOf(row.key), key, uploadId);
  if ((await room.store.get([rowKey]))[0] !== undefined) return;
  const again = await openRow(uploads, row.key);
  if (again === undefined || again === "damaged" || again.clear.state.kind === "completed") return;
  const clear = {
    uploadId, key, createdMs, initiator, owner,
    ...(storageClass === undefined ? {} : { storageClass }),
    ...(checksum === undefined ? {} : { ca: checksum.algorithm, ct: checksum.type }),
  };
  await unit.damage("index-row-missing", name, "the upload is not in the list of its key", async () => ({
    checks: [{ key: again.key, stamp: again.stamp }],
    puts: [uploadsByKey.put(rowKey, { clear })],
  }));
}

interface OpenUpload {
  readonly bucket: BucketRecord;
  readonly row: UploadRow;
  readonly name: string;
}

async function keysOf(verifier: Verifier, unit: Unit, { bucket, row, name }: OpenUpload): Promise<DataKeys | undefined> {
  const { key, encryption } = row.clear;
  try {
    const { kmsContext } = unpackJson<UploadSecrets>(row.sealed()) ?? { kmsContext: undefined };
    const opened = await openForProof(verifier, { bucket, key, encryption, kmsContext });
    if ("dataKeys" in opened) return opened.dataKeys;
    if ("unproven" in opened) unit.unproven(encryption.keyArn ?? "", opened.unproven);
  } catch (error) {
    if (!isIntegrityError(error) && !(error instanceof Error && error.name === "KmsCiphertextError")) throw error;
    await unit.damage("does-not-open", name, detailOf(error as Error));
  }
  return undefined;
}

interface PartCheck {
  readonly place: Parameters<typeof checkSegment>[2];
  readonly row: { readonly clear: UploadRecord };
  readonly prints: PartPrints;
  readonly dataKeys: DataKeys | undefined;
  readonly partKey: Buffer;
}

/** Judged again if the part was replaced meanwhile. */
async function checkPart(verifier: Verifier, unit: Unit, part: PartCheck): Promise<void> {
  const draft = unit.draft();
  await provePart(verifier, draft, part);
  if (draft.findings.length > 0 && !(await isStill(verifier, part))) return;
  if (verifier.repairs && draft.findings.some(({ State }) => State === "REPAIRABLE")) await provePart(verifier, unit, part);
  else unit.take(draft);
}

async function isStill({ room }: Verifier, { partKey, place }: PartCheck): Promise<boolean> {
  const now = await openRow(room.tables.uploadParts, partKey);
  return now !== "damaged" && now?.clear.segment.id === place.segment.id;
}

async function provePart(verifier: Verifier, unit: Unit, { place, row, prints, dataKeys }: PartCheck): Promise<void> {
  const present = await checkSegment(verifier, unit, place);
  if (dataKeys === undefined) {
    if (row.clear.encryption.mode === "SSE-C") unit.counts.CustomerKeyed += 1;
    return;
  }
  if (!present) return;
  try {
    await proveCommitment(dataKeys, place.inc, place.segment);
    unit.counts.Opened += 1;
  } catch (error) {
    if (!isIntegrityError(error)) throw error;
    await unit.damage("does-not-open", place.subject, detailOf(error as Error));
    return;
  }
  if (unit.depth !== "FULL") return;
  const wanted = new Set<ChecksumAlgorithm>(Object.keys(prints.checksums) as ChecksumAlgorithm[]);
  const isMd5 = needsMd5(row.clear.encryption.mode);
  const digests = await readSegment(
    verifier, unit, { ...place, dataKeys }, [...wanted, ...(isMd5 && !wanted.has("MD5") ? ["MD5" as const] : [])],
  );
  if (digests === undefined) return;
  for (const [algorithm, value] of Object.entries(prints.checksums)) {
    if (digests.get(algorithm as ChecksumAlgorithm)?.toString("base64") === value) continue;
    await unit.damage("checksum-wrong", place.subject, `its ${algorithm} is not that of its bytes`);
  }
  if (isMd5 && digests.get("MD5")?.toString("hex") !== prints.etag) {
    await unit.damage("etag-wrong", place.subject, "its ETag is not the MD5 of its bytes");
  }
}
