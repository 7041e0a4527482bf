/** Lifecycle configurations on the wire: what Terraform and the SDKs compare with what they sent. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import {
  CreateBucketCommand, CreateMultipartUploadCommand, DeleteBucketLifecycleCommand, GetBucketLifecycleConfigurationCommand,
  HeadObjectCommand, PutBucketLifecycleConfigurationCommand, PutObjectCommand, type LifecycleRule,
} from "@aws-sdk/client-s3";
import { failure } from "./server.js";
import { codeOf, openWorld, unique } from "./world.js";

const world = await openWorld();
const Bucket = unique("lifecycle");
await world.s3.send(new CreateBucketCommand({ Bucket }));

describe("lifecycle over HTTP", () => {
  const get = () => world.s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
  const put = (Rules: LifecycleRule[]) =>
    world.s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules } }));

  it("comes back in order, dates and empty filters included, with the header that clients wait for", async () => {
    const rules: LifecycleRule[] = [
      { ID: "z", Status: "Enabled", Filter: {}, NoncurrentVersionExpiration: { NoncurrentDays: 3, NewerNoncurrentVersions: 2 } },
      { ID: "a", Status: "Disabled", Filter: { Prefix: "" }, Expiration: { Date: new Date("2027-02-01T00:00:00Z") } },
      { ID: "m", Status: "Enabled", Filter: { Tag: { Key: "k", Value: "" } }, Expiration: { Days: 1 } },
      {
        ID: "and", Status: "Enabled", Expiration: { Days: 4 },
        Filter: { And: { Prefix: "<&>/", Tags: [{ Key: "k", Value: "v" }], ObjectSizeGreaterThan: 0, ObjectSizeLessThan: 9 } },
      },
      { ID: "é", Status: "Enabled", Filter: { Prefix: "u/" }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 7 } },
    ];
    assert.equal((await put(rules)).TransitionDefaultMinimumObjectSize, "all_storage_classes_128K");
    const got = await get();
    assert.equal(got.TransitionDefaultMinimumObjectSize, "all_storage_classes_128K");
    assert.deepEqual(got.Rules, rules);
    const answer = await world.wire().send({ method: "GET", path: `/${Bucket}`, query: { lifecycle: "" } });
    const text = answer.body.toString("utf8");
    assert.match(text, /<LifecycleConfiguration xmlns="[^"]+"><Rule>/);
    assert.match(text, /<Filter(?:\/>|><\/Filter>)/, "the empty filter is there");
    assert.match(text, /<Date>2027-02-01T00:00:00(?:\.000)?Z<\/Date>/);
  });

  it("refuses transitions by name and documents that are none, and keeps what was there", async () => {
    await put([{ ID: "kept", Status: "Enabled", Filter: {}, Expiration: { Days: 1 } }]);
    const transition: LifecycleRule = { Status: "Enabled", Filter: {}, Transitions: [{ Days: 30, StorageClass: "GLACIER" }] };
    const refused = await failure(put([transition]));
    assert.deepEqual([refused.code, refused.status], ["NotImplemented", 501]);
    assert.match(refused.message, /Transitions are not implemented/);
    const rule = (inside: string): string => `<LifecycleConfiguration><Rule>${inside}</Rule></LifecycleConfiguration>`;
    const bad = [
      "", "<LifecycleConfiguration/>", "<x/>", rule("<Filter/><Expiration><Days>1</Days></Expiration>"),
      rule("<Status>On</Status><Filter/><Expiration><Days>1</Days></Expiration>"),
      rule("<Status>Enabled</Status><Filter/><Expiration><Days>soon</Days></Expiration>"),
      rule("<Status>Enabled</Status><Filter/><Expiration><Date>soon</Date></Expiration>"),
      rule("<Status>Enabled</Status><Filter/><Transition><Days>1</Days><StorageClass>COLD</StorageClass></Transition>"),
    ];
    for (const body of bad) {
      const headers = { "content-md5": createHash("md5").update(body).digest("base64") };
      const answer = await world.wire().send({ method: "PUT", path: `/${Bucket}`, query: { lifecycle: "" }, headers, body });
      assert.equal(answer.status, 400, body);
      assert.match(codeOf(answer.body.toString("utf8")), /^(MalformedXML|MissingRequestBodyError)$/, body);
    }
    assert.deepEqual((await get()).Rules?.map(({ ID }) => ID), ["kept"]);
  });

  it("tells in headers when a rule will act", async () => {
    await put([
      { ID: "x y", Status: "Enabled", Filter: {}, Expiration: { Days: 1 }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } },
    ]);
    const form = /^expiry-date="\w{3}, \d\d \w{3} \d{4} 00:00:00 GMT", rule-id="x%20y"$/;
    assert.match((await world.s3.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" }))).Expiration ?? "", form);
    assert.match((await world.s3.send(new HeadObjectCommand({ Bucket, Key: "k" }))).Expiration ?? "", form);
    const begun = await world.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: "k" }));
    assert.equal(begun.AbortRuleId, "x%20y");
    const aheadMs = (begun.AbortDate?.getTime() ?? 0) - Date.now();
    assert.ok(aheadMs > 23 * 3_600_000 && aheadMs <= 48 * 3_600_000, `${aheadMs} ms ahead`);
  });

  it("answers 204 to a deletion, and 404 afterwards", async () => {
    for (const _ of [1, 2]) {
      const { $metadata } = await world.s3.send(new DeleteBucketLifecycleCommand({ Bucket }));
      assert.equal($metadata.httpStatusCode, 204);
    }
    assert.deepEqual((await failure(get())).code, "NoSuchLifecycleConfiguration");
    const absent = await failure(world.s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket: `${Bucket}-x` })));
    assert.equal(absent.code, "NoSuchBucket");
  });
});
