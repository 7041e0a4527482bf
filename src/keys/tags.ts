/** Tags of keys: rules and texts. Source: kms.md §4.1, §14 of the reference. */
import { ServiceError } from "../lib/errors.js";
import type { Tag } from "../wire/tables/kms-types.js";
import { MAX_TAGS } from "./limits.js";

export interface CheckedTag {
  readonly TagKey: string;
  readonly TagValue: string;
}

/** @throws ServiceError TagException */
export function checkNewTags(tags: readonly Tag[]): CheckedTag[] {
  const checked = tags.map(({ TagKey = "", TagValue = "" }) => ({ TagKey, TagValue }));
  if (new Set(checked.map((tag) => tag.TagKey)).size !== checked.length) throw tagError("Duplicate tag keys");
  for (const tag of checked) refuseReserved(tag.TagKey);
  if (checked.length > MAX_TAGS) throw tagError("Too many tags");
  return checked;
}

/** @throws ServiceError TagException */
export function refuseReserved(tagKey: string): void {
  if (/^aws:/i.test(tagKey)) throw tagError("Tags beginning with aws: are reserved");
}

export function tagError(message: string): ServiceError {
  return new ServiceError("TagException", message);
}
