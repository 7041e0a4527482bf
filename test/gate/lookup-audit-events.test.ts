/** coffer:LookupAuditEvents: rights, visibility, filters, pages. Source: docs/reference/coffer-verbs.md. */
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { test } from "node:test";
import { auditDirectory } from "../../src/gate/audit-directory.js";
import { AuditFile } from "../../src/gate/audit-file.js";
import { AuditRing } from "../../src/gate/audit-ring.js";
import { ManualClock } from "../../src/lib/clock.js";
import { ServiceError } from "../../src/lib/errors.js";
import type { Principal } from "../../src/policy/types.js";
import type { LookupAuditEventsRequest } from "../../src/wire/tables/coffer-types.js";
import { allIds, AWAY, HOME, lookupOver, record, root, START_MS, temporaryDirectory } from "./audit-world.js";

const KEY = `arn:aws:kms:us-east-1:${HOME}:key/1`;
const OBJECT = "arn:aws:s3:::b/k";
const ALICE = `arn:aws:iam::${HOME}:user/alice`;
const SESSION = `arn:aws:sts::${HOME}:assumed-role/worker/one`;

const coded = (code: string) => (error: unknown): boolean => error instanceof ServiceError && error.code === code;
const alice: Principal = { type: "User", accountId: HOME, arn: ALICE, principalArn: ALICE, userId: "AIDAALICE", userName: "alice" };

function ringOf(...records: readonly Record<string, unknown>[]): AuditRing {
  const ring = new AuditRing(new ManualClock(START_MS));
  for (const each of records) ring.append(each);
  return ring;
}

const s3 = (id: string, name: string, key = "k", over: object = {}) => {
  const resources = [{ type: "AWS::S3::Object", ARN: `arn:aws:s3:::b/${key}` }];
  return record(id, { eventName: name, requestParameters: { bucketName: "b", key }, resources, ...over });
};
const kms = (id: string, name: string, arn: string, extra: object = {}, over: object = {}) =>
  record(id, {
    eventSource: "kms.amazonaws.com", eventName: name, requestParameters: { keyId: KEY, encryptionContext: { "aws:s3:arn": arn } },
    resources: [{ ARN: KEY, accountId: HOME, type: "AWS::KMS::Key" }], additionalEventData: extra, ...over,
  });

test("only with the right: coffer:LookupAuditEvents on the account's audit log", async () => {
  const allow = (Resource: string) => ({ [ALICE]: [{ Effect: "Allow", Action: "coffer:LookupAuditEvents", Resource }] });
  const ring = ringOf(record("e"));
  const refused = await lookupOver(ring)({}, alice).then(() => undefined, (error: unknown) => error as Error);
  assert.ok(coded("AccessDeniedException")(refused));
  assert.ok(refused?.message.includes(`coffer:LookupAuditEvents on resource: arn:aws:coffer::${HOME}:audit`));
  const elsewhere = lookupOver(ring, undefined, allow(`arn:aws:coffer::${AWAY}:audit`));
  await assert.rejects(elsewhere({}, alice), coded("AccessDeniedException"));
  assert.equal((await lookupOver(ring, undefined, allow(`arn:aws:coffer::${HOME}:audit`))({}, alice)).Events.length, 1);
  assert.equal((await lookupOver(ring)({})).Events.length, 1, "the account's root");
});

test("events have CloudTrail's members, and the whole record", async () => {
  const userIdentity = { type: "IAMUser", userName: "alice", arn: ALICE, accountId: HOME, accessKeyId: "AKIA1" };
  const sent = s3("e1", "PutObject", "k", { userIdentity });
  const { Events: [event] } = await lookupOver(ringOf(sent))();
  const { CloudTrailEvent = "", ...rest } = event ?? {};
  assert.deepEqual(rest, {
    EventId: "e1", EventName: "PutObject", EventSource: "s3.amazonaws.com", EventTime: new Date(START_MS), ReadOnly: "false",
    Username: "alice", AccessKeyId: "AKIA1", Resources: [{ ResourceType: "AWS::S3::Object", ResourceName: OBJECT }],
  });
  assert.deepEqual(JSON.parse(CloudTrailEvent), { sequence: 0, recordedTime: "2026-01-01T00:00:00.000Z", ...sent });
});

