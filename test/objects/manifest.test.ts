/** The manifest's bytes and MAC as stored, against a decoder written from docs/spec/objects.md §3 and sealed-stream.md §5. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openForProof } from "../../src/objects/verify-keys.js";
import { verifierOf } from "../../src/objects/verify-store.js";
import { printsOf } from "../../src/objects/versions.js";
import type { PartEntry, Segment } from "../../src/objects/records.js";
import * as independent from "../seal/independent.js";
import { pattern, World } from "./world.js";

const fieldsOf = ({ id, sizeBytes, at, prefixes, suite }: Segment) => [id, sizeBytes, at, prefixes, suite] as const;

async function expectedMac(world: World, key: string): Promise<{ readonly stored: string; readonly made: string }> {
  const bucket = (await world.room.tables.buckets.get("bucket"))?.clear;
  const head = await world.room.tables.heads.get(bucket?.incarnation ?? "", key);
  const object = head?.clear.object;
  assert.ok(bucket !== undefined && head !== undefined && object !== undefined);
  const { incarnation } = bucket;
  const { body, checksum, encryption, sizeBytes } = object;
  const prints = printsOf(head);
  const fields = [
    incarnation, key, head.clear.versionId, encryption.mode, sizeBytes, prints.etag,
    checksum?.algorithm ?? "", checksum?.type ?? "", prints.checksum ?? "",
  ];
  let described: Parameters<typeof independent.objectManifest>[1];
  if (body.kind === "segment") described = { segment: fieldsOf(body.segment) };
  else {
    const [page] = await world.room.tables.partTables.list({ prefix: [incarnation, body.uploadId], limit: 2 });
    const entries = JSON.parse(page?.sealed()?.toString("utf8") ?? "") as PartEntry[];
    const hash = independent.partTableHash(entries.map(({ n, segment, checksum: sum }) => [n, fieldsOf(segment), sum ?? ""]));
    described = { parts: [body.uploadId, entries.length, hash] };
  }
  const place = { bucket, key, encryption, kmsContext: undefined };
  const opened = await openForProof(verifierOf(world.room, world.keys, false), place);
  assert.ok("dataKeys" in opened);
  const mac = independent.manifestMac([...opened.dataKeys.bytes], independent.objectManifest(fields, described));
  return { stored: object.manifest, made: mac.toString("base64") };
}

test("manifests: single objects in one and two layers, and parts, have the MAC that the documents say", async () => {
  const world = new World();
  await world.bucket();
  await world.configure("bucket", { versioning: "Enabled" });
  await world.put("inline/é", pattern(100));
  await world.put("blob", pattern(70_000), { ServerSideEncryption: "aws:kms" });
  await world.put("layers", pattern(70_000), { ServerSideEncryption: "aws:kms:dsse" });
  const { UploadId } = await world.s3("CreateMultipartUpload", { Bucket: "bucket", Key: "parts", ChecksumAlgorithm: "SHA256" });
  const Parts: object[] = [];
  for (const PartNumber of [2, 5]) {
    const part = { Bucket: "bucket", Key: "parts", UploadId, PartNumber };
    const { ETag, ChecksumSHA256 } = await world.s3("UploadPart", part, { body: pattern(100_000, PartNumber) });
    Parts.push({ PartNumber, ETag, ChecksumSHA256 });
  }
  await world.s3("CompleteMultipartUpload", { Bucket: "bucket", Key: "parts", UploadId, MultipartUpload: { Parts } });
  for (const key of ["inline/é", "blob", "layers", "parts"]) {
    const { stored, made } = await expectedMac(world, key);
    assert.equal(made, stored, key);
  }
});
