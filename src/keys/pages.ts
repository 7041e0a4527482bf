/**
 * Pages of KMS lists. A marker is opaque, bound to the operation and everything that chose its list, and authenticated: one
 * that this service did not make for this very list is refused. Source: kms.md §16 of the reference.
 */
import { equalBytes, lengthPrefixed } from "../lib/bytes.js";
import { ServiceError } from "../lib/errors.js";
import type { Keyring } from "./root-key.js";

const MAC_BYTES = 16;

/** The list that a marker belongs to, e.g. `["ListGrants", region, keyId, grantee]`. */
export type ListScope = readonly string[];

export interface PageRequest {
  readonly Limit?: number | undefined;
  readonly Marker?: string | undefined;
}

/** Entries wanted: the caller's Limit, cut to AWS's maximum for this list. */
export function pageSize(input: PageRequest, size: { readonly byDefault: number; readonly max: number }): number {
  return Math.min(input.Limit ?? size.byDefault, size.max);
}

/**
 * Place after which the page begins; undefined for the first.
 * @throws ServiceError InvalidMarkerException
 */
export function pageStart(keyring: Keyring, scope: ListScope, input: PageRequest): Buffer | undefined {
  if (input.Marker === undefined) return undefined;
  const bytes = Buffer.from(input.Marker, "base64url");
  const place = bytes.subarray(MAC_BYTES);
  const genuine = bytes.length > MAC_BYTES && bytes.toString("base64url") === input.Marker;
  if (!genuine || !equalBytes(bytes.subarray(0, MAC_BYTES), markerMac(keyring, scope, place))) {
    const message = "The marker that specifies where pagination should next begin is not valid.";
    throw new ServiceError("InvalidMarkerException", message);
  }
  return place;
}

/** For `ListQuery`. */
export function behind(after: Buffer | undefined): { readonly after?: Buffer } {
  return after === undefined ? {} : { after };
}

/**
 * Answer members of one page.
 * @param items up to `limit + 1` entries with their places: the extra one says that more follow
 */
export function page<T>(
  keyring: Keyring, scope: ListScope, limit: number, items: readonly { readonly place: Buffer; readonly item: T }[],
): { readonly items: T[]; readonly Truncated: boolean; readonly NextMarker?: string } {
  const shown = items.slice(0, limit);
  const last = shown.at(-1);
  const entries = shown.map((entry) => entry.item);
  if (items.length <= limit || last === undefined) return { items: entries, Truncated: false };
  const marker = Buffer.concat([markerMac(keyring, scope, last.place), last.place]).toString("base64url");
  return { items: entries, Truncated: true, NextMarker: marker };
}

function markerMac(keyring: Keyring, scope: ListScope, place: Uint8Array): Buffer {
  return keyring.mac("kms-marker", lengthPrefixed(...scope, place)).subarray(0, MAC_BYTES);
}
