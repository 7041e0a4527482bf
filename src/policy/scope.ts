/**
 * The condition keys of one request, looked up as AWS does: names without regard to case, except the tag-key part of
 * S3 object tags, whose keys are case-sensitive. Source: authorization reference §1.5 (last paragraph).
 */
import type { Context, ContextValue } from "./types.js";

const CASE_SENSITIVE_TAIL = ["s3:existingobjecttag/", "s3:requestobjecttag/"];

/** Names come back at every request; the few hundred that there are need folding once. Bounded: tags are caller's text. */
const normalized = new Map<string, string>();
const MAX_NORMALIZED = 1024;
const MAX_REMEMBERED_LENGTH = 64;

/** The form under which a key is stored and looked up. */
export function normalizeKey(key: string): string {
  let form = normalized.get(key);
  if (form === undefined) {
    form = folded(key);
    if (normalized.size < MAX_NORMALIZED && key.length <= MAX_REMEMBERED_LENGTH) normalized.set(key, form);
  }
  return form;
}

function folded(key: string): string {
  const lower = key.toLowerCase();
  for (const prefix of CASE_SENSITIVE_TAIL) if (lower.startsWith(prefix)) return prefix + key.slice(prefix.length);
  return lower;
}

/** Lookups into a context, which is made at the first one: most statements fail before their conditions, or have none. */
export class Scope {
  readonly #contextOf: () => Context | undefined;
  #table: Map<string, ContextValue> | undefined;

  constructor(contextOf: () => Context | undefined) {
    this.#contextOf = contextOf;
  }

  /** @param key normalised; @returns undefined when absent or an empty set */
  values(key: string): ContextValue | undefined {
    this.#table ??= tableOf(this.#contextOf() ?? {});
    return this.#table.get(key);
  }

  /** For policy variables: single values only. */
  readonly variable = (key: string): string | undefined => {
    const value = this.values(normalizeKey(key));
    return typeof value === "string" ? value : undefined;
  };
}

function tableOf(context: Context): Map<string, ContextValue> {
  const table = new Map<string, ContextValue>();
  for (const name of Object.keys(context)) {
    const value = context[name];
    if (value === undefined || (typeof value !== "string" && value.length === 0)) continue;
    const key = normalizeKey(name);
    const earlier = table.get(key);
    // Two spellings of one key (tags, encryption contexts) are several values: nothing may pick the friendlier one.
    table.set(key, earlier === undefined ? value : [earlier, value].flat());
  }
  return table;
}
