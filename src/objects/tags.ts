/** Object tags: the `x-amz-tagging` header (form encoding) and the XML tag set, with S3's rules. */
import { ServiceError } from "../lib/errors.js";
import type { Tag } from "./records.js";

export const MAX_OBJECT_TAGS = 10;
const ALLOWED = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/**
 * Tags of `x-amz-tagging`, e.g. `a=1&b=x%20y`.
 * @throws ServiceError InvalidArgument, InvalidTag, BadRequest
 */
export function parseTagHeader(header: string | undefined): readonly Tag[] | undefined {
  if (header === undefined) return undefined;
  const tags = splitTags(header);
  if (tags === undefined) {
    throw new ServiceError(
      "InvalidArgument",
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
      {
        fields: { ArgumentName: "x-amz-tagging", ArgumentValue: header },
      },
    );
  }
  return checkTags(tags);
}

/** The same without judging, for condition keys; what cannot be decoded gives no tags. */
export function peekTagHeader(header: string | undefined): readonly Tag[] {
  return header === undefined ? [] : (splitTags(header) ?? []);
}

function splitTags(header: string): Tag[] | undefined {
  const tags: Tag[] = [];
  for (const pair of header.split("&")) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    try {
      const Key = decodeForm(at < 0 ? pair : pair.slice(0, at));
      tags.push({ Key, Value: at < 0 ? "" : decodeForm(pair.slice(at + 1)) });
    } catch {
      return undefined;
    }
  }
  return new Set(tags.map((tag) => tag.Key)).size === tags.length ? tags : undefined;
}

const decodeForm = (text: string): string => decodeURIComponent(text.replace(/\+/g, " "));

/**
 * @param limit 10 for objects, 50 for buckets
 * @throws ServiceError BadRequest, InvalidTag
 */
export function checkTags(tags: readonly Tag[], limit: number = MAX_OBJECT_TAGS): readonly Tag[] {
  if (tags.length > limit) {
    const text =
      limit === MAX_OBJECT_TAGS ? "Object tags cannot be greater than 10" : `Bucket tag count cannot be greater than ${limit}`;
    throw new ServiceError("BadRequest", text, { status: 400 });
  }
  const seen = new Set<string>();
  for (const { Key, Value } of tags) {
    if (seen.has(Key)) throw invalidTag("Cannot provide multiple Tags with the same key", Key);
    seen.add(Key);
    if (Key.length === 0 || Key.length > 128 || !ALLOWED.test(Key))
      throw invalidTag("The TagKey you have provided is invalid", Key);
    if (Value.length > 256 || !ALLOWED.test(Value)) throw invalidTag("The TagValue you have provided is invalid", Key, Value);
    if (Key.toLowerCase().startsWith("aws:")) throw invalidTag("System tags cannot be added/updated by requester", Key);
  }
  return tags;
}

function invalidTag(message: string, key: string, value?: string): ServiceError {
  const fields = { TagKey: key, ...(value === undefined ? {} : { TagValue: value }) };
  return new ServiceError("InvalidTag", message, { status: 400, fields });
}
