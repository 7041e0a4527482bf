/**
 * A request's target and headers, taken apart once: routing, the claim and its proof read the same bytes, and a small
 * request spends more on reading them than on its cipher.
 */
import { recode } from "./recode.js";
import type { RequestHead } from "./types.js";
import { splitTarget } from "./uri.js";

type Values = ReadonlyMap<string, readonly string[]>;

export class RequestParts {
  readonly rawPath: string;
  readonly rawQuery: string;
  readonly #rawHeaders: readonly string[];
  #headers: Values | undefined;
  #parameters: readonly QueryParameter[] | undefined;

  /** @throws ServiceError InvalidURI */
  constructor(head: RequestHead) {
    const { rawPath, rawQuery } = splitTarget(head.target);
    this.rawPath = rawPath;
    this.rawQuery = rawQuery;
    this.#rawHeaders = head.rawHeaders;
  }

  /** All values of every header, by lower-case name, in the order received. */
  get headers(): Values {
    return (this.#headers ??= headerValues(this.#rawHeaders));
  }

  /** Name and value of each query parameter in canonical encoding, in the order sent. @throws ServiceError InvalidURI */
  get parameters(): readonly QueryParameter[] {
    return (this.#parameters ??= queryParameters(this.rawQuery));
  }
}

const known = new WeakMap<RequestHead, RequestParts>();

/** INVARIANT: a head is never changed once it is made. @throws ServiceError InvalidURI */
export function partsOf(head: RequestHead): RequestParts {
  let parts = known.get(head);
  if (parts === undefined) known.set(head, (parts = new RequestParts(head)));
  return parts;
}

export type QueryParameter = readonly [name: string, value: string];

/** Name and value of each query parameter in canonical encoding, in the order sent. @throws ServiceError InvalidURI */
export function queryParameters(query: string): readonly QueryParameter[] {
  if (query === "") return [];
  const out: [string, string][] = [];
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = equals < 0 ? pair : pair.slice(0, equals);
    out.push([recode(name, "query"), equals < 0 ? "" : recode(pair.slice(equals + 1), "query")]);
  }
  return out;
}

/** All values of every header, by lower-case name, in the order received. */
function headerValues(rawHeaders: readonly string[]): Map<string, string[]> {
  const out = new Map<string, string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? "").toLowerCase();
    const value = rawHeaders[i + 1] ?? "";
    const values = out.get(name);
    if (values === undefined) out.set(name, [value]);
    else values.push(value);
  }
  return out;
}