test("another account sees nothing of what is not its own", async () => {
  const nobody = { userIdentity: { type: "AWSAccount", accountId: "anonymous" }, recipientAccountId: "" };
  const ring = ringOf(s3("a", "PutObject"), kms("b", "Decrypt", OBJECT), record("c", nobody));
  assert.deepEqual((await lookupOver(ring)({}, root(AWAY))).Events, []);
  assert.deepEqual(await allIds(lookupOver(ring)), ["b", "a"]);
});

test("the owner of a key sees who used it from elsewhere, without what concerns the caller's account only", async () => {
  const denial = { action: "kms:Decrypt", because: [{ source: "user/eve/inline/secret-policy" }] };
  const shownIdentity = { principalId: "AIDAEVE", accountId: AWAY };
  const hiddenIdentity = { arn: `arn:aws:iam::${AWAY}:user/eve`, accessKeyId: "AKIAEVE", userName: "eve" };
  const userIdentity = { type: "IAMUser", ...shownIdentity, ...hiddenIdentity };
  const over = { userIdentity, recipientAccountId: AWAY, errorCode: "AccessDeniedException", errorMessage: "User: eve is not …" };
  const ring = ringOf(kms("e", "Decrypt", "arn:aws:s3:::b/k", { denial, keyMaterialId: "m" }, over));
  const lookup = lookupOver(ring);
  const [event] = (await lookup({ KeyArn: KEY })).Events;
  const text = event?.CloudTrailEvent ?? "";
  assert.deepEqual((JSON.parse(text) as Record<string, unknown>)["userIdentity"], { type: "AWSAccount", ...shownIdentity });
  assert.ok(text.includes("keyMaterialId") && text.includes("AccessDeniedException"));
  for (const hidden of ["user/eve", "AKIAEVE", "secret-policy", "is not"]) assert.ok(!text.includes(hidden), hidden);
  assert.deepEqual([event?.Username, event?.AccessKeyId], [undefined, undefined]);
  assert.deepEqual((await lookup({ AccessKeyId: "AKIAEVE" })).Events, [], "a filter asks for nothing that is hidden");
  assert.deepEqual((await lookup({ PrincipalArn: `arn:aws:iam::${AWAY}:user/eve` })).Events, []);
  assert.ok((await lookup({ KeyArn: KEY }, root(AWAY))).Events[0]?.CloudTrailEvent.includes("secret-policy"), "its own account sees all");
});

test("filters: all that are given must hold", async () => {
  const at = (time: string) => ({ eventTime: `2026-01-01T00:00:${time}Z` });
  const by = (arn: string, accessKeyId: string) => ({ userIdentity: { type: "IAMUser", arn, accountId: HOME, accessKeyId } });
  const lookup = lookupOver(ringOf(
    s3("put", "PutObject", "k", { ...at("01"), ...by(ALICE, "AKIA1") }),
    s3("get", "GetObject", "k", { ...at("02"), ...by(SESSION, "ASIA2") }),
    s3("deep", "GetObject", "k/deeper", { ...at("03"), additionalEventData: { bucketKeyRead: { ciphertextId: "00ff", s3RequestId: "R" } } }),
    kms("key", "Decrypt", "arn:aws:s3:::b", { ciphertextId: "00ff", s3RequestId: "R" }, at("04")),
    record("copy", { ...at("05"), requestParameters: { bucketName: "other", key: "x", copySource: "/b/k%2Fdeeper?versionId=v" } }),
    record("list", { ...at("06"), requestParameters: { bucketName: "b2" } }),
  ));
  const rows: [LookupAuditEventsRequest, string[]][] = [
    [{}, ["list", "copy", "key", "deep", "get", "put"]],
    [{ EventName: "GetObject" }, ["deep", "get"]], [{ EventName: "getobject" }, []],
    [{ Bucket: "b" }, ["copy", "key", "deep", "get", "put"]], [{ Bucket: "b2" }, ["list"]], [{ Bucket: "other" }, ["copy"]],
    [{ KeyArn: KEY }, ["key"]], [{ KeyArn: `${KEY}0` }, []],
    [{ CiphertextId: "00ff" }, ["key", "deep"]], [{ CiphertextId: "00ff", EventName: "Decrypt" }, ["key"]],
    [{ AccessKeyId: "AKIA1" }, ["put"]], [{ PrincipalArn: ALICE }, ["put"]], [{ PrincipalArn: SESSION }, ["get"]],
    [{ PrincipalArn: `arn:aws:iam::${HOME}:role/path/worker` }, ["get"]], [{ PrincipalArn: `arn:aws:iam::${HOME}:role/work` }, []],
    [{ PrincipalArn: `arn:aws:iam::${AWAY}:role/worker` }, []],
    [{ StartTime: new Date(START_MS + 5000) }, []],
    [{ EndTime: new Date(START_MS + 2000) }, ["get", "put"]], [{ EndTime: new Date(START_MS + 1999) }, ["put"]],
    [{ ObjectArn: OBJECT }, ["get", "put"]], [{ ObjectArn: `${OBJECT}/deeper` }, ["copy", "deep"]],
    [{ ObjectArn: OBJECT, EventName: "GetObject", Bucket: "b" }, ["get"]],
  ];
  for (const [filter, expected] of rows) assert.deepEqual(await allIds(lookup, filter), expected, JSON.stringify(filter));
});

