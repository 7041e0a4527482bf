/** restic keeps a repository in a bucket on disk: backup, prune, check of every byte, restore; what is on disk is sealed. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { ROOT } from "../e2e/server.js";
import { openWorld, unique } from "../e2e/world.js";
import { assertTree, filesUnder, filesWith, TREE, writeTree } from "./files.js";
import { scratch, succeed, withProgram } from "./programs.js";

await withProgram("restic", "restic", async (path) => {
  const world = await openWorld({ disk: true });
  const home = scratch();
  const bucket = unique("restic");
  const env = {
    AWS_ACCESS_KEY_ID: ROOT.accessKeyId,
    AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey,
    RESTIC_REPOSITORY: `s3:${world.server.httpsUrl}/${bucket}/backups`,
    RESTIC_PASSWORD: "correct horse battery staple",
  };
  const restic = (...args: string[]) => succeed(path, ["--cacert", world.server.caFile, ...args], home, { env });
  const changed = new Map([...TREE, ["canary.txt", Buffer.from("changed")], ["new", Buffer.from("later")]]);

  test("restic makes its bucket and repository, backs up twice", async () => {
    await restic("init");
    writeTree(join(home, "tree"));
    await restic("backup", "tree");
    writeTree(join(home, "tree"), changed);
    await restic("backup", "tree");
    const snapshots = JSON.parse(await restic("snapshots", "--json")) as unknown[];
    assert.equal(snapshots.length, 2);
  });

  test("restic reads back every byte of the repository and restores both snapshots", async () => {
    await restic("check", "--read-data");
    const [first] = JSON.parse(await restic("snapshots", "--json")) as { id: string }[];
    assert.ok(first !== undefined);
    await restic("restore", first.id, "--target", join(home, "first"));
    await restic("restore", "latest", "--target", join(home, "latest"));
    assertTree(join(home, "first", "tree"));
    assertTree(join(home, "latest", "tree"), changed);
  });

  test("restic forgets and prunes; what is left is whole", async () => {
    rmSync(join(home, "tree", "large.bin"));
    await restic("backup", "tree");
    await restic("forget", "--keep-last", "1", "--prune", "--max-unused", "0");
    await restic("check", "--read-data");
    await restic("restore", "latest", "--target", join(home, "pruned"));
    assertTree(join(home, "pruned", "tree"), new Map([...changed].filter(([name]) => name !== "large.bin")));
  });

  test("on disk there is nothing in clear: neither restic's own JSON files nor a text beside them", async () => {
    const Body = "a canary beside the repository: inline, and ".repeat(3000);
    await world.s3.send(new PutObjectCommand({ Bucket: bucket, Key: "large.txt", Body }));
    await world.s3.send(new PutObjectCommand({ Bucket: bucket, Key: "small.txt", Body: Body.slice(0, 100) }));
    const data = join(world.server.directory, "data");
    assert.ok(filesUnder(data).length > 2, "the store is where the search looks");
    // A key file of restic is JSON in clear: a store that does not seal would show it.
    assert.deepEqual(filesWith(data, ["a canary beside", '"hostname":', '"kdf":"scrypt"', env.RESTIC_PASSWORD]), []);
  });
});
