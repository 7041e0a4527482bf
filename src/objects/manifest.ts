/**
 * The canonical bytes that an object's manifest MAC covers: names, size, fingerprints and segments, so that a row put in
 * another's place, a part swapped or dropped, or an older version replayed is detected by whoever holds the data key.
 * FORMAT: docs/spec/objects.md §3; every field length-prefixed.
 */
import { createHash } from "node:crypto";
import { lengthPrefixed } from "../lib/bytes.js";
import type { ObjectBody, ObjectFacts, PartEntry, Prints, Segment } from "./records.js";

export interface ManifestSubject {
  readonly inc: string;
  readonly key: string;
  readonly versionId: string;
  readonly facts: Omit<ObjectFacts, "manifest">;
  readonly prints: Prints;
}

const LABEL = "coffer/object-manifest/v1";

export function manifestBytes({ inc, key, versionId, facts, prints }: ManifestSubject): Buffer {
  const { checksum, encryption, body, sizeBytes } = facts;
  return lengthPrefixed(
    LABEL,
    inc,
    key,
    versionId,
    encryption.mode,
    String(sizeBytes),
    prints.etag,
    checksum?.algorithm ?? "",
    checksum?.type ?? "",
    prints.checksum ?? "",
    bodyBytes(body),
  );
}

function bodyBytes(body: ObjectBody): Buffer {
  if (body.kind === "segment") return lengthPrefixed("segment", segmentBytes(body.segment));
  return lengthPrefixed("parts", body.uploadId, String(body.count), body.hash);
}

function segmentBytes({ id, sizeBytes, at, prefixes, suite }: Segment): Buffer {
  return lengthPrefixed(id, String(sizeBytes), at, prefixes, String(suite));
}

/** Hash over a part table, entry by entry in order. */
export class PartTableHash {
  readonly #hash = createHash("sha256").update("coffer/part-table/v1");

  add(entry: PartEntry): void {
    this.#hash.update(lengthPrefixed(String(entry.n), segmentBytes(entry.segment), entry.checksum ?? ""));
  }
  /** base64 */
  digest(): string {
    return this.#hash.digest("base64");
  }
}