test("StartTime speaks of when a call came, to the second, though it was recorded later", async () => {
  const clock = new ManualClock(START_MS);
  const ring = new AuditRing(clock);
  for (let second = 0; second < 4; second++) {
    ring.append(record(`quick${second}`, { eventTime: `2026-01-01T00:00:0${second}Z` }));
    clock.advance(1000);
  }
  ring.append(record("slow", { eventTime: "2026-01-01T00:00:01Z" }));
  const from = (ms: number) => allIds(lookupOver(ring), { StartTime: new Date(START_MS + ms) });
  assert.deepEqual(await from(1000), ["slow", "quick3", "quick2", "quick1"]);
  assert.deepEqual(await from(1999), ["slow", "quick3", "quick2", "quick1"]);
  assert.deepEqual(await from(2000), ["quick3", "quick2"]);
});

test("an object under a bucket key: its own events and the KMS events that brought the keys, on whatever page", async () => {
  const write = (id: string, s3RequestId: string) => ({ additionalEventData: { bucketKeyWrite: { ciphertextId: id, s3RequestId } } });
  const read = (id: string, s3RequestId: string) => ({ additionalEventData: { bucketKeyRead: { ciphertextId: id, s3RequestId } } });
  const bucket = "arn:aws:s3:::b";
  const ring = ringOf(
    kms("foreign key", "GenerateDataKey", bucket, { ciphertextId: "f", s3RequestId: "R0" }),
    kms("generate", "GenerateDataKey", bucket, { ciphertextId: "c", s3RequestId: "R1" }),
    s3("first of the key", "PutObject", "other", write("c", "R1")),
    s3("put", "PutObject", "k", write("c", "R1")),
    kms("read by a stranger", "Decrypt", bucket, { ciphertextId: "c", s3RequestId: "R2" }),
    kms("decrypt", "Decrypt", bucket, { ciphertextId: "c", s3RequestId: "R3" }),
    s3("get", "GetObject", "k", read("c", "R3")),
    s3("get again", "GetObject", "k", read("c", "R3")),
    s3("other's get", "GetObject", "other", read("c", "R3")),
  );
  const expected = ["get again", "get", "decrypt", "put", "generate"];
  for (let MaxResults = 1; MaxResults <= 6; MaxResults++) {
    assert.deepEqual(await allIds(lookupOver(ring), { ObjectArn: OBJECT, MaxResults }), expected, String(MaxResults));
  }
  const { Events } = await lookupOver(ring)({ ObjectArn: OBJECT });
  assert.deepEqual(Events.map(({ CoversBucketKey }) => CoversBucketKey === true), [false, false, true, false, true]);
  assert.deepEqual(await allIds(lookupOver(ring), { ObjectArn: OBJECT, EventName: "GenerateDataKey" }), ["generate"]);
});

