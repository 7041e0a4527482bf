// Writes src/wire/tables/ from AWS's own models: the schema objects that the pinned dev packages @aws-sdk/client-* export.
//
//   node tools/wire-tables.mjs           write the tables
//   node tools/wire-tables.mjs --check   compare with what is committed; exit 1 and name the files that differ
//
// Schema objects: operation [9, ns, name, traits, input, output], structure [3, …, memberNames, memberSchemas,
// requiredCount], union [4, …], error [-3, …], list [1, …, value], map [2, …, key, value], simple [0, …, schema].
// A member is a schema or [schema, traits]; numeric traits are bit masks (@smithy/core schemas/translateTraits.js).
// Enums, deprecated duplicates and "checksum required" are not in the schemas: they are read from the packages' enum
// exports, type declarations and command builders.
import { readFile, writeFile, mkdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SERVICES = [
  { service: "s3", protocol: "rest-xml" },
  // Only what Terraform calls has shapes; the rest is named, so that it is refused by name.
  { service: "s3-control", protocol: "rest-xml", keep: /^(Tag|Untag|ListTagsFor)Resource$|PublicAccessBlock$/ },
  { service: "kms", protocol: "aws-json" },
  { service: "iam", protocol: "aws-query" },
  { service: "sts", protocol: "aws-query" },
];
// The SDK parses these dates and keeps the text in an invented header; S3 stores and returns the text as it was sent.
const TEXT_DATES = new Set(["Expires", "ResponseExpires"]);
const DROPPED = new Set(["ExpiresString"]);
const TRAIT_BITS = [
  "httpLabel",
  "idempotent",
  "idempotencyToken",
  "sensitive",
  "httpPayload",
  "httpResponseCode",
  "httpQueryParams",
];

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const tablesDir = join(root, "src/wire/tables");
const require = createRequire(import.meta.url);

const deref = (schema) => (typeof schema === "function" ? schema() : schema);
function traitsOf(traits) {
  if (typeof traits === "object") return traits;
  return Object.fromEntries(TRAIT_BITS.flatMap((name, bit) => ((traits >> bit) & 1 ? [[name, 1]] : [])));
}

/** Package exports, its version, declarations and command sources. */
async function load(service) {
  const name = `@aws-sdk/client-${service}`;
  const dir = dirname(require.resolve(`${name}/package.json`));
  const version = JSON.parse(await readFile(join(dir, "package.json"), "utf8")).version;
  const read = async (file) =>
    readFile(join(dir, file), "utf8").catch((error) => {
      if (error.code === "ENOENT") return "";
      throw error;
    });
  const declarations = (
    await Promise.all(["models_0", "models_1", "errors"].map((f) => read(`dist-types/models/${f}.d.ts`)))
  ).join("\n");
  const shared = await read("dist-es/runtimeConfig.shared.js");
  const field = (key) => {
    const found = new RegExp(`\\b${key}: "([^"]+)"`).exec(shared);
    if (found === null) throw new Error(`${name}: no ${key} in runtimeConfig.shared.js`);
    return found[1];
  };
  return {
    name,
    version,
    read,
    declarations,
    exports: await import(name),
    apiVersion: field("version"),
    xmlNamespace: field("xmlNamespace"),
  };
}

/** Names of the operations whose command asks for a checksum whatever the client's settings. */
async function checksumRequired(pkg, operations) {
  const builder = await pkg.read("dist-es/commandBuilder.js");
  const required = new Set();
  for (const [, id, body] of builder.matchAll(/export const (_mw\d+) = [^\n]*=> \[((?:\n {4}[^\n]*)*)\n?\];/g)) {
    if (/requestChecksumRequired: true|getApplyMd5BodyChecksumPlugin/.test(body)) required.add(id);
  }
  const names = new Set();
  for (const operation of operations) {
    const source = await pkg.read(`dist-es/commands/${operation}Command.js`);
    const used = /command\(_ep\d+, (_mw\d+),/.exec(source);
    if (used === null) throw new Error(`${pkg.name}: ${operation}Command.js has a new form`);
    if (required.has(used[1])) names.add(operation);
  }
  return names;
}

/** `Structure.Member` → enum name, from the type declarations. */
function enumMembers(declarations, enums) {
  const found = new Map();
  for (const [, structure, body] of declarations.matchAll(/export (?:interface|declare class) (\w+) [^{]*\{([\s\S]*?)\n\}/g)) {
    for (const [, member, type] of body.matchAll(/^ {4}(?:readonly )?(\w+)\??: (\w+)(?:\[\])?(?: \| undefined)?;$/gm)) {
      if (enums.has(type)) found.set(`${structure}.${member}`, type);
    }
  }
  return found;
}

/** One service's table as a plain object, shapes reachable from the kept operations only. */
async function tableOf({ service, protocol, keep }) {
  const pkg = await load(service);
  const enums = new Map();
  const schemas = [];
  for (const [key, value] of Object.entries(pkg.exports)) {
    if (key.endsWith("$") && Array.isArray(value)) schemas.push(value);
    else if (isEnum(key, value)) enums.set(key, Object.values(value));
  }
  const operationSchemas = schemas.filter((schema) => schema[0] === 9).sort(byName);
  const needChecksum = await checksumRequired(
    pkg,
    operationSchemas.map((schema) => schema[2]),
  );
  const context = { structures: {}, enumOf: enumMembers(pkg.declarations, enums), usedEnums: new Set() };
  const operations = {};
  for (const [, , name, traitBits, input, output] of operationSchemas) {
    const [method, uri, status] = traitsOf(traitBits).http ?? ["POST", "/", 200];
    const kept = keep === undefined || keep.test(name);
    operations[name] = {
      method,
      uri: uri.replace(/[?&]x-id=\w+$/, ""),
      status,
      ...(kept ? { ...named("input", input, context), ...named("output", output, context) } : {}),
      ...(needChecksum.has(name) ? { checksumRequired: true } : {}),
    };
  }
  const errors = {};
  for (const schema of schemas.filter((each) => each[0] === -3 && !each[1].startsWith("smithy.ts")).sort(byName)) {
    errors[schema[2]] = errorOf(schema, protocol);
  }
  const structures = Object.fromEntries(Object.entries(context.structures).sort(([a], [b]) => (a < b ? -1 : 1)));
  const usedEnums = Object.fromEntries([...context.usedEnums].sort().map((name) => [name, enums.get(name)]));
  return {
    pkg,
    table: {
      service,
      protocol,
      version: pkg.apiVersion,
      xmlNamespace: pkg.xmlNamespace,
      operations,
      structures,
      errors,
      enums: usedEnums,
    },
  };
}

const byName = (a, b) => (a[2] < b[2] ? -1 : 1);
function isEnum(key, value) {
  if (!/^[A-Za-z_]/.test(key) || value === null || typeof value !== "object" || Array.isArray(value)) return false;
  const values = Object.values(value);
  return values.length > 0 && values.every((each) => typeof each === "string");
}

function errorOf([, , name, traitBits, members], protocol) {
  const traits = traitsOf(traitBits);
  const own = members.filter((member) => member.toLowerCase() !== "message");
  // kms.md §3.2: KMS answers 400 whatever the model's query-era status says; its fault shapes 500.
  const status =
    protocol === "aws-json"
      ? traits.error === "server"
        ? 500
        : 400
      : (traits.awsQueryError?.[1] ?? traits.httpError ?? (name === "NotFound" ? 404 : traits.error === "server" ? 500 : 400));
  const code = protocol === "aws-query" ? traits.awsQueryError?.[0] : undefined;
  return { status, ...(code !== undefined && code !== name ? { code } : {}), ...(own.length > 0 ? { members: own } : {}) };
}

function named(role, ref, context) {
  const schema = deref(ref);
  if (schema === "unit") return {};
  return { [role]: structure(schema, context) };
}

/** Adds the structure (and those it refers to) to the context; returns its name. */
function structure(schema, context) {
  const [kind, , name, traitBits, memberNames, memberSchemas, requiredCount = 0] = schema;
  if (context.structures[name] !== undefined) return name;
  const members = {};
  const traits = traitsOf(traitBits);
  context.structures[name] = {
    ...(traits.xmlName !== undefined ? { name: traits.xmlName } : {}),
    ...(kind === 4 ? { union: true } : {}),
    ...(requiredCount > 0 ? { required: memberNames.slice(0, requiredCount) } : {}),
    members,
  };
  memberNames.forEach((member, index) => {
    if (!DROPPED.has(member)) members[member] = memberTable(member, memberSchemas[index], name, context);
  });
  return name;
}

function memberTable(member, memberSchema, owner, context) {
  const [ref, own] = Array.isArray(memberSchema) && memberSchema.length === 2 ? memberSchema : [memberSchema, 0];
  const target = deref(ref);
  const inherited = Array.isArray(target) && target[0] === 0 ? traitsOf(target[3]) : {};
  const traits = { ...inherited, ...traitsOf(own) };
  const entry = { type: typeRef(target, context) };
  if (traits.httpLabel) entry.in = "label";
  else if (traits.httpHeader) Object.assign(entry, { in: "header", name: traits.httpHeader.toLowerCase() });
  else if (traits.httpPrefixHeaders) Object.assign(entry, { in: "prefix", name: traits.httpPrefixHeaders.toLowerCase() });
  else if (traits.httpQuery) Object.assign(entry, { in: "query", name: traits.httpQuery });
  else if (traits.httpQueryParams) entry.in = "queryMap";
  else if (traits.httpPayload) entry.in = "payload";
  else if (traits.httpResponseCode) entry.in = "status";
  if (traits.xmlName !== undefined && entry.name === undefined) entry.name = traits.xmlName;
  if (traits.xmlFlattened) entry.flat = true;
  if (traits.xmlAttribute) entry.attribute = true;
  if (traits.xmlNamespace) entry.ns = traits.xmlNamespace;
  if (traits.sensitive) entry.sensitive = true;
  if (traits.idempotencyToken) entry.token = true;
  if (traits.hostLabel) entry.host = true;
  const enumName = context.enumOf.get(`${owner}.${member}`);
  if (enumName !== undefined) {
    entry.enum = enumName;
    context.usedEnums.add(enumName);
  }
  if (TEXT_DATES.has(member) && String(entry.type).startsWith("timestamp")) entry.type = "string";
  return entry;
}

const SIMPLE = {
  0: "string",
  1: "number",
  2: "boolean",
  4: "timestamp",
  5: "timestamp:date-time",
  6: "timestamp:http-date",
  7: "timestamp:epoch-seconds",
  15: "document",
  17: "number",
  19: "number",
  21: "blob",
  42: "stream",
};
function typeRef(ref, context) {
  const schema = deref(ref);
  if (typeof schema === "number") {
    if (schema >= 128) return { map: typeRef(schema & 63, context) };
    if (schema >= 64) return { list: typeRef(schema & 63, context) };
    if (SIMPLE[schema] === undefined) throw new Error(`unknown simple schema ${schema}`);
    return SIMPLE[schema];
  }
  const [kind, , , traitBits] = schema;
  if (kind === 0) return typeRef(schema[4], context);
  if (kind === 1 || kind === 2) {
    const value = schema[3 + kind];
    const [valueRef, valueTraits] = Array.isArray(value) && value.length === 2 ? value : [value, 0];
    const type = typeRef(valueRef, context);
    if (kind === 2) return { map: type };
    const item = traitsOf(valueTraits).xmlName;
    return { list: type, ...(item !== undefined ? { item } : {}) };
  }
  if (kind === 4 && traitsOf(traitBits).streaming) return "events";
  if (kind === 3 || kind === 4) return `#${structure(schema, context)}`;
  throw new Error(`unknown schema kind ${kind}`);
}

// ---- Printing ------------------------------------------------------------------------------------------------------

const key = (name) => (/^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name));
function literal(value) {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  return `{ ${Object.entries(value)
    .map(([name, each]) => `${key(name)}: ${literal(each)}`)
    .join(", ")} }`;
}
const rows = (record, indent, print = literal) =>
  Object.entries(record)
    .map(([name, value]) => `${indent}${key(name)}: ${print(value)},\n`)
    .join("");

function printTable({ pkg, table }) {
  const { operations, structures, errors, enums } = table;
  const structureText = ({ members, ...rest }) => {
    const head = Object.entries(rest)
      .map(([name, value]) => `${name}: ${literal(value)}, `)
      .join("");
    const body = rows(members, "        ");
    return body === "" ? `{ ${head}members: {} }` : `{\n      ${head}members: {\n${body}      },\n    }`;
  };
  return `/** Generated by tools/wire-tables.mjs from ${pkg.name} ${pkg.version}: do not edit. */
import type { ServiceTable } from "../shape.js";

export const ${constName(table.service)}: ServiceTable = {
  service: ${JSON.stringify(table.service)},
  protocol: ${JSON.stringify(table.protocol)},
  version: ${JSON.stringify(table.version)},
  xmlNamespace: ${JSON.stringify(table.xmlNamespace)},
  operations: {
${rows(operations, "    ")}  },
  structures: {
${rows(structures, "    ", structureText)}  },
  errors: {
${rows(errors, "    ")}  },
  enums: {
${rows(enums, "    ")}  },
};
`;
}

const constName = (service) => `${service.replace(/-(\w)/g, (_, letter) => letter.toUpperCase())}Table`;

function printTypes({ pkg, table }) {
  const inputs = new Set(),
    outputs = new Set();
  for (const operation of Object.values(table.operations)) {
    if (operation.input) inputs.add(operation.input);
    if (operation.output) outputs.add(operation.output);
  }
  const interfaces = Object.entries(table.structures).map(([structureName, shape]) => {
    const name = typeName(structureName);
    const required = new Set(outputs.has(structureName) ? [] : shape.required);
    const lines = Object.entries(shape.members).flatMap(([member, entry]) => {
      if (inputs.has(structureName) && entry.type === "stream") return [];
      const type = typeText(entry.type);
      return [required.has(member) ? `  ${key(member)}: ${type};\n` : `  ${key(member)}?: ${type} | undefined;\n`];
    });
    return lines.length === 0 ? `export type ${name} = Nothing;\n` : `export interface ${name} {\n${lines.join("")}}\n`;
  });
  const index = Object.entries(table.operations)
    .filter(([, operation]) => operation.input || operation.output || table.service !== "s3-control")
    .map(([name, { input, output }]) => `  ${name}: { input: ${input ?? "Nothing"}; output: ${output ?? "Nothing"} };\n`);
  return `/**
 * Generated by tools/wire-tables.mjs from ${pkg.name} ${pkg.version}: do not edit.
 * Inputs and outputs as operations see them. A streaming request body is no member: it is \`call.body\`.
 */

/** No members. */
export type Nothing = Readonly<Record<string, never>>;

${interfaces.join("\n")}
/** Input and output of each operation, by its name. */
export interface Operations {
${index.join("")}}
`;
}

// `Object` and `Error` would hide JavaScript's own; the SDK writes them like this too.
const typeName = (name) => (name === "Object" || name === "Error" ? `_${name}` : name);

function typeText(type) {
  if (typeof type === "object") {
    if (type.map !== undefined) return `Readonly<Record<string, ${typeText(type.map)}>>`;
    return `readonly ${typeText(type.list)}[]`;
  }
  if (type.startsWith("#")) return typeName(type.slice(1));
  if (type.startsWith("timestamp")) return "Date";
  return (
    {
      blob: "Uint8Array",
      stream: "AsyncIterable<Uint8Array> | Uint8Array",
      events: "AsyncIterable<Uint8Array>",
      document: "unknown",
    }[type] ?? type
  );
}

const check = process.argv.includes("--check");
const stale = [];
await mkdir(tablesDir, { recursive: true });
for (const each of SERVICES) {
  const result = await tableOf(each);
  for (const [file, text] of [
    [`${each.service}.ts`, printTable(result)],
    [`${each.service}-types.ts`, printTypes(result)],
  ]) {
    const path = join(tablesDir, file);
    if (!check) await writeFile(path, text);
    else if ((await readFile(path, "utf8").catch(() => "")) !== text) stale.push(`src/wire/tables/${file}`);
  }
}
if (stale.length > 0) {
  process.stderr.write(`stale wire tables, run "npm run tables": ${stale.join(", ")}\n`);
  process.exitCode = 1;
}
