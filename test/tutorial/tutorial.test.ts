/**
 * examples/tutorial.md, typed: the server is started as `npm start` starts it, but on free ports and in a fresh home; every
 * further block goes into one shell, and what is printed must be what the page says. Needs curl and the AWS CLI, v1 or v2;
 * the part on Terraform runs where Terraform and its provider are.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { allPrograms, environmentOf, reportMissing, scratch } from "../clients/programs.js";
import { startServer, type TestServer } from "../e2e/server.js";
import { root } from "../root.js";
import { findTools } from "../terraform/tools.js";
import { difference, stepsOf, type Step } from "./script.js";
import { Shell } from "./shell.js";

const home = scratch();
const blocks = scratch();
const steps = stepsOf(readFileSync(join(root, "examples", "tutorial.md"), "utf8"));
const missing = [["aws", "awscli"], ["curl", "curl"]].find(([program = ""]) => allPrograms(program).length === 0);
if (missing !== undefined) reportMissing(missing[0] ?? "", missing[1]);
else describe("examples/tutorial.md", () => typeAll());

function typeAll(): void {
  const provider = findTools()?.mirror;
  let server: TestServer;
  let shell: Shell;
  before(async () => {
    const environment = { HOME: home, XDG_DATA_HOME: "", XDG_CONFIG_HOME: "", XDG_STATE_HOME: "" };
    server = await startServer({ bare: true, directory: home, environment });
    shell = new Shell(blocks, root, sessionOf(provider?.path));
  });
  after(async () => {
    await shell.end();
    assert.equal(await server.stop(), 0);
  });

  const sections = new Map<string, Step[]>();
  for (const step of steps) sections.set(step.section, [...(sections.get(step.section) ?? []), step]);
  for (const [section, typed] of sections) {
    const skip = /terraform/i.test(section) && provider === undefined ? "no Terraform with the provider hashicorp/aws" : false;
    test(section, { skip }, async () => {
      for (const step of typed) {
        const printed = step.typed === "npm start\n" ? server.stdout() : await shell.type(step.typed);
        const wrong = difference(step.printed, printed);
        const where = `examples/tutorial.md:${step.line}`;
        assert.ok(wrong === undefined, `${where} should print\n${wrong ?? ""}\n--- printed:\n${printed}`);
      }
    });
  }
}

/** A login of a person who has nothing configured, but perhaps a mirror of Terraform's providers. */
function sessionOf(mirror: string | undefined): NodeJS.ProcessEnv {
  // GOGC: the provider builds a large schema at each start; a collector that runs less often saves a third of its CPU time.
  const variables: Record<string, string> = { XDG_DATA_HOME: "", XDG_CONFIG_HOME: "", TF_IN_AUTOMATION: "1", GOGC: "400" };
  if (mirror !== undefined) {
    const config = join(home, "terraform.rc");
    const installation = `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(mirror)}\n  }\n}\n`;
    writeFileSync(config, `disable_checkpoint = true\n${installation}`);
    Object.assign(variables, { TF_CLI_CONFIG_FILE: config });
  }
  return environmentOf(home, variables);
}
