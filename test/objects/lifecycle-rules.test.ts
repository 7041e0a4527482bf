/** Lifecycle configurations: what is kept, and what is refused in which words. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { LifecycleRule } from "../../src/wire/tables/s3-types.js";
import type { Principal } from "../../src/policy/types.js";
import { refused, World } from "./world.js";

const MIDNIGHT = new Date("2027-01-01T00:00:00Z");
const days = { Expiration: { Days: 1 } };
const rule = (members: object = {}): LifecycleRule => ({ Status: "Enabled", Filter: {}, ...days, ...members }) as LifecycleRule;

async function put(world: World, Rules: readonly object[], more: object = {}): Promise<Record<string, unknown>> {
  return world.s3("PutBucketLifecycleConfiguration", { Bucket: "bucket", LifecycleConfiguration: { Rules }, ...more });
}
const get = (world: World): Promise<Record<string, unknown>> => world.s3("GetBucketLifecycleConfiguration", { Bucket: "bucket" });

async function opened(): Promise<World> {
  const world = new World();
  await world.bucket();
  return world;
}

describe("lifecycle configuration", () => {
  it("is absent at first, comes back as written, is replaced whole, and goes", async () => {
    const world = await opened();
    const absent = () => refused(get(world), "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist");
    assert.equal((await absent()).detail.status, 404);
    const rules = [
      rule({ ID: "b", Filter: { And: { Prefix: "x/", Tags: [{ Key: "k", Value: "" }], ObjectSizeLessThan: 5 } } }),
      rule({ ID: "a", Expiration: { Date: MIDNIGHT } }),
      rule({ ID: "0", Status: "Disabled", Expiration: { ExpiredObjectDeleteMarker: false } }),
    ];
    await put(world, rules);
    assert.deepEqual((await get(world))["Rules"], rules);
    await put(world, [{ ID: "old", Status: "Enabled", Prefix: "logs/", ...days }]);
    assert.deepEqual((await get(world))["Rules"], [{ ID: "old", Status: "Enabled", Prefix: "logs/", ...days }]);
    await world.s3("DeleteBucketLifecycle", { Bucket: "bucket" });
    await world.s3("DeleteBucketLifecycle", { Bucket: "bucket" });
    await absent();
  });

  it("names rules that have no id, each by its own", async () => {
    const world = await opened();
    await put(world, [rule(), rule({ ID: "" }), rule({ ID: "mine" })]);
    const ids = ((await get(world))["Rules"] as LifecycleRule[]).map(({ ID }) => ID);
    assert.match(ids[0] ?? "", /^[A-Za-z0-9+/]{48}$/);
    assert.equal(new Set(ids).size, 3);
    assert.equal(ids[2], "mine");
  });

  it("echoes the minimum size for transitions, with its default, on both Put and Get", async () => {
    const world = await opened();
    const name = "TransitionDefaultMinimumObjectSize";
    assert.equal((await put(world, [rule()]))[name], "all_storage_classes_128K");
    assert.equal((await get(world))[name], "all_storage_classes_128K");
    assert.equal((await put(world, [rule()], { [name]: "varies_by_storage_class" }))[name], "varies_by_storage_class");
    assert.equal((await get(world))[name], "varies_by_storage_class");
    await refused(put(world, [rule()], { [name]: "none" }), "InvalidRequest", `Invalid ${name} found: none`);
  });

  it("takes the bounds and what lies within", async () => {
    const world = await opened();
    await put(world, Array.from({ length: 1000 }, (_, n) => rule({ ID: `${n}` })));
    const tags = Array.from({ length: 10 }, (_, n) => ({ Key: `${n}`.repeat(128).slice(0, 128), Value: "v".repeat(256) }));
    const accepted = [
      { ID: "i".repeat(255) },
      { Filter: { Prefix: "p".repeat(1024) } },
      { Filter: { And: { Prefix: "", Tags: tags } } },
      { Filter: { Tag: { Key: "k", Value: "" } } },
      { Filter: { ObjectSizeGreaterThan: 0 } },
      { Filter: { ObjectSizeLessThan: 1 } },
      { Filter: { And: { ObjectSizeGreaterThan: 0, ObjectSizeLessThan: 1 } } },
      { Expiration: { Days: 2_147_483_647 } },
      { Expiration: { ExpiredObjectDeleteMarker: true } },
      { NoncurrentVersionExpiration: { NoncurrentDays: 1, NewerNoncurrentVersions: 1 } },
      { Expiration: undefined, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } },
    ];
    for (const members of accepted) await put(world, [rule(members)]);
    await put(world, [{ Status: "Enabled", Prefix: "a", ...days }, { Status: "Enabled", Prefix: "b", ...days }]);
  });

  it("needs its own permission", async () => {
    const world = await opened();
    const reader = world.allow("reader", [{ Effect: "Allow", Action: "s3:GetLifecycleConfiguration", Resource: "*" }]);
    const read = (as: Principal): Promise<unknown> => world.s3("GetBucketLifecycleConfiguration", { Bucket: "bucket" }, { as });
    await refused(read(reader), "NoSuchLifecycleConfiguration");
    const input = { Bucket: "bucket", LifecycleConfiguration: { Rules: [rule()] } };
    await refused(world.s3("PutBucketLifecycleConfiguration", input, { as: reader }), "AccessDenied");
    await refused(world.s3("DeleteBucketLifecycle", { Bucket: "bucket" }, { as: reader }), "AccessDenied");
    const statement = { Effect: "Allow", Action: "s3:PutLifecycleConfiguration", Resource: "arn:aws:s3:::bucket" };
    const writer = world.allow("writer", [statement]);
    await world.s3("PutBucketLifecycleConfiguration", input, { as: writer });
    await refused(read(writer), "AccessDenied");
    await world.s3("DeleteBucketLifecycle", { Bucket: "bucket" }, { as: writer });
  });
});

const ONE_KB = "x".repeat(1025);
const tag = (Key: string, Value = "") => ({ Key, Value });
const noncurrent = (NoncurrentVersionExpiration: object) => ({ NoncurrentVersionExpiration });
const abort = (DaysAfterInitiation: number) => ({ AbortIncompleteMultipartUpload: { DaysAfterInitiation } });
const LATER = new Date(MIDNIGHT.getTime() + 1000);
const V1 = { Filter: undefined, Prefix: "a" };

/** What is wrong, code, message. */
const REFUSALS: readonly (readonly [string, readonly object[], string, string?])[] = [
  ["no rule", [], "InvalidRequest", "At least one lifecycle rule must be specified."],
  [
    "1001 rules", Array.from({ length: 1001 }, (_, n) => rule({ ID: `${n}` })), "InvalidRequest",
    "The number of lifecycle rules must not exceed the allowed limit of 1000 rules.",
  ],
  ["an id of 256", [rule({ ID: "i".repeat(256) })], "InvalidArgument", "ID length should not exceed allowed limit of 255"],
  [
    "one id twice", [rule({ ID: "x" }), rule({ ID: "x" })], "InvalidArgument",
    "Rule ID must be unique. Found same ID for more than one rule",
  ],
  ["neither filter nor prefix", [rule({ Filter: undefined })], "MalformedXML"],
  ["no action", [rule({ Expiration: undefined })], "InvalidRequest", "At least one action needs to be specified in a rule"],
  ["two conditions outside And", [rule({ Filter: { Prefix: "a", ObjectSizeLessThan: 2 } })], "MalformedXML"],
  ["And with one condition", [rule({ Filter: { And: { Prefix: "a" } } })], "MalformedXML"],
  ["And with one tag", [rule({ Filter: { And: { Tags: [{ Key: "a", Value: "b" }] } } })], "MalformedXML"],
  ["a prefix of 1025 bytes", [rule({ Filter: { Prefix: ONE_KB } })], "InvalidArgument", "The maximum size of a prefix is 1024."],
  [
    "filter and base prefix", [rule({ Prefix: "a" })], "InvalidRequest",
    "Base level prefix cannot be used in Lifecycle V2, prefixes are only supported in the Filter.",
  ],
  ["a filter behind an old rule", [rule(V1), rule()], "InvalidRequest", "Filter element can only be used in Lifecycle V2."],
  [
    "old rules that overlap", [rule({ ...V1, ID: "1", Prefix: "a/" }), rule({ ...V1, ID: "2" })], "InvalidRequest",
    "Found overlapping prefixes 'a' and 'a/' for same action type 'Expiration'",
  ],
  [
    "newer, old rule", [rule({ ...V1, ...noncurrent({ NoncurrentDays: 1, NewerNoncurrentVersions: 1 }) })], "InvalidRequest",
    "NewerNoncurrentVersions element can only be used in Lifecycle V2.",
  ],
  [
    "one tag key twice", [rule({ Filter: { And: { Tags: [tag("a", "1"), tag("a", "2")] } } })], "InvalidRequest",
    "Duplicate Tag Keys are not allowed.",
  ],
  ["an empty tag key", [rule({ Filter: { Tag: tag("") } })], "InvalidRequest", "A Tag's Key must be a length between 1 and 128."],
  [
    "a size below 0", [rule({ Filter: { ObjectSizeGreaterThan: -1 } })], "InvalidRequest",
    "'ObjectSizeGreaterThan' should be between 0 and 1099511627776000.",
  ],
  [
    "a size limit of 0", [rule({ Filter: { ObjectSizeLessThan: 0 } })], "InvalidRequest",
    "'ObjectSizeLessThan' should be between 1 and 1099511627776000.",
  ],
  [
    "sizes that exclude all", [rule({ Filter: { And: { ObjectSizeGreaterThan: 5, ObjectSizeLessThan: 5 } } })], "InvalidRequest",
    "'ObjectSizeLessThan' has to be a value greater than 'ObjectSizeGreaterThan'.",
  ],
  ["0 days", [rule({ Expiration: { Days: 0 } })], "InvalidArgument", "'Days' for Expiration action must be a positive integer"],
  ["a date within a day", [rule({ Expiration: { Date: LATER } })], "InvalidArgument", "'Date' must be at midnight GMT"],
  ["an expiration that says nothing", [rule({ Expiration: {} })], "MalformedXML"],
  ["days and date", [rule({ Expiration: { Days: 1, Date: MIDNIGHT } })], "MalformedXML"],
  ["days and marker", [rule({ Expiration: { Days: 1, ExpiredObjectDeleteMarker: true } })], "MalformedXML"],
  ["noncurrent without days", [rule({ NoncurrentVersionExpiration: { NewerNoncurrentVersions: 1 } })], "MalformedXML"],
  [
    "0 noncurrent days", [rule({ NoncurrentVersionExpiration: { NoncurrentDays: 0 } })], "InvalidArgument",
    "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer",
  ],
  [
    "0 newer versions", [rule(noncurrent({ NoncurrentDays: 1, NewerNoncurrentVersions: 0 }))], "InvalidArgument",
    "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be a positive integer",
  ],
  ["an abort without days", [rule({ AbortIncompleteMultipartUpload: {} })], "MalformedXML"],
  [
    "an abort after 0 days", [rule({ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 0 } })], "InvalidArgument",
    "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer",
  ],
  [
    "an abort by tag", [rule({ Filter: { Tag: tag("a") }, ...abort(1) })], "InvalidRequest",
    "AbortIncompleteMultipartUpload cannot be specified with Tags.",
  ],
  [
    "an abort by size", [rule({ Filter: { ObjectSizeLessThan: 9 }, ...abort(1) })], "InvalidRequest",
    "AbortIncompleteMultipartUpload cannot be specified with Object Size.",
  ],
  [
    "markers by tag", [rule({ Filter: { Tag: tag("a") }, Expiration: { ExpiredObjectDeleteMarker: true } })], "InvalidRequest",
    "ExpiredObjectDeleteMarker cannot be specified with Tags.",
  ],
  ["a transition without class", [rule({ Transitions: [{ Days: 1 }] })], "MalformedXML"],
  ["a transition without time", [rule({ Transitions: [{ StorageClass: "GLACIER" }] })], "MalformedXML"],
  [
    "infrequent access too early", [rule({ Transitions: [{ Days: 29, StorageClass: "STANDARD_IA" }] })], "InvalidArgument",
    "'Days' in Transition action must be greater than or equal to 30 for storageClass 'STANDARD_IA'",
  ],
  [
    "days here, a date there", [rule({ Transitions: [{ Date: MIDNIGHT, StorageClass: "GLACIER" }] })], "InvalidRequest",
    "Found mixed 'Date' and 'Days' based Expiration and Transition actions in lifecycle rule",
  ],
  ["a transition", [rule({ Transitions: [{ Days: 30, StorageClass: "GLACIER" }] })], "NotImplemented"],
  ["one of old versions", [rule({ NoncurrentVersionTransitions: [{ NoncurrentDays: 1, StorageClass: "X" }] })], "NotImplemented"],
];

describe("lifecycle configuration, refused and nothing kept", () => {
  for (const [what, rules, code, message] of REFUSALS) {
    it(what, async () => {
      const world = await opened();
      const error = await refused(put(world, rules), code, message);
      assert.equal(error.detail.status, code === "NotImplemented" ? 501 : 400);
      await refused(get(world), "NoSuchLifecycleConfiguration");
    });
  }
});
