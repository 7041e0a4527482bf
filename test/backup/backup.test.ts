/**
 * Backup of a running store under load and its restore; verifying from the command line. With real servers, as an operator
 * does it. Source: docs/reference/backup.md, docs/reference/verify.md.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import {
  CreateBucketCommand, DeleteObjectCommand, GetObjectCommand, PutObjectCommand, type S3Client,
} from "@aws-sdk/client-s3";
import { discard, MAIN, ROOT, s3Client, startServer, type TestServer } from "../e2e/server.js";
import { bodyOf, bytesOf, openWorld, S3_ALL } from "../e2e/world.js";
import { coffer, eventually, filesBelow, placeFlags } from "../process/support.js";

const place = mkdtempSync(join(tmpdir(), "coffer-backup-"));
after(() => rmSync(place, { recursive: true, force: true }));

const Bucket = "kept";
const SIZES = [10, 5000, 70_000, 300_000];

interface Written {
  readonly key: string;
  readonly seed: number;
  readonly size: number;
}

const put = (s3: S3Client, { key, seed, size }: Written): Promise<unknown> =>
  s3.send(new PutObjectCommand({ Bucket, Key: key, Body: bytesOf(size, seed) }));

async function assertThere(s3: S3Client, { key, seed, size }: Written): Promise<void> {
  const body = await bodyOf(await s3.send(new GetObjectCommand({ Bucket, Key: key })));
  assert.ok(body.equals(bytesOf(size, seed)), key);
}

/** Writes, replaces and deletes until told to stop. Keys of `steady` are left alone. */
function load(s3: S3Client): { stop(): Promise<number> } {
  let running = true;
  let calls = 0;
  const clients = [0, 1, 2].map(async (client) => {
    for (let round = 1; running; round++) {
      const key = `churn/${client}/${round % 7}`;
      await put(s3, { key, seed: round, size: SIZES[round % 4] ?? 0 });
      if (round % 5 === 0) await s3.send(new DeleteObjectCommand({ Bucket, Key: key }));
      calls += 1;
    }
  });
  return {
    async stop() {
      running = false;
      await Promise.all(clients);
      return calls;
    },
  };
}

async function withRestored(directory: string, work: (s3: S3Client) => Promise<void>): Promise<void> {
  const server = await startServer({ disk: true, directory });
  try {
    await work(s3Client(server));
  } finally {
    await server.stop();
  }
}

/** Where a restore goes: another data directory, the same key file. */
function restoredPlace(name: string, from: TestServer): { directory: string; flags: string[] } {
  const directory = join(place, name);
  mkdirSync(join(directory, "config"), { recursive: true });
  writeFileSync(join(directory, "config", "root.key"), readFileSync(join(from.directory, "config", "root.key")), { mode: 0o600 });
  return { directory, flags: placeFlags(directory) };
}

test("a backup under load holds everything acknowledged before it began; a second copies only what is new", async () => {
  const server = await startServer({ disk: true, flags: ["--workers", "2"] });
  const backups = join(place, "backups");
  try {
    const s3 = s3Client(server);
    await s3.send(new CreateBucketCommand({ Bucket }));
    const steady = Array.from({ length: 24 }, (_, at) => ({ key: `steady/${at}`, seed: at + 1, size: SIZES[at % 4] ?? 0 }));
    await Promise.all(steady.map((object) => put(s3, object)));
    const churn = load(s3);
    const first = await coffer(["backup", backups, ...placeFlags(server.directory)]);
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stdout, /blobs, \d+ of them copied now/);
    const late = { key: "late", seed: 99, size: 300_000 };
    await put(s3, late);
    const second = await coffer(["backup", backups, ...placeFlags(server.directory)]);
    assert.equal(second.code, 0, second.stderr);
    const environment = {
      AWS_ACCESS_KEY_ID: ROOT.accessKeyId, AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey, AWS_ENDPOINT_URL: server.httpUrl,
    };
    const running = await coffer(["verify", "--running"], environment);
    assert.deepEqual([running.code, running.stdout.trimEnd().split("\n").at(-1)], [0, "clean"], running.stderr + running.stdout);
    const calls = await churn.stop();
    assert.ok(calls > 10, `${calls} calls beside the backups`);
    const [, all = "0", copied = "0"] = /: (\d+) blobs, (\d+) of them copied now/.exec(second.stdout) ?? [];
    assert.ok(
      Number(copied) <= Number(all) - 12, `the blobs of ${steady.length / 2} steady objects were there: ${second.stdout}`,
    );
    // Gone from the store, not from the backups.
    for (const { key } of steady) await s3.send(new DeleteObjectCommand({ Bucket, Key: key }));

    const [oldest = "", latest = ""] = readdirSync(join(backups, "snapshots")).sort();
    for (const [name, snapshot, wanted] of [["latest", latest, [...steady, late]], ["oldest", oldest, steady]] as const) {
      const { directory, flags } = restoredPlace(name, server);
      const restored = await coffer(["restore", backups, "--snapshot", snapshot, ...flags]);
      assert.equal(restored.code, 0, `${restored.stderr}${restored.stdout}`);
      const verified = await coffer(["verify", ...flags]);
      assert.deepEqual([verified.code, verified.stdout.trimEnd().split("\n").at(-1)], [0, "clean"], verified.stdout);
      await withRestored(directory, async (restoredS3) => {
        for (const object of wanted) await assertThere(restoredS3, object);
        // It goes on: nothing that it makes now repeats what was made since the backup.
        await put(restoredS3, { key: "new", seed: 5, size: 70_000 });
        await assertThere(restoredS3, { key: "new", seed: 5, size: 70_000 });
      });
    }
    assert.equal(filesBelow(join(backups, "snapshots")).filter((name) => name.endsWith("root.key")).length, 0);
  } finally {
    await discard(server);
  }
});

