/** Rules of this room's rows that stand for others: buckets by owner, older versions, listing rows, listed uploads. */
import { decodeKey } from "../stores/key-encoding.js";
import { refersTo, rowWalk, type RowWalk } from "../stores/verify-rows.js";
import type { Room } from "./deps.js";
import { inverted } from "./version-ids.js";

export function objectRowWalks({ tables, store }: Room): RowWalk[] {
  return [
    rowWalk(store, {
      table: tables.buckets,
      kind: "bucket",
      parts: ["string"],
      place: ({ name }) => tables.buckets.key(name),
      demands: ({ key, stamp, clear }) => {
        const owned = tables.bucketsByOwner.key(clear.ownerAccount, clear.name);
        return [
          refersTo(tables.bucketsByOwner, owned, {
            fault: "index-row-missing",
            detail: "it is not in the list of its owner's buckets",
            repair: async () => ({ checks: [{ key, stamp }], puts: [tables.bucketsByOwner.put(owned, { clear: {} })] }),
          }),
        ];
      },
    }),
    rowWalk(store, {
      table: tables.bucketsByOwner,
      kind: "bucket of owner",
      parts: ["string", "string"],
      demands: ({ key, stamp }) => {
        const [account, name] = decodeKey(key, ["string", "string"]);
        const bucketKey = tables.buckets.key(name);
        return [
          refersTo(tables.buckets, bucketKey, {
            fault: "bucket-missing",
            detail: "there is no such bucket, or it is another's",
            fits: ({ ownerAccount }) => ownerAccount === account,
            repair: async () => ({ checks: [{ key, stamp }, { key: bucketKey, stamp: "absent" }], deletes: [key] }),
          }),
        ];
      },
    }),
    rowWalk(store, {
      table: tables.versions,
      kind: "version",
      parts: ["string", "string", "number"],
      demands: ({ key: rowKey, clear: { key, seq } }) => {
        const [inc] = decodeKey(rowKey, ["string", "string", "number"]);
        return [
          {
            fault: "row-misplaced",
            detail: "the row stands under another key than its content",
            holds: async () => tables.versions.key(inc, key, inverted(seq)).equals(rowKey),
          },
          refersTo(tables.heads, tables.heads.key(inc, key), {
            fault: "head-missing",
            detail: "an older version of a key that has no current one, or one that knows nothing of it",
            fits: (head) => head.lastSeq >= seq && head.seq !== seq,
          }),
        ];
      },
    }),
    rowWalk(store, {
      table: tables.listable,
      kind: "listing row",
      parts: ["string", "string"],
      demands: ({ key: rowKey, stamp }) => {
        const [inc, key] = decodeKey(rowKey, ["string", "string"]);
        const headKey = tables.heads.key(inc, key);
        return [
          refersTo(tables.heads, headKey, {
            fault: "listing-row-wrong",
            detail: "a key is listed that does not exist",
            repair: async () => ({ checks: [{ key: rowKey, stamp }, { key: headKey, stamp: "absent" }], deletes: [rowKey] }),
          }),
        ];
      },
    }),
    rowWalk(store, {
      table: tables.uploadsByKey,
      kind: "listed upload",
      parts: ["string", "string", "string"],
      demands: ({ key: rowKey, stamp }) => {
        const [inc, , uploadId] = decodeKey(rowKey, ["string", "string", "string"]);
        const uploadKey = tables.uploads.key(inc, uploadId);
        return [
          refersTo(tables.uploads, uploadKey, {
            fault: "upload-missing",
            detail: "an upload is listed that is not open",
            fits: ({ state }) => state.kind !== "completed",
            repair: async () => ({ checks: [{ key: rowKey, stamp }, { key: uploadKey, stamp: "absent" }], deletes: [rowKey] }),
          }),
        ];
      },
    }),
  ];
}
