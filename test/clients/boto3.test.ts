/** boto3, in every version that a Python here has: boto3_client.py does the work and asserts; over https and http. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../e2e/server.js";
import { openWorld, unique } from "../e2e/world.js";
import { root } from "../root.js";
import { allPrograms, reportMissing, run, scratch, succeed } from "./programs.js";

const home = scratch();
const pythons = new Map<string, string>();
for (const path of allPrograms("python3")) {
  const { code, stdout } = await run(path, ["-c", "import boto3; print(boto3.__version__)"], home);
  const version = stdout.trim();
  if (code === 0 && !pythons.has(version)) pythons.set(version, path);
}
if (pythons.size === 0) reportMissing("boto3", "python3-boto3");
else {
  const world = await openWorld({ flags: ["--sse-c-on-new-buckets", "allow"] });
  const { httpUrl, httpsUrl, caFile } = world.server;
  for (const [at, [version, path]] of [...pythons].entries()) {
    // Framing and checksums differ between the schemes: the first version goes through both.
    for (const endpoint of at === 0 ? [httpsUrl, httpUrl] : [httpUrl]) {
      test(`boto3 ${version}, ${endpoint.split(":")[0]}: transfers, copies, presigned URLs, paginators, batches`, async () => {
        const settings = { ...ROOT, endpoint, httpEndpoint: httpUrl, ca: caFile, home, bucket: unique("boto3") };
        const printed = await succeed(path, [join(root, "test", "clients", "boto3_client.py")], home, {
          input: JSON.stringify(settings),
        });
        assert.match(printed, /^6 steps with boto3/m);
      });
    }
  }
}
