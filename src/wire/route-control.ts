/** Names the S3 Control operation: method and path pattern under `/v20180820/` (reference authorization.md §3.4). */
import { ServiceError } from "../lib/errors.js";
import type { Query, RoutedOperation } from "./contract.js";
import { TABLES } from "./tables.js";
import type { RequestHead } from "./types.js";
import { percentDecode } from "./uri.js";

interface Pattern {
  readonly name: string;
  readonly method: string;
  readonly path: RegExp;
  readonly labels: readonly string[];
  readonly literals: readonly string[];
}

const patterns: readonly Pattern[] = Object.entries(TABLES["s3-control"].operations)
  .map(([name, { method, uri }]) => {
    const [path = "", query = ""] = uri.split("?");
    const labels: string[] = [];
    const source = path.replace(
      /\{(\w+)(\+?)\}|[.*+?^$()|[\]\\]/g,
      (found, label: string | undefined, greedy: string | undefined) => {
        if (label === undefined) return `\\${found}`;
        labels.push(label);
        return greedy === "+" ? "(.+)" : "([^/]+)";
      },
    );
    return { name, method, path: new RegExp(`^${source}/?$`), labels, literals: query === "" ? [] : query.split("&") };
    // Longest pattern first: `/{Name}/policy` before `/{Name}`.
  })
  .sort((a, b) => b.literals.length - a.literals.length || b.path.source.length - a.path.source.length);

/** @throws ServiceError MethodNotAllowed, InvalidURI */
export function routeControl(head: RequestHead, rawPath: string, query: Query, accountId: string): RoutedOperation {
  for (const pattern of patterns) {
    if (pattern.method !== head.method || !pattern.literals.every((literal) => query.has(literal.split("=")[0] ?? ""))) continue;
    const found = pattern.path.exec(rawPath);
    if (found === null) continue;
    const labels = Object.fromEntries(pattern.labels.map((label, index) => [label, percentDecode(found[index + 1] ?? "")]));
    return { kind: "operation", service: "s3-control", operation: pattern.name, rawPath, query, accountId, labels };
  }
  throw new ServiceError("MethodNotAllowed", "The specified method is not allowed against this resource.", {
    status: 405,
    fields: { Method: head.method, ResourceType: "ACCOUNT" },
  });
}