test("a damaged backup is named; a restore refuses what is not empty, another store's key, and what is no backup", async () => {
  const server = await startServer({ disk: true });
  const backups = join(place, "damaged");
  try {
    const s3 = s3Client(server);
    await s3.send(new CreateBucketCommand({ Bucket }));
    await put(s3, { key: "a", seed: 1, size: 300_000 });
    await put(s3, { key: "b", seed: 2, size: 300_000 });
    await server.stop();
    // Of a stopped store as well.
    assert.equal((await coffer(["backup", backups, ...placeFlags(server.directory)])).code, 0);

    const { flags } = restoredPlace("full", server);
    mkdirSync(join(place, "full", "data"));
    writeFileSync(join(place, "full", "data", "something"), "");
    const full = await coffer(["restore", backups, ...flags]);
    assert.deepEqual([full.code, /is not empty/.test(full.stderr)], [1, true], full.stderr);

    const other = await startServer({ disk: true });
    await other.stop();
    const foreign = await coffer([
      "restore", backups, "--data-dir", join(place, "foreign"), "--key-file", join(other.directory, "config", "root.key"),
    ]);
    assert.deepEqual([foreign.code, /belongs to store/.test(foreign.stderr)], [1, true], foreign.stderr);
    const mixed = await coffer(["backup", backups, ...placeFlags(other.directory)]);
    assert.deepEqual([mixed.code, /holds backups of store/.test(mixed.stderr)], [1, true], mixed.stderr);
    await discard(other);
    const none = await coffer(["restore", join(place, "nothing"), ...restoredPlace("none", server).flags]);
    assert.deepEqual([none.code, /no backup/.test(none.stderr)], [1, true], none.stderr);

    const [blob = ""] = filesBelow(join(backups, "blobs"));
    const path = join(backups, "blobs", blob);
    const whole = readFileSync(path);
    const changed = Buffer.from(whole);
    changed.writeUInt8(changed.readUInt8(1000) ^ 1, 1000);
    writeFileSync(path, changed);
    const strict = restoredPlace("strict", server);
    const refused = await coffer(["restore", backups, ...strict.flags]);
    assert.equal(refused.code, 1);
    assert.ok(refused.stderr.includes(blob.split("/").at(-1) ?? "?"), refused.stderr);
    assert.ok(!existsSync(join(strict.directory, "data", "format")), "what is not whole is no store");
    const rest = await coffer(["restore", backups, "--keep-going", ...restoredPlace("rest", server).flags]);
    assert.equal(rest.code, 1);
    assert.match(rest.stdout, /blob-missing {2}s3:\/\/kept\/[ab] version null/);
    rmSync(path);
    mkdirSync(path);
    const unreadable = await coffer(["restore", backups, "--keep-going", ...restoredPlace("unreadable", server).flags]);
    assert.equal(unreadable.code, 1);
    assert.match(unreadable.stdout, /: 1 blobs[^]*left out, damaged in the backup[^]*blob-missing {2}s3:/, unreadable.stderr);
    rmSync(path, { recursive: true });
    writeFileSync(path, whole);

    const [name = ""] = readdirSync(join(backups, "snapshots"));
    const manifest = join(backups, "snapshots", name, "manifest.jsonl");
    const text = readFileSync(manifest, "utf8");
    for (const broken of [
      text.replace(/"sizeBytes":3/, '"sizeBytes":4'), text.slice(0, -10), text.split("\n").slice(0, -2).join("\n"), "",
    ]) {
      writeFileSync(manifest, broken);
      const answer = await coffer(["restore", backups, ...restoredPlace("manifest", server).flags]);
      assert.deepEqual([answer.code, /manifest/.test(answer.stderr)], [1, true], answer.stderr);
      assert.equal(answer.stderr.trimEnd().split("\n").length, 1, answer.stderr);
    }
    writeFileSync(manifest, text);
    const data = join(backups, "snapshots", name, "metadata", "data.mdb");
    appendFileSync(data, "x");
    const metadata = await coffer(["restore", backups, ...restoredPlace("metadata", server).flags]);
    assert.deepEqual([metadata.code, /data\.mdb is damaged/.test(metadata.stderr)], [1, true], metadata.stderr);
    rmSync(data);
    symlinkSync("/dev/zero", data);
    const endless = await coffer(["restore", backups, ...restoredPlace("endless", server).flags]);
    assert.deepEqual([endless.code, /data\.mdb is damaged/.test(endless.stderr)], [1, true], endless.stderr);

    // Into the store itself, by whatever name: its own blobs would be taken for leftovers.
    const aliased = join(place, "aliased");
    mkdirSync(aliased);
    symlinkSync(join(server.directory, "data", "blobs"), join(aliased, "blobs"));
    const fan = blob.slice(0, 1);
    mkdirSync(join(place, "linked", "blobs"), { recursive: true });
    symlinkSync(join(server.directory, "data", "blobs", fan), join(place, "linked", "blobs", fan));
    for (const directory of [join(server.directory, "data"), aliased, join(place, "linked")]) {
      const own = await coffer(["backup", directory, ...placeFlags(server.directory)]);
      assert.deepEqual([own.code, /not a place for backups/.test(own.stderr)], [1, true], own.stderr + own.stdout);
    }
    assert.equal((await coffer(["verify", ...placeFlags(server.directory)])).code, 0);

    // The disk of the store itself: what can be read is kept, what cannot is named.
    const stored = join(server.directory, "data", "blobs", blob);
    rmSync(stored);
    mkdirSync(stored);
    const half = await coffer(["backup", join(place, "half"), ...placeFlags(server.directory)]);
    assert.equal(half.code, 1, half.stderr);
    assert.ok(/: 1 blobs/.test(half.stdout) && half.stdout.includes(blob.split("/").at(-1) ?? "?"), half.stdout);
  } finally {
    await discard(server);
  }
});

