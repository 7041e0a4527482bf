/**
 * GetObject. Order: authorization, existence, customer key, conditions, range, data key, manifest, first chunk; only then
 * is there an answer. Source: DESIGN §4; S3 API reference §5.2; authorization reference §5.1.
 */
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import type { OutputExtras } from "../wire/contract.js";
import type { GetObjectOutput, GetObjectRequest } from "../wire/tables/s3-types.js";
import { annotateObject } from "./audit-notes.js";
import { checksumMembers, shownChecksum } from "./checksum-fields.js";
import type { Room } from "./deps.js";
import { invalidArgument, invalidRequest, slowDown } from "./errors.js";
import { BodyGone, customerKeyFor, openObject, type OpenedObject } from "./open-object.js";
import { objectMembers, tagCount, validatorMembers } from "./object-answer.js";
import { numberedPart } from "./part-number.js";
import { judgeRead } from "./preconditions.js";
import { contentRange, parseRange, type ByteRange } from "./ranges.js";
import { findIn, findObject, GET_OBJECT, onVersion, requireObject, type PresentObject, type ReadFacts } from "./read-facts.js";
import { refuseWriteHeaders } from "./transport.js";

type Output = GetObjectOutput & OutputExtras;

/** How often a reader whose body was replaced under it reads the head again, before it asks its caller to come later. */
const REREADS = 64;

export function getObject(room: Room): AnyOperation {
  return defineOperation<GetObjectRequest, ReadFacts, Output>({
    service: "s3",
    name: "GetObject",
    resolve: (input, call) => findObject(room, call, input),
    permissions: (_input, facts, call) => [onVersion(room, call, facts, GET_OBJECT)],
    async run(input, facts, call) {
      refuseWriteHeaders(call);
      checkOverrides(call, input);
      if (input.Range !== undefined && input.PartNumber !== undefined) {
        throw invalidRequest("Cannot specify both Range header and partNumber query parameter");
      }
      let now = facts;
      for (let tries = 0; ; tries++) {
        try {
          return await attempt(room, call, input, now);
        } catch (error) {
          if (!(error instanceof BodyGone)) throw error;
          if (tries === REREADS) throw slowDown();
          // Another version is current now: it has its own tags, so the permission is judged again.
          now = await findIn(room, facts.bucket, facts.key, facts.versionId);
          await call.authorize(onVersion(room, call, now, GET_OBJECT));
        }
      }
    },
  });
}

async function attempt(room: Room, call: Call, input: GetObjectRequest, facts: ReadFacts): Promise<Output> {
  const present = await requireObject(room, call, facts);
  customerKeyFor(call, present, input)?.wipe();
  const { etag } = present.prints;
  const verdict = judgeRead(input, { etag, modifiedMs: present.version.record.modifiedMs });
  if (verdict === "not-modified") return { ...validatorMembers(present), $status: 304 };
  if (verdict !== "go") throw verdict;
  const { sizeBytes } = present.object;
  const range = input.PartNumber === undefined ? parseRange(input.Range, sizeBytes) : undefined;
  const opened = await openObject(room, call, present, input);
  let answer: Answer;
  try {
    answer = answerFor(input, opened, range);
  } catch (error) {
    opened.close();
    throw error;
  }
  annotateObject(call, present, present.object.encryption, answer.length);
  const count = await tagCount(room, call, present, input.VersionId);
  const Body = answer.length === 0 && sizeBytes > 0 ? closed(opened) : await opened.read(answer.range);
  const output: Output = objectMembers(present, input);
  override(output, input);
  Object.assign(output, answer.members);
  output.TagCount = count;
  output.ContentLength = answer.length;
  output.Body = Body;
  return output;
}

/** An empty part of a non-empty object. */
function closed(opened: OpenedObject): Uint8Array {
  opened.close();
  return new Uint8Array(0);
}

interface Answer {
  readonly range: ByteRange | undefined;
  readonly length: number;
  readonly members: Partial<Output>;
}

function answerFor(input: GetObjectRequest, { present, parts }: OpenedObject, range: ByteRange | undefined): Answer {
  const { sizeBytes } = present.object;
  const wantsChecksum = input.ChecksumMode?.toUpperCase() === "ENABLED";
  if (input.PartNumber !== undefined) return partAnswer(input.PartNumber, wantsChecksum, { present, parts });
  if (range !== undefined) {
    const members = { ContentRange: contentRange(range, sizeBytes), $status: 206 };
    return { range, length: range.end - range.start + 1, members };
  }
  return {
    range,
    length: sizeBytes,
    members: wantsChecksum ? shownChecksum(present.object.checksum, present.prints.checksum) : {},
  };
}

function partAnswer(
  partNumber: number,
  wantsChecksum: boolean,
  { present, parts }: Pick<OpenedObject, "present" | "parts">,
): Answer {
  const { object } = present;
  const part = numberedPart(partNumber, object.sizeBytes, parts);
  const members: Partial<Output> = {
    ...(part.range === undefined ? {} : { ContentRange: contentRange(part.range, object.sizeBytes), $status: 206 }),
    ...(part.count === undefined ? {} : { PartsCount: part.count }),
    ...(wantsChecksum ? partChecksum(present, part.checksum, part.count) : {}),
  };
  return { range: part.range, length: part.sizeBytes, members };
}

/** Parts of composite objects have checksums of their own; of full-object checksums no part can be shown. */
function partChecksum(
  { object, prints }: PresentObject,
  checksum: string | undefined,
  count: number | undefined,
): Partial<Output> {
  if (count === undefined) return shownChecksum(object.checksum, prints.checksum);
  if (object.checksum?.type !== "COMPOSITE" || checksum === undefined) return {};
  return { ...checksumMembers(object.checksum.algorithm, checksum), ChecksumType: "COMPOSITE" };
}

const OVERRIDES = [
  ["ResponseCacheControl", "CacheControl"],
  ["ResponseContentDisposition", "ContentDisposition"],
  ["ResponseContentEncoding", "ContentEncoding"],
  ["ResponseContentLanguage", "ContentLanguage"],
  ["ResponseContentType", "ContentType"],
  ["ResponseExpires", "Expires"],
] as const;

/** Only signed requests may choose response headers. */
function checkOverrides(call: Call, input: GetObjectRequest): void {
  for (const [from] of OVERRIDES) {
    const value = input[from];
    if (value === undefined) continue;
    if (call.authentication.type === "Anonymous") {
      throw invalidRequest("Request specific response headers cannot be used for anonymous GET requests.");
    }
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(value))
      throw invalidArgument("Header value cannot contain control characters", from, "");
  }
}

function override(output: Output, input: GetObjectRequest): void {
  for (const [from, to] of OVERRIDES) {
    const value = input[from];
    if (value !== undefined) output[to] = value;
  }
}
