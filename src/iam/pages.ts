/**
 * IAM's pagination: `MaxItems`, `IsTruncated`, `Marker`. Markers are opaque and authenticated, bound to operation, account
 * and the list's own subject, so that none can be made up or carried over. Source: docs/reference/authorization.md §6.6.
 */
import { createHmac } from "node:crypto";
import { equalBytes, lengthPrefixed } from "../lib/bytes.js";
import { validationError } from "./errors.js";
import type { Fields } from "./fields.js";

export interface PageInput {
  readonly Marker?: string | undefined;
  readonly MaxItems?: number | undefined;
}

export interface PageOutput {
  readonly IsTruncated: boolean;
  readonly Marker?: string;
}

const DEFAULT_ITEMS = 100;
const MAC_BYTES = 16;

/** Checks the two members. @returns items wanted, 1 … 1000 */
export function pageSize(fields: Fields, input: PageInput): number {
  fields.optional("Marker", input.Marker, { min: 1, max: 320 });
  return fields.number("MaxItems", input.MaxItems, 1, 1000) ?? DEFAULT_ITEMS;
}

export class Markers {
  readonly #key: Buffer;

  /** @param key 32 secret bytes, the same in every process of the deployment */
  constructor(key: Buffer) {
    this.#key = key;
  }

  /**
   * @param scope operation, account and subject of the list
   * @param position where the next page begins
   */
  make(scope: readonly string[], position: string): string {
    const body = Buffer.from(position, "utf8");
    return Buffer.concat([this.#mac(scope, body), body]).toString("base64url");
  }

  /** @throws ServiceError ValidationError for a marker that this very list did not give out */
  read(scope: readonly string[], marker: string | undefined): string | undefined {
    if (marker === undefined) return undefined;
    const position = this.#open(scope, marker);
    if (position === undefined) throw validationError("Invalid Marker.");
    return position;
  }

  /** Was the marker given out by this very list? For lists in two parts. */
  recognises(scope: readonly string[], marker: string): boolean {
    return this.#open(scope, marker) !== undefined;
  }

  #open(scope: readonly string[], marker: string): string | undefined {
    const bytes = Buffer.from(marker, "base64url");
    if (bytes.length <= MAC_BYTES || bytes.toString("base64url") !== marker) return undefined;
    const body = bytes.subarray(MAC_BYTES);
    return equalBytes(bytes.subarray(0, MAC_BYTES), this.#mac(scope, body)) ? body.toString("utf8") : undefined;
  }

  /** One page of a list that is at hand whole. */
  slice<T>(
    scope: readonly string[], all: readonly T[], input: PageInput, size: number,
  ): { readonly items: readonly T[]; readonly page: PageOutput } {
    const start = Number(this.read(scope, input.Marker) ?? 0);
    const end = start + size;
    const page = end < all.length ? { IsTruncated: true, Marker: this.make(scope, String(end)) } : { IsTruncated: false };
    return { items: all.slice(start, end), page };
  }

  #mac(scope: readonly string[], body: Buffer): Buffer {
    const text = lengthPrefixed("iam marker v1", ...scope, body);
    return createHmac("sha256", this.#key).update(text).digest().subarray(0, MAC_BYTES);
  }
}
