/** Everything this room offers. Sub-resource configurations of buckets: bucket-config.ts. */
import type { AnyOperation } from "../gate/contract.js";
import { abortMultipartUpload } from "./abort-upload.js";
import { deleteBucket, getBucketLocation, headBucket, listBuckets } from "./bucket-basics.js";
import { BucketKeyCache } from "./bucket-keys.js";
import { completeMultipartUpload } from "./complete-upload.js";
import { copyObject } from "./copy-object.js";
import { createBucket } from "./create-bucket.js";
import { createMultipartUpload } from "./create-upload.js";
import { deleteObject, deleteObjects } from "./delete-object.js";
import type { ObjectDeps, Room } from "./deps.js";
import { getObject } from "./get-object.js";
import { headObject } from "./head-object.js";
import { inspectObject } from "./inspect-object.js";
import { listObjects, listObjectsV2 } from "./list-objects.js";
import { listMultipartUploads, listParts } from "./list-uploads.js";
import { listObjectVersions } from "./list-versions.js";
import { getObjectAcl, putObjectAcl } from "./object-acl.js";
import { getObjectAttributes } from "./object-attributes.js";
import { deleteObjectTagging, getObjectTagging, putObjectTagging } from "./object-tagging.js";
import { putObject } from "./put-object.js";
import { openTables } from "./records.js";
import { uploadPart, uploadPartCopy } from "./upload-part.js";

/** The room's tables and caches over what it was given; one a process. */
export function openRoom(deps: ObjectDeps): Room {
  const { bucketKeyAgeMs, bucketKeyUses, bucketKeyEntries } = deps.settings.limits;
  const limits = { ageMs: bucketKeyAgeMs, uses: bucketKeyUses, entries: bucketKeyEntries };
  return {
    ...deps,
    store: deps.records.store,
    tables: openTables(deps.records),
    bucketKeys: new BucketKeyCache(deps.clock, limits),
  };
}

/** S3's operations on buckets and objects, and Coffer's own look at an object. */
export function objectOperations(deps: ObjectDeps): AnyOperation[] {
  return roomOperations(openRoom(deps));
}

/** The same over a room that others (jobs) share. */
export function roomOperations(room: Room): AnyOperation[] {
  const makers = [
    createBucket, headBucket, deleteBucket, getBucketLocation, listBuckets,
    putObject, getObject, headObject, getObjectAttributes, copyObject, deleteObject, deleteObjects,
    getObjectTagging, putObjectTagging, deleteObjectTagging, getObjectAcl, putObjectAcl,
    createMultipartUpload, uploadPart, uploadPartCopy, completeMultipartUpload, abortMultipartUpload, listParts, listMultipartUploads,
    listObjects, listObjectsV2, listObjectVersions,
    inspectObject,
  ];
  return makers.map((make) => make(room));
}
