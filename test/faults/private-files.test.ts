/** Private files that cannot be finished leave nothing behind: what is half written may be a secret. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { replacePrivateFile } from "../../src/server/files.js";

const directory = mkdtempSync(join(tmpdir(), "coffer-private-"));
after(() => rmSync(directory, { recursive: true, force: true }));

test("a private file that cannot take its place is removed, secret and all", () => {
  const taken = join(directory, "taken");
  mkdirSync(join(taken, "something"), { recursive: true });
  assert.throws(() => replacePrivateFile(taken, "secret"), { syscall: "rename" });
  assert.deepEqual(readdirSync(directory), ["taken"]);
  const place = join(directory, "place");
  replacePrivateFile(place, "secret");
  assert.equal(readFileSync(place, "utf8"), "secret");
  assert.equal(statSync(place).mode & 0o777, 0o600);
});
