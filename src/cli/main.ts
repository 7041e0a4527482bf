#!/usr/bin/env node
/** The `coffer` command. Each subcommand lives in its own file; this one only parses. */
import cluster from "node:cluster";
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { systemClock } from "../lib/clock.js";
import { ServiceError } from "../lib/errors.js";
import { ConfigError, loadConfig, type Config, type RawOptions } from "../server/config.js";
import { CONFIG_OPTION, environmentName, OPTIONS } from "../server/options.js";
import { VERSION } from "../server/version.js";
import type { AuditOptions } from "./audit.js";
import type { RestoreOptions } from "../server/restore.js";
import type { InspectOptions } from "./inspect.js";
import { printable } from "./text.js";
import type { VerifyOptions } from "./verify.js";

/** Parses `argv` (without node and script) and runs the command; sets the exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  const serving = argv[0] === "serve";
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    // Whoever read has seen enough (`| head`): a command is done, a server goes on.
    if (!serving) process.exit();
  });
  const program = new Command("coffer").description("S3 storage in which encryption is real, with a KMS inside").version(VERSION);
  program.configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "coffer: ")) });
  configured(program.command("serve").description("start the server"), async (config) => {
    const { serve } = await import("../server/serve.js");
    // Workers start with this file, whatever started the primary.
    if (cluster.isPrimary) cluster.setupPrimary({ exec: fileURLToPath(import.meta.url), args: [...argv] });
    process.exitCode = await serve(config);
  });
  configured(program.command("env").description('print AWS_… variables: eval "$(coffer env)"'), async (config) => {
    const { printEnvironment } = await import("./env.js");
    printEnvironment(config);
  });
  const root = program.command("root").description("the root credential");
  configured(root.command("reset").description("make a new root credential; the old one ends at once"), async (config) => {
    const { resetRoot } = await import("./root-reset.js");
    await resetRoot(config);
  });
  const key = program.command("key").description("the key file");
  configured(
    key.command("backup").description("copy the key file safely").argument("<file>", "where to; must not exist"),
    async (config, target) => {
      const { backupKeyFile } = await import("./key-backup.js");
      backupKeyFile(config, target ?? "");
    },
  );
  asking(program);
  let failureCode = 1;
  configured(
    program.command("backup").description("copy the store, in use or not; not its key file").argument(
      "<directory>", "where backups are kept",
    ),
    async (config, directory) => {
      const { makeBackup } = await import("./backup.js");
      process.exitCode = await makeBackup(config, directory ?? "");
    },
  );
  const restoring = program
    .command("restore")
    .description("a backup back into an empty --data-dir")
    .argument("<directory>", "where backups are kept")
    .option("--snapshot <NAME>", "another than the latest")
    .option("--keep-going", "restore all but what is damaged");
  configured(restoring, async (config, directory) => {
    const { makeRestore } = await import("./backup.js");
    process.exitCode = await makeRestore(config, directory ?? "", restoring.opts<RestoreOptions>());
  });
  const verifying = program
    .command("verify")
    .description("is the store what was written, all of it, and nothing else? On a stopped store, with its key file")
    .option("--quick", "do not read bodies")
    .option("--running", "ask the running server instead (AWS_… variables say where and as whom)")
    .option("--repair", "repair what can be repaired without touching what may be someone's")
    .option("--audit", "the audit files instead of the store")
    .option("--json", "one JSON object a line");
  configured(verifying, async (config) => {
    // 1 says that something is wrong with the store; that it could not be told is another matter.
    failureCode = 2;
    const { verify } = await import("./verify.js");
    process.exitCode = await verify(config, verifying.opts<VerifyOptions>(), process.env);
  });
  try {
    await program.parseAsync(argv, { from: "user" });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    process.stderr.write(`coffer: ${messageOf(error)}\n`);
    process.exitCode = failureCode;
    // Its channel to the primary would keep a worker alive.
    if (cluster.isWorker) process.exit();
  }
}

function messageOf(error: Error): string {
  if (error instanceof ServiceError) return printable(`${error.code}: ${error.message}`);
  const expected = error instanceof ConfigError || /^(KeyFileProblem|StoreError|BackupIntegrityError)$/.test(error.name);
  return expected ? error.message : (error.stack ?? error.message);
}

/** Commands that ask a running server, as whoever the environment's credentials are. */
function asking(program: Command): void {
  program
    .command("inspect")
    .description("how an object is encrypted and stored (AWS_… variables say where and as whom)")
    .argument("<object>", "s3://BUCKET/KEY")
    .option("--version-id <ID>", "a version other than the latest")
    .option("--json", "the server's answer")
    .action(async (object: string, options: InspectOptions) => {
      const { inspect } = await import("./inspect.js");
      await inspect(object, options, process.env);
    });
  program
    .command("audit")
    .description("who did what with which key, newest first (AWS_… variables say where and as whom)")
    .option("--object <s3://BUCKET/KEY>", "events of this object, and of the keys that opened it")
    .option("--bucket <NAME>", "events of this bucket and its objects")
    .option("--key <ARN>", "uses of this KMS key")
    .option("--event <NAME>", "e.g. Decrypt")
    .option("--principal <ARN>", "of this user, role or session")
    .option("--access-key <ID>", "signed with this access key")
    .option("--since <TIME>", "e.g. 2026-01-31T12:00Z, or 90m, 2h, 7d ago")
    .option("--until <TIME>", "likewise")
    .option("--limit <N>", "so many events at most (default 100)")
    .option("--json", "the records, one JSON object a line")
    .action(async (options: AuditOptions) => {
      const { audit } = await import("./audit.js");
      await audit(options, process.env, systemClock.now());
    });
}

/** Gives a command the options of the one schema. */
function configured(command: Command, action: (config: Config, argument: string | undefined) => Promise<void>): void {
  for (const spec of [...OPTIONS, CONFIG_OPTION]) {
    const hint =
      spec.kind === "switch" ? "" : spec.kind === "list" ? ` <${spec.hint ?? "value…"}>` : ` <${spec.hint ?? "value"}>`;
    const fallback = spec.fallback === undefined ? "" : ` (default ${spec.fallback})`;
    const option = new Option(
      `--${spec.name}${hint.replace(/…>$/, "...>")}`,
      `${spec.about}${fallback} [${environmentName(spec.name)}]`,
    );
    if (spec.choices !== undefined) option.choices([...spec.choices]);
    command.addOption(option);
    if (spec.secret === true) command.addOption(new Option(`--${spec.name}-file <FILE>`, `${spec.about}, read from a file`));
  }
  command.action(async (...args: unknown[]) => {
    const argument = typeof args[0] === "string" ? args[0] : undefined;
    const options = command.opts<Record<string, string | boolean | string[]>>();
    const flags = Object.fromEntries(Object.entries(options).map(([name, value]) => [kebab(name), value]));
    await action(loadConfig(flags as RawOptions, process.env), argument);
  });
}

/** commander's camelCase → the schema's name: `sseCOnNewBuckets` → `sse-c-on-new-buckets`. */
function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Started as a program, not imported (by bin/coffer.cjs or a test). */
const invoked = process.argv[1];
if (invoked !== undefined && realpathSync(invoked) === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