test("a backup that is killed leaves nothing harmful: the store is clean, the next backup is whole", async () => {
  const server = await startServer({ disk: true });
  const backups = join(place, "killed");
  try {
    const s3 = s3Client(server);
    await s3.send(new CreateBucketCommand({ Bucket }));
    const objects = Array.from({ length: 40 }, (_, at) => ({ key: `k${at}`, seed: at + 1, size: 200_000 }));
    await Promise.all(objects.map((object) => put(s3, object)));
    const flags = placeFlags(server.directory);
    const snapshots = (): string[] => (existsSync(join(backups, "snapshots")) ? readdirSync(join(backups, "snapshots")) : []);
    let cutOff = 0;
    for (let round = 0; round < 4; round++) {
      const before = snapshots();
      const child = spawn(process.execPath, [MAIN, "backup", backups, ...flags], { stdio: "ignore" });
      if (round > 0) await eventually("it has begun", () => snapshots().some((name) => !before.includes(name)));
      await pause(round * 15);
      child.kill("SIGKILL");
      await once(child, "exit");
      if (snapshots().every((name) => name.endsWith(".partial"))) cutOff += 1;
      // Where the kill came too late, what bears the name of a backup is one.
      else for (const name of snapshots().filter((each) => !each.endsWith(".partial"))) {
        const manifest = readFileSync(join(backups, "snapshots", name, "manifest.jsonl"), "utf8");
        assert.match(manifest, /\n\{"mac":"[0-9a-f]{64}"\}\n$/);
      }
    }
    assert.ok(cutOff > 0, "each kill came too late");
    const whole = await coffer(["backup", backups, ...flags]);
    assert.equal(whole.code, 0, whole.stderr);
    assert.deepEqual(readdirSync(join(backups, "snapshots")).filter((name) => name.endsWith(".partial")), []);
    await server.stop();
    const verified = await coffer(["verify", ...flags]);
    assert.equal(verified.code, 0, verified.stdout);
    const { directory, flags: restoredFlags } = restoredPlace("after-kills", server);
    assert.equal((await coffer(["restore", backups, ...restoredFlags])).code, 0);
    await withRestored(directory, async (restored) => {
      for (const object of objects) await assertThere(restored, object);
    });
  } finally {
    await discard(server);
  }
});