test("pages of every size give every event once, with records added meanwhile left out", async () => {
  const directory = temporaryDirectory();
  const clock = new ManualClock(START_MS);
  const files = [0, 1, 2].map(() => new AuditFile(directory, clock));
  for (let at = 0; at < 20; at++) {
    files[(at * 2) % 3]?.append(record(`e${at}`));
    if (at % 4 === 0) clock.advance(1);
  }
  const lookup = lookupOver(auditDirectory(directory), clock);
  const expected = await allIds(lookup);
  assert.equal(new Set(expected).size, 20);
  for (const MaxResults of [1, 2, 3, 7, 19, 20, 21]) {
    const found = await allIds(lookup, { MaxResults }, () => {
      clock.advance(1);
      files[MaxResults % 3]?.append(record("later"));
    });
    assert.deepEqual(found.filter((id) => id !== "later"), expected, String(MaxResults));
    const first = found.findIndex((id) => id !== "later");
    assert.ok(!found.slice(first).includes("later"));
  }
  files.forEach((file) => file.close());
});

test("one request looks at a bounded piece of the log, and says where to go on though it found nothing", async () => {
  const ring = new AuditRing(new ManualClock(START_MS), { records: 100, characters: 64 * 1024 * 1024 });
  ring.append(record("wanted", { eventName: "Wanted" }));
  for (let at = 0; at < 34; at++) ring.append(record(`e${at}`, { pad: "x".repeat(1024 * 1024) }));
  const lookup = lookupOver(ring);
  const first = await lookup({ EventName: "Wanted" });
  assert.deepEqual([first.Events, first.NextToken === undefined], [[], false]);
  assert.deepEqual(await allIds(lookup, { EventName: "Wanted" }), ["wanted"]);
  const { Events } = await lookup({ MaxResults: 1000 });
  assert.ok(Events.length >= 4 && Events.length < 10, "answers are bounded too");
});

test("what has to be remembered from page to page is bounded", async () => {
  const read = (at: number) =>
    s3(`e${at}`, "GetObject", "k", { additionalEventData: { bucketKeyRead: { ciphertextId: "c", s3RequestId: `R${at}` } } });
  const reads = (count: number) => Array.from({ length: count }, (_, at) => read(at));
  assert.equal((await allIds(lookupOver(ringOf(...reads(2000))), { ObjectArn: OBJECT })).length, 2000);
  await assert.rejects(allIds(lookupOver(ringOf(...reads(2001))), { ObjectArn: OBJECT }), coded("LimitExceededException"));
});

test("damaged lines are counted", async () => {
  const directory = temporaryDirectory();
  const file = new AuditFile(directory, new ManualClock(START_MS));
  file.append(record("a"));
  appendFileSync(file.path, 'nonsense\n{"sequence":1,"recordedTime":"2026-01-01T00:00:00.000Z",}\n');
  file.append(record("b"));
  const answer = await lookupOver(auditDirectory(directory))();
  assert.deepEqual([answer.Events.map(({ EventId }) => EventId), answer.UnreadableLines], [["b", "a"], 2]);
  file.close();
});

test("a token that was not given is refused, whatever it asks for", async () => {
  const directory = temporaryDirectory();
  const file = new AuditFile(directory, new ManualClock(START_MS));
  for (const id of ["a", "b"]) file.append(record(id));
  const lookup = lookupOver(auditDirectory(directory));
  const name = file.path.slice(directory.length + 1);
  const token = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  for (const bad of [
    "!", "", token({}), token([]), token([2, 0, name, 0, []]), token([1, -1, name, 0, []]), token([1, 0, name, 1.5, []]),
    token([1, 0, name, 1e300, []]), token([1, 0, 7, 0, []]), token([1, 0, name, 0, {}]), token([1, 0, name, 0, [1]]),
    token([1, START_MS, name, 5, []]), token([1, START_MS, name, 1e9, []]),
  ]) await assert.rejects(lookup({ NextToken: bad }), coded("InvalidNextTokenException"), bad);
  const elsewhere = await lookup({ NextToken: token([1, START_MS + 1, "../../etc/passwd", 10, []]) });
  assert.deepEqual(elsewhere.Events.map(({ EventId }) => EventId), ["b", "a"]);
  file.close();
});
