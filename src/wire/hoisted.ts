/**
 * Request headers as operations and policies see them: a presigned URL may carry any `x-amz-*` header in its query
 * ("hoisted" by the SDK's presigner), and it counts as if it were a header. A header that is really there wins.
 */
import type { Query } from "./contract.js";
import type { RequestHead } from "./types.js";

/** Reads one header by its lower-case name. Several of the same name are joined by `,`. */
export type HeaderReader = (name: string) => string | undefined;

export interface RequestHeaders {
  readonly get: HeaderReader;
  /** Name (without the prefix, lower case) and value of each header that begins with `prefix`, in order of arrival. */
  withPrefix(prefix: string): readonly (readonly [string, string])[];
}

/** Was the request signed in its query? */
export const isPresigned = (query: Query): boolean => query.has("X-Amz-Signature");

export function requestHeaders(head: RequestHead, query: Query): RequestHeaders {
  const presigned = isPresigned(query);
  let found: ReadonlyMap<string, string> | undefined;
  const hoisted = (): ReadonlyMap<string, string> => (found ??= hoistedHeaders(query));
  return {
    get(name) {
      const value = head.headers[name];
      if (value === undefined) return presigned ? hoisted().get(name) : undefined;
      return headerText(typeof value === "string" ? value : value.join(","));
    },
    withPrefix(prefix) {
      const values = new Map<string, string>();
      for (let at = 0; at + 1 < head.rawHeaders.length; at += 2) {
        const name = (head.rawHeaders[at] ?? "").toLowerCase();
        if (name.length <= prefix.length || !name.startsWith(prefix)) continue;
        const rest = name.slice(prefix.length);
        const value = headerText((head.rawHeaders[at + 1] ?? "").trim());
        const before = values.get(rest);
        values.set(rest, before === undefined ? value : `${before},${value}`);
      }
      for (const [name, value] of presigned ? hoisted() : []) {
        if (name.length > prefix.length && name.startsWith(prefix) && head.headers[name] === undefined)
          values.set(name.slice(prefix.length), value);
      }
      return [...values];
    },
  };
}

function hoistedHeaders(query: Query): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const [name, values] of query) {
    const lower = name.toLowerCase();
    if (lower.startsWith("x-amz-") && !isContentClaim(lower)) headers.set(lower, values.join(","));
  }
  return headers;
}

/**
 * A claim about a body that did not exist when the URL was signed: S3 ignores it in a query. The JavaScript SDK's presigner
 * signs the CRC32 of an empty body into every PutObject URL, and such a URL must upload any file.
 * `x-amz-checksum-mode`, `-algorithm` and `-type` are no such claims.
 */
export const isContentClaim = (name: string): boolean =>
  name === "x-amz-sdk-checksum-algorithm" || (name.startsWith("x-amz-checksum-") && !/-(mode|algorithm|type)$/.test(name));

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Node hands header bytes over as latin-1 characters; S3 takes them for UTF-8 where they are. */
export function headerText(value: string): string {
  if (!/[\x80-\xff]/.test(value)) return value;
  try {
    return utf8.decode(Buffer.from(value, "latin1"));
  } catch {
    // Not UTF-8: latin-1 is then what the bytes mean (RFC 9110 §5.5), and nothing is lost.
    return value;
  }
}
