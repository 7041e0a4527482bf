/** s3cmd, as people have scripted it for fifteen years: V1 listings, UTF-8 names, its own multipart and metadata. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../e2e/server.js";
import { assertBytes, MIB, openWorld, unique } from "../e2e/world.js";
import { assertTree, CANARY, filesUnder, filesWith, TREE, writeTree } from "./files.js";
import { scratch, succeed, withProgram } from "./programs.js";

await withProgram("s3cmd", "s3cmd", async (path) => {
  const world = await openWorld({ disk: true });
  const home = scratch();
  const bucket = unique("s3cmd");
  const s3cmd = (...args: string[]) => succeed(path, ["--config", join(home, "s3cfg"), "--no-progress", ...args], home);
  const host = new URL(world.server.httpUrl).host;
  const settings = [
    `access_key = ${ROOT.accessKeyId}`,
    `secret_key = ${ROOT.secretAccessKey}`,
    `host_base = ${host}`,
    `host_bucket = ${host}`,
  ];
  writeFileSync(
    join(home, "s3cfg"),
    ["[default]", ...settings, "use_https = False", "multipart_chunk_size_mb = 5", ""].join("\n"),
  );
  writeTree(join(home, "tree"));
  const large = join(home, "tree", "large.bin");

  test("s3cmd makes a bucket, syncs a tree up and down: the same bytes under the same names", async () => {
    await s3cmd("mb", `s3://${bucket}`);
    await s3cmd("sync", "tree/", `s3://${bucket}/tree/`);
    mkdirSync(join(home, "back"));
    await s3cmd("sync", `s3://${bucket}/tree/`, "back/");
    assertTree(join(home, "back"));
    const again = await s3cmd("sync", "tree/", `s3://${bucket}/tree/`);
    assert.doesNotMatch(again, /upload:/, "nothing is left to do");
  });

  test("s3cmd lists, sums up and shows what it stored", async () => {
    const listed = await s3cmd("ls", "--recursive", `s3://${bucket}/`);
    for (const name of TREE.keys()) assert.ok(listed.includes(`s3://${bucket}/tree/${name}\n`), name);
    const total = [...TREE.values()].reduce((sum, bytes) => sum + bytes.length, 0);
    assert.match(await s3cmd("du", `s3://${bucket}`), new RegExp(`^\\s*${total}\\s+${TREE.size} objects`));
    assert.match(await s3cmd("ls", `s3://${bucket}/tree/`), /DIR {2}s3:.*\/tree\/deep\/\n/);
    assert.match(
      await s3cmd("info", `s3://${bucket}/tree/large.bin`),
      new RegExp(`File size: ${TREE.get("large.bin")?.length}\\n[^]*SSE: +AES256`),
    );
    assert.match(await s3cmd("info", `s3://${bucket}`), /Location: +us-east-1/);
  });

  test("s3cmd copies, moves and re-describes objects on the server", async () => {
    await s3cmd("cp", `s3://${bucket}/tree/large.bin`, `s3://${bucket}/copy`);
    await s3cmd("mv", `s3://${bucket}/copy`, `s3://${bucket}/moved to ✓`);
    await s3cmd("modify", "--add-header=x-amz-meta-note:kept", `s3://${bucket}/moved to ✓`);
    assert.match(await s3cmd("info", `s3://${bucket}/moved to ✓`), /x-amz-meta-note: kept/);
    await s3cmd("get", `s3://${bucket}/moved to ✓`, "moved");
    assertBytes(readFileSync(join(home, "moved")), readFileSync(large));
  });

  test("s3cmd --server-side-encryption and a KMS key", async () => {
    const key = await world.key();
    await s3cmd("put", "--server-side-encryption", large, `s3://${bucket}/sse`);
    assert.match(await s3cmd("info", `s3://${bucket}/sse`), /SSE: +AES256/);
    await s3cmd("put", "--server-side-encryption", `--server-side-encryption-kms-id=${key}`, large, `s3://${bucket}/kms`);
    assert.match(await s3cmd("info", `s3://${bucket}/kms`), /SSE: +aws:kms/);
    await s3cmd("get", `s3://${bucket}/kms`, "kms");
    assertBytes(readFileSync(join(home, "kms")), readFileSync(large));
  });

  test("of what s3cmd stored, neither bytes nor metadata are on disk in clear", () => {
    const data = join(world.server.directory, "data");
    assert.ok(filesUnder(data).length > TREE.size, "the store is where the search looks");
    assert.deepEqual(
      filesWith(data, [CANARY, "s3cmd-attrs", (TREE.get("large.bin") ?? Buffer.alloc(0)).subarray(7 * MIB, 7 * MIB + 32)]),
      [],
    );
  });

  test("s3cmd sets and removes a bucket's policy", async () => {
    const Resource = `arn:aws:s3:::${bucket}/nothing`;
    const policy = { Version: "2012-10-17", Statement: [{ Effect: "Deny", Principal: "*", Action: "s3:GetObject", Resource }] };
    writeFileSync(join(home, "policy.json"), JSON.stringify(policy));
    await s3cmd("setpolicy", "policy.json", `s3://${bucket}`);
    assert.match(await s3cmd("info", `s3://${bucket}`), /Policy:.*s3:GetObject/);
    await s3cmd("delpolicy", `s3://${bucket}`);
    assert.match(await s3cmd("info", `s3://${bucket}`), /Policy: +none/);
  });

  test("s3cmd empties the bucket and removes it", async () => {
    await s3cmd("del", "--recursive", "--force", `s3://${bucket}/`);
    await s3cmd("rb", `s3://${bucket}`);
    assert.doesNotMatch(await s3cmd("ls"), new RegExp(bucket));
  });
});
