/**
 * Names of blobs: random, so that a name says nothing and two writers never meet; checked, because engines build paths
 * of them.
 */
import { randomHex } from "../lib/ids.js";
import { StoreError, type BlobId } from "./contract.js";

const BLOB_ID = /^[0-9a-f]{32}$/;

/** A fresh blob id: 128 random bits. */
export function newBlobId(): BlobId {
  return randomHex(16);
}

/** @throws StoreError unless `id` has the form that `newBlobId` makes */
export function checkBlobId(id: BlobId): void {
  if (!BLOB_ID.test(id)) throw new StoreError("malformed blob id");
}
