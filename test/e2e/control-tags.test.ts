/**
 * S3 Control's tag calls, as newer Terraform providers make them: through AWS's SDK, which puts the account id before the
 * host name. Source: S3 API reference §4.1, §5.1.
 */
import assert from "node:assert/strict";
import { Agent } from "node:http";
import type { LookupFunction } from "node:net";
import { test } from "node:test";
import { GetBucketTaggingCommand } from "@aws-sdk/client-s3";
import {
  ListTagsForResourceCommand,
  S3ControlClient,
  TagResourceCommand,
  UntagResourceCommand,
  type S3ControlClientConfig,
} from "@aws-sdk/client-s3-control";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { failure, ROOT, type Credentials } from "./server.js";
import { ACCOUNT, AWAY, AWAY_ROOT, openWorld, S3_ALL } from "./world.js";

const world = await openWorld();
const Bucket = await world.bucket("control-tags");
const ResourceArn = `arn:aws:s3:::${Bucket}`;
const hosts: string[] = [];

/** `ACCOUNT.localhost` is this machine, whatever the resolver says. */
const lookup: LookupFunction = (hostname, options, callback) => {
  hosts.push(hostname);
  if (options.all === true) callback(null, [{ address: "127.0.0.1", family: 4 }]);
  else callback(null, "127.0.0.1", 4);
};

function control(credentials: Credentials): S3ControlClient {
  const settings: S3ControlClientConfig = {
    endpoint: world.server.httpUrl.replace("127.0.0.1", "localhost"),
    region: "us-east-1",
    credentials: { ...credentials },
    maxAttempts: 1,
    requestHandler: new NodeHttpHandler({ httpAgent: new Agent({ lookup }) }),
  };
  return new S3ControlClient(settings);
}

test("tags are set, listed and taken away under the account's host name, and S3 sees the same tags", async () => {
  const client = control(ROOT);
  const list = async (): Promise<unknown> => (await client.send(new ListTagsForResourceCommand({ AccountId: ACCOUNT, ResourceArn }))).Tags;
  assert.deepEqual(await list(), []);
  const Tags = [
    { Key: "team", Value: "letters" },
    { Key: "stage", Value: "test" },
  ];
  await client.send(new TagResourceCommand({ AccountId: ACCOUNT, ResourceArn, Tags }));
  assert.deepEqual(await list(), Tags);
  await client.send(new TagResourceCommand({ AccountId: ACCOUNT, ResourceArn, Tags: [{ Key: "stage", Value: "live" }] }));
  await client.send(new UntagResourceCommand({ AccountId: ACCOUNT, ResourceArn, TagKeys: ["team", "absent"] }));
  assert.deepEqual(await list(), [{ Key: "stage", Value: "live" }]);
  assert.deepEqual((await world.s3.send(new GetBucketTaggingCommand({ Bucket }))).TagSet, [{ Key: "stage", Value: "live" }]);
  assert.deepEqual([...new Set(hosts)], [`${ACCOUNT}.localhost`]);
  client.destroy();
});

test("another account's id, a stranger and a user without the right are refused; an absent bucket is named", async () => {
  const own = control(ROOT);
  const stranger = control(AWAY_ROOT);
  const reader = control((await world.user("reader", [{ ...S3_ALL, Action: "s3:ListTagsForResource" }])).credentials);
  const tag = { ResourceArn, Tags: [{ Key: "a", Value: "b" }] };
  assert.equal((await failure(own.send(new TagResourceCommand({ AccountId: AWAY, ...tag })))).status, 403);
  assert.equal((await failure(stranger.send(new TagResourceCommand({ AccountId: AWAY, ...tag })))).code, "AccessDenied");
  assert.equal((await failure(reader.send(new TagResourceCommand({ AccountId: ACCOUNT, ...tag })))).code, "AccessDenied");
  await reader.send(new ListTagsForResourceCommand({ AccountId: ACCOUNT, ResourceArn }));
  const absent = own.send(new ListTagsForResourceCommand({ AccountId: ACCOUNT, ResourceArn: `${ResourceArn}-absent` }));
  assert.deepEqual([(await failure(absent)).code], ["NoSuchBucket"]);
  for (const client of [own, stranger, reader]) client.destroy();
});
