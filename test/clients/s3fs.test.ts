/** s3fs mounts a bucket: files written, changed, renamed and read through the kernel are objects, and the other way round. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand } from "@aws-sdk/client-s3";
import { ROOT } from "../e2e/server.js";
import { assertBytes, bodyOf, openWorld } from "../e2e/world.js";
import { assertTree, TREE, writeTree } from "./files.js";
import { allPrograms, environmentOf, run, scratch, withProgram } from "./programs.js";

await withProgram("s3fs", "s3fs", async (path) => {
  const [fusermount] = [...allPrograms("fusermount3"), ...allPrograms("fusermount")];
  // A container without the device or the right to mount has no FUSE, whatever is installed: CI too can only name it.
  if (!existsSync("/dev/fuse") || fusermount === undefined) {
    test("s3fs", { skip: "no FUSE here: /dev/fuse or fusermount is missing" }, () => {});
    return;
  }
  // The first hook runs first: unmounted before the server ends and before the directory goes.
  let unmount = async (): Promise<void> => {};
  after(() => unmount());
  const world = await openWorld();
  const Bucket = await world.bucket("s3fs");
  const home = scratch();
  const mounted = join(home, "mounted");
  mkdirSync(mounted);
  writeFileSync(join(home, "passwd"), `${ROOT.accessKeyId}:${ROOT.secretAccessKey}\n`, { mode: 0o600 });
  const place = [
    `url=${world.server.httpUrl}`,
    "use_path_request_style",
    "endpoint=us-east-1",
    `passwd_file=${join(home, "passwd")}`,
  ];
  const options = [...place, "multipart_size=5", "singlepart_copy_limit=5", "retries=1"];
  const child = spawn(path, [Bucket, mounted, "-f", "-o", options.join(",")], {
    env: environmentOf(home),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  child.stdout.on("data", (piece: Buffer) => (said += piece.toString()));
  child.stderr.on("data", (piece: Buffer) => (said += piece.toString()));
  if (!(await isMounted(mounted, child.exitCode === null ? child : undefined))) {
    const refused = /fuse|mount|permi/i.test(said);
    child.kill("SIGKILL");
    test("s3fs", refused ? { skip: "no FUSE here: mounting is not permitted" } : {}, () => assert.fail(said));
    return;
  }
  unmount = async () => {
    const exited = child.exitCode === null ? once(child, "exit") : undefined;
    await run(fusermount, ["-u", "-z", mounted], home);
    await exited;
  };

  test("files copied into the mount are objects with the same bytes, and read back through it", async () => {
    writeTree(mounted);
    assertTree(mounted);
    for (const [Key, bytes] of TREE)
      assertBytes(await bodyOf(await world.s3.send(new GetObjectCommand({ Bucket, Key }))), bytes, Key);
  });

  test("an object put beside the mount appears in it, and a piece of it is read without the rest", async () => {
    const bytes = TREE.get("large.bin") ?? Buffer.alloc(0);
    await world.s3.send(new PutObjectCommand({ Bucket, Key: "put-beside", Body: bytes }));
    assert.equal(statSync(join(mounted, "put-beside")).size, bytes.length);
    const piece = Buffer.alloc(100);
    const file = openSync(join(mounted, "put-beside"), "r");
    readSync(file, piece, 0, piece.length, 6_000_000);
    closeSync(file);
    assertBytes(piece, bytes.subarray(6_000_000, 6_000_100));
  });

  test("appending, truncating, renaming and deleting reach the objects", async () => {
    const text = join(mounted, "canary.txt");
    appendFileSync(text, "appended");
    assert.equal(readFileSync(text, "utf8"), `${TREE.get("canary.txt")?.toString()}appended`);
    truncateSync(text, 6);
    renameSync(text, join(mounted, "deep", "renamed.txt"));
    const renamed = await bodyOf(await world.s3.send(new GetObjectCommand({ Bucket, Key: "deep/renamed.txt" })));
    assert.equal(renamed.toString(), "canary");
    const large = TREE.get("large.bin") ?? Buffer.alloc(0);
    renameSync(join(mounted, "large.bin"), join(mounted, "moved.bin"));
    assertBytes(readFileSync(join(mounted, "moved.bin")), large);
    const head = await world.s3.send(new HeadObjectCommand({ Bucket, Key: "moved.bin" }));
    assert.equal(head.ContentLength, large.length);
    unlinkSync(join(mounted, "moved.bin"));
    rmSync(join(mounted, "deep"), { recursive: true });
    const { Contents = [] } = await world.s3.send(new ListObjectsV2Command({ Bucket }));
    assert.deepEqual(
      Contents.filter(({ Key = "" }) => /^(deep|moved|large|canary)/.test(Key)),
      [],
    );
  });

  test("directories are made, listed and removed", () => {
    mkdirSync(join(mounted, "made"));
    writeFileSync(join(mounted, "made", "inside"), "1");
    assert.deepEqual(readdirSync(join(mounted, "made")), ["inside"]);
    unlinkSync(join(mounted, "made", "inside"));
    rmdirSync(join(mounted, "made"));
    assert.equal(existsSync(join(mounted, "made")), false);
  });
});

async function isMounted(directory: string, child: { readonly exitCode: number | null } | undefined): Promise<boolean> {
  const before = statSync(join(directory, "..")).dev;
  for (let tries = 0; tries < 100 && child?.exitCode === null; tries++) {
    if (statSync(directory).dev !== before) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}