test("coffer verify: a stopped store, a running one for those with the right, the audit files; exit codes 0, 1, 2", async () => {
  const world = await openWorld({ disk: true, flags: ["--workers", "2", "--audit-max-file-size", "1K"] });
  const { server } = world;
  await world.s3.send(new CreateBucketCommand({ Bucket }));
  await put(world.s3, { key: "a", seed: 1, size: 300_000 });
  await put(world.s3, { key: "small", seed: 1, size: 10 });
  const environment = {
    AWS_ACCESS_KEY_ID: ROOT.accessKeyId, AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey, AWS_ENDPOINT_URL: server.httpUrl,
  };
  const running = await coffer(["verify", "--running"], environment);
  assert.deepEqual([running.code, running.stdout.trimEnd().split("\n").at(-1)], [0, "clean"], running.stderr + running.stdout);
  assert.match(running.stdout, /^2 versions and parts: 2 open/m);
  assert.match(running.stdout, /^300010 bytes read/m);

  const denied = await world.user("reader", [S3_ALL]);
  const away = { accessKeyId: "AKIAAWAYROOT00000001", secretAccessKey: "away-root-secret-access-key-0000000000001" };
  const allowed = await world.user(
    "verifier", [{ Effect: "Allow", Action: "coffer:VerifyStore", Resource: "arn:aws:coffer::000000000000:store" }],
  );
  const as = ({
    accessKeyId, secretAccessKey,
  }: typeof away) => ({ ...environment, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey });
  for (const credentials of [denied.credentials, away]) {
    const refused = await coffer(["verify", "--running"], as(credentials));
    assert.deepEqual([refused.code, /AccessDenied/.test(refused.stderr)], [2, true], refused.stderr);
  }
  assert.equal((await coffer(["verify", "--running", "--quick"], as(allowed.credentials))).code, 0);

  const flags = placeFlags(server.directory);
  const inUse = await coffer(["verify", ...flags]);
  assert.deepEqual([inUse.code, /uses this data directory/.test(inUse.stderr)], [2, true], inUse.stderr);
  assert.equal((await coffer(["verify", "--running", "--repair"], environment)).code, 2);
  await server.stop();

  const audit = join(server.directory, "data", "audit");
  assert.ok(readdirSync(audit).length > 6, "files of a kilobyte");
  const sound = await coffer(["verify", "--audit", ...flags]);
  assert.deepEqual([sound.code, /0 torn ends: clean/.test(sound.stdout)], [0, true], sound.stdout);
  const verbs = readdirSync(audit).map((name) => readFileSync(join(audit, name), "utf8")).join("");
  assert.match(verbs, /"eventName":"VerifyStore"/);
  const inMiddle = readdirSync(audit).sort().find((name) => /-000001\.jsonl$/.test(name)) ?? "";
  rmSync(join(audit, inMiddle));
  const gap = await coffer(["verify", "--audit", "--json", ...flags]);
  assert.equal(gap.code, 1);
  assert.deepEqual(
    gap.stdout.trimEnd().split("\n").map((line) => (JSON.parse(line) as { Fault?: string; type: string }).Fault ?? "summary"),
    ["audit-file-missing", "audit-sequence-broken", "summary"],
  );

  const blobs = join(server.directory, "data", "blobs");
  const [blob = ""] = filesBelow(blobs);
  writeFileSync(join(blobs, blob), readFileSync(join(blobs, blob)).subarray(1));
  writeFileSync(join(blobs, "0", "0", "notes.txt"), "?");
  const damaged = await coffer(["verify", "--json", ...flags]);
  assert.equal(damaged.code, 1);
  const found = damaged.stdout.trimEnd().split("\n").map(
    (line) => JSON.parse(line) as { type: string; Fault?: string; Subject?: string },
  );
  assert.deepEqual(
    found.map(({ type, Fault, Subject }) => (type === "summary" ? type : `${Fault ?? ""} ${Subject ?? ""}`)),
    [`file-stray ${join(blobs, "0", "0", "notes.txt")}`, "body-size-wrong s3://kept/a version null", "summary"],
  );
  assert.equal(statSync(join(blobs, "0", "0", "notes.txt")).size, 1, "what may be someone's is left alone");
  assert.equal((await coffer(["verify", "--data-dir", join(place, "nowhere")])).code, 2);
});
