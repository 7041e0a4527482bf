// Writes the table of options in docs/reference/configuration.md from src/server/options.ts, between the two marks there.
//
//   node tools/reference.mjs           write the table
//   node tools/reference.mjs --check   compare with what is committed; exit 1 when it differs
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, setup } from "./setup.mjs";

const PATH = join(root, "docs", "reference", "configuration.md");
const [BEGIN, END] = ["<!-- options: written by tools/reference.mjs -->", "<!-- end of options -->"];

// A check runs among the tests, which are built.
if (!process.argv.includes("--check")) setup();
const { CONFIG_OPTION, environmentName, OPTIONS } = await import("../dist/src/server/options.js");
const text = readFileSync(PATH, "utf8");
const begin = text.indexOf(BEGIN);
const end = text.indexOf(END);
if (begin < 0 || end < begin) throw new Error(`${PATH} lacks its marks`);
const wanted = `${text.slice(0, begin)}${BEGIN}\n${table()}${text.slice(end)}`;
if (!process.argv.includes("--check")) writeFileSync(PATH, wanted);
else if (wanted !== text) {
  process.stderr.write('docs/reference/configuration.md is stale: run "npm run reference"\n');
  process.exitCode = 1;
}

function table() {
  const rows = [...OPTIONS, CONFIG_OPTION].flatMap((spec) =>
    spec.secret === true ? [row(spec), row(fileOf(spec))] : [row(spec)],
  );
  return `| flag | environment | default | meaning |\n|---|---|---|---|\n${rows.join("")}`;
}

/** A secret may also come from a file. */
function fileOf({ name }) {
  return {
    name: `${name}-file`,
    kind: "path",
    hint: "FILE",
    about: `\`--${name}\`, read from this file; white space at its end does not count`,
  };
}

function row({ name, kind, hint, about, fallback, choices }) {
  const value = kind === "switch" ? "" : ` ${choices === undefined ? (hint ?? "VALUE") : choices.join("\\|")}`;
  const usual = fallback === undefined ? "" : `\`${fallback}\``;
  return `| \`--${name}${value}\` | \`${environmentName(name)}\` | ${usual} | ${about.replaceAll("|", "\\|")} |\n`;
}
