/** rclone without its own encryption: sync both ways, checks by hash and by download, server-side copy, streamed uploads. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { GetBucketOwnershipControlsCommand } from "@aws-sdk/client-s3";
import { ROOT } from "../e2e/server.js";
import { bytesOf, MIB, openWorld, unique } from "../e2e/world.js";
import { assertTree, TREE, writeTree } from "./files.js";
import { run, scratch, succeed, withProgram, type RunOptions } from "./programs.js";

await withProgram("rclone", "rclone", async (path) => {
  const world = await openWorld();
  const home = scratch();
  const bucket = unique("rclone");
  const remote = (name: string, endpoint: string, more: readonly string[] = []) => [
    `[${name}]`,
    "type = s3",
    "provider = Other",
    `access_key_id = ${ROOT.accessKeyId}`,
    `secret_access_key = ${ROOT.secretAccessKey}`,
    `endpoint = ${endpoint}`,
    "region = us-east-1",
    "chunk_size = 5M",
    "upload_cutoff = 5M",
    ...more,
    "",
  ];
  const { httpUrl, httpsUrl, caFile } = world.server;
  const config = [
    ...remote("plain", httpUrl),
    ...remote("tls", httpsUrl),
    ...remote("kms", httpsUrl, ["server_side_encryption = aws:kms", `sse_kms_key_id = ${await world.key()}`]),
    // A bucket made elsewhere has ACLs disabled: of canned ACLs it accepts this one, and rclone before 1.62 always sends one.
    ...remote("enforced", httpUrl, ["acl = bucket-owner-full-control"]),
  ];
  writeFileSync(join(home, "rclone.conf"), config.join("\n"));
  const flags = ["--config", join(home, "rclone.conf"), "--ca-cert", caFile, "--retries", "1", "--low-level-retries", "1"];
  const rclone = (args: string[], options: RunOptions = {}) => succeed(path, [...flags, ...args], home, options);
  writeTree(join(home, "tree"));

  for (const name of ["plain", "tls", "kms"]) {
    const place = `${name}:${bucket}/${name}`;

    test(`rclone ${name}: mkdir, sync up, check by hash and by download, sync down`, async () => {
      await rclone(["mkdir", `${name}:${bucket}`]);
      await rclone(["sync", "tree", place]);
      await rclone(["check", "tree", place]);
      await rclone(["check", "--download", "tree", place]);
      await rclone(["sync", place, `back-${name}`]);
      assertTree(join(home, `back-${name}`));
    });
  }

  test("rclone check finds one changed byte", async () => {
    writeTree(join(home, "other"), new Map([...TREE, ["one", Buffer.from("2")]]));
    const { code, stderr } = await run(path, [...flags, "check", "other", `plain:${bucket}/plain`], home);
    assert.notEqual(code, 0);
    assert.match(stderr, /1 differences found/);
  });

  test("rclone sync removes what the source has no more, and nothing else", async () => {
    const fewer = new Map([...TREE].filter(([name]) => !name.startsWith("deep/")));
    writeTree(join(home, "fewer"), fewer);
    await rclone(["sync", "fewer", `plain:${bucket}/plain`]);
    await rclone(["sync", `plain:${bucket}/plain`, "back-fewer"]);
    assertTree(join(home, "back-fewer"), fewer);
  });

  test("rclone copies and moves on the server, reads a piece, streams an upload of unknown length", async () => {
    await rclone(["copyto", `plain:${bucket}/plain/large.bin`, `plain:${bucket}/copy`]);
    await rclone(["moveto", `plain:${bucket}/copy`, `plain:${bucket}/moved`]);
    await rclone(["copyto", `plain:${bucket}/moved`, "moved/large.bin"]);
    assertTree(join(home, "moved"), new Map([["large.bin", TREE.get("large.bin") ?? Buffer.alloc(0)]]));
    const piece = await rclone(["cat", "--offset", "7", "--count", "9", `plain:${bucket}/plain/canary.txt`]);
    assert.equal(piece, TREE.get("canary.txt")?.toString().slice(7, 16));
    const streamed = bytesOf(6 * MIB + 1, 99);
    await rclone(["rcat", "--streaming-upload-cutoff", "1M", `plain:${bucket}/streamed`], { input: streamed });
    await rclone(["copyto", `tls:${bucket}/streamed`, "streamed/bytes"]);
    assertTree(join(home, "streamed"), new Map([["bytes", streamed]]));
  });

  test("the canned ACL private, which rclone sends, makes a bucket with ACLs on; else they are off", async () => {
    const ownership = async (Bucket: string): Promise<string | undefined> => {
      const { OwnershipControls } = await world.s3.send(new GetBucketOwnershipControlsCommand({ Bucket }));
      return OwnershipControls?.Rules?.[0]?.ObjectOwnership;
    };
    assert.equal(await ownership(bucket), "BucketOwnerPreferred");
    assert.equal(await ownership(await world.bucket()), "BucketOwnerEnforced");
    assert.equal(
      await ownership(await world.bucket("b", { ACL: "private", ObjectOwnership: "BucketOwnerEnforced" })),
      "BucketOwnerEnforced",
    );
  });

  test("rclone with a bucket of AWS's defaults, where ACLs are disabled", async () => {
    const enforced = await world.bucket("enforced");
    await rclone(["sync", "tree", `enforced:${enforced}`]);
    await rclone(["check", "tree", `enforced:${enforced}`]);
  });

  test("rclone purge removes the objects and the bucket", async () => {
    await rclone(["purge", `plain:${bucket}`]);
    assert.doesNotMatch(await rclone(["lsd", "plain:"]), new RegExp(bucket));
  });
});
