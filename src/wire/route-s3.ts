/**
 * Names the S3 operation of a request from the tables alone: method, level (service, bucket, object), the query
 * literals of the URI pattern, then required query members and the copy-source header.
 *
 * A sub-resource that the method does not know is refused and never ignored: `DELETE /b?acl` must not delete the bucket.
 */
import { ServiceError } from "../lib/errors.js";
import type { Query } from "./contract.js";
import { firstOf } from "./uri.js";
import { POST_OBJECT, TABLES, structureOf } from "./tables.js";

type Level = "service" | "bucket" | "object";

interface Candidate {
  readonly name: string;
  /** Query literals of the URI pattern; the value is undefined where only the name is given. */
  readonly literals: readonly (readonly [string, string | undefined])[];
  readonly requiredQuery: readonly string[];
  readonly copy: boolean;
}

const COPY_SOURCE = "x-amz-copy-source";
/** Told from ListBuckets by its endpoint and signing name alone; the SDKs name it in `x-id`. */
const DIRECTORY_BUCKETS = "ListDirectoryBuckets";

const candidates = new Map<string, Candidate[]>();
/** Every sub-resource name (`acl`, `uploads`, …); a value is part of the literal for `list-type=2`, `select-type=2`. */
const subResources = new Set<string>();
buildCandidates();

function buildCandidates(): void {
  const table = TABLES.s3;
  for (const [name, operation] of Object.entries(table.operations)) {
    if (name === DIRECTORY_BUCKETS) continue;
    const input = structureOf(table, operation.input);
    const [path = "/", query = ""] = operation.uri.split("?");
    const literals =
      query === ""
        ? []
        : query.split("&").map((part) => {
            const [literal = "", value] = part.split("=");
            return [literal, value] as const;
          });
    for (const [literal, value] of literals) if (value === undefined) subResources.add(literal);
    const required = (input?.required ?? []).map((member) => input?.members[member]);
    const bucket = input?.members["Bucket"]?.in === "label";
    const level: Level = path.includes("{Key+}") ? "object" : bucket ? "bucket" : "service";
    const id = `${operation.method} ${level}${path === "/WriteGetObjectResponse" ? path : ""}`;
    const candidate: Candidate = {
      name,
      literals,
      requiredQuery: required.flatMap((member) => (member?.in === "query" && member.name !== undefined ? [member.name] : [])),
      copy: required.some((member) => member?.in === "header" && member.name === COPY_SOURCE),
    };
    candidates.set(id, [...(candidates.get(id) ?? []), candidate]);
  }
  // The most specific first, so that the first match is the operation.
  const weight = (each: Candidate): number => each.literals.length * 100 + each.requiredQuery.length * 10 + (each.copy ? 1 : 0);
  for (const list of candidates.values()) list.sort((a, b) => weight(b) - weight(a));
}

export interface S3Target {
  readonly method: string;
  readonly bucket: string | undefined;
  readonly key: string | undefined;
  readonly query: Query;
  /** Header or hoisted query value. */
  readonly header: (name: string) => string | undefined;
}

/**
 * @returns the operation's name, `PostObject` for a browser form
 * @throws ServiceError MethodNotAllowed, InvalidArgument (two sub-resources), PreconditionFailed (POST that is no form)
 */
export function nameS3Operation(target: S3Target): string {
  const level: Level = target.bucket === undefined ? "service" : target.key === undefined ? "bucket" : "object";
  const asked: string[] = [];
  for (const name of target.query.keys()) if (subResources.has(name)) asked.push(name);
  // `annotation` stands beside no other; `select` comes with `select-type`, which is no sub-resource of its own.
  if (asked.length > 1) throw conflicting(asked);
  if (level === "service" && target.method === "GET" && firstOf(target.query, "x-id") === DIRECTORY_BUCKETS)
    return DIRECTORY_BUCKETS;
  const sub = asked[0];
  if (level === "object") refuseStrayParameters(target);
  for (const candidate of candidates.get(`${target.method} ${level}`) ?? []) {
    if (sub !== undefined && !candidate.literals.some(([name]) => name === sub)) continue;
    if (matches(candidate, target)) return candidate.name;
  }
  if (target.method === "POST" && level === "bucket" && sub === undefined) return postForm(target);
  throw notAllowed(target.method, sub, level);
}

function matches(candidate: Candidate, { query, header }: S3Target): boolean {
  for (const [name, value] of candidate.literals) {
    if (value === undefined ? !query.has(name) : firstOf(query, name) !== value) return false;
  }
  if (!candidate.requiredQuery.every((name) => query.has(name))) return false;
  return !candidate.copy || header(COPY_SOURCE) !== undefined;
}

/** Parameters that would be lost without a word, so that a part or an old version overwrote the object. */
function refuseStrayParameters({ method, query }: S3Target): void {
  if (method !== "PUT" && method !== "POST") return;
  const part = query.has("partNumber");
  const upload = query.has("uploadId");
  if (method === "PUT" && part !== upload) {
    const name = part ? "partNumber" : "uploadId";
    const message = part
      ? "This operation does not accept a query-string."
      : "Part number must be an integer between 1 and 10000, inclusive";
    throw new ServiceError("InvalidArgument", message, {
      fields: { ArgumentName: name, ArgumentValue: firstOf(query, name) ?? "" },
    });
  }
  const takesVersion = [
    "acl",
    "tagging",
    "retention",
    "legal-hold",
    "restore",
    "encryption",
    "select",
    "annotation",
    "renameObject",
  ];
  if (query.has("versionId") && !takesVersion.some((name) => query.has(name))) {
    throw new ServiceError("InvalidArgument", "This operation does not accept a version-id.", {
      fields: { ArgumentName: "versionId", ArgumentValue: firstOf(query, "versionId") ?? "" },
    });
  }
}

function postForm({ header }: S3Target): string {
  if (/^multipart\/form-data\b/i.test(header("content-type") ?? "")) return POST_OBJECT;
  throw new ServiceError("PreconditionFailed", "At least one of the pre-conditions you specified did not hold", {
    status: 412,
    fields: { Condition: "Bucket POST must be of the enclosure-type multipart/form-data" },
  });
}

function conflicting(names: readonly string[]): ServiceError {
  const sorted = [...names].sort();
  return new ServiceError("InvalidArgument", `Conflicting query string parameters: ${sorted.join(", ")}`, {
    fields: { ArgumentName: "ResourceType", ArgumentValue: sorted[0] ?? "" },
  });
}

function notAllowed(method: string, sub: string | undefined, level: Level): ServiceError {
  const resource = sub === undefined ? level.toUpperCase() : sub.replaceAll("-", "").toUpperCase();
  return new ServiceError("MethodNotAllowed", "The specified method is not allowed against this resource.", {
    status: 405,
    fields: { Method: method, ResourceType: resource },
  });
}
