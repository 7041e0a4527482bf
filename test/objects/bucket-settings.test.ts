/** Plain sub-resources of buckets. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { refused, World } from "./world.js";

it("request payment: that the owner pays may be said, that requesters pay is refused by name", async () => {
  const world = new World();
  await world.bucket();
  const put = (Payer: string) => world.s3("PutBucketRequestPayment", { Bucket: "bucket", RequestPaymentConfiguration: { Payer } });
  await put("BucketOwner");
  const { detail } = await refused(put("Requester"), "NotImplemented", /Requester pays/);
  assert.equal(detail.status, 501);
  assert.deepEqual(await world.s3("GetBucketRequestPayment", { Bucket: "bucket" }), { Payer: "BucketOwner" });
});
