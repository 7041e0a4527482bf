/** test/cli/aws-cli.sh, once over http and once over https, against a server of its own. */
import { spawnSync } from "node:child_process";
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { root } from "../root.js";
import { discard, ROOT, startServer } from "../e2e/server.js";
import { run } from "../process/support.js";

const SCRIPT = join(root, "test", "cli", "aws-cli.sh");
const SCRIPT_MS = 400_000;
const missing = ["aws", "curl"].filter((program) => spawnSync(program, ["--version"]).status !== 0);

async function callByCall(scheme: string): Promise<void> {
  const server = await startServer({ flags: ["--sse-c-on-new-buckets", "allow"] });
  try {
    const environment = {
      HOME: process.env["HOME"],
      AWS_ACCESS_KEY_ID: ROOT.accessKeyId,
      AWS_SECRET_ACCESS_KEY: ROOT.secretAccessKey,
      AWS_DEFAULT_REGION: "us-east-1",
      AWS_CA_BUNDLE: server.caFile,
      ...(process.env["COFFER_AWS"] === undefined ? {} : { COFFER_AWS: process.env["COFFER_AWS"] }),
    };
    const { code, stdout, stderr } = await run(SCRIPT, [server.httpUrl, server.httpsUrl, scheme], environment, SCRIPT_MS);
    assert.equal(code, 0, `${stdout}${stderr}${server.stderr()}`);
    assert.equal(server.stderr(), "", "the server had nothing to complain of");
  } finally {
    await discard(server);
  }
}

// Side by side: nearly all of the time is the CLI's own start, call by call.
describe("the AWS CLI does the main job", { concurrency: true }, () => {
  for (const scheme of ["http", "https"]) {
    test(`over ${scheme}`, { timeout: SCRIPT_MS }, async (context) => {
      if (missing.length > 0) {
        assert.notEqual(process.env["CI"], "true", `${missing.join(" and ")} must be there with CI=true`);
        return context.skip(`not installed: ${missing.join(", ")}`);
      }
      await callByCall(scheme);
    });
  }
});
