/** What a server leaves on disk, for tests that look at bytes: every file under its directory, and its audit lines. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestServer } from "./server.js";

/** Paths of all files below `directory`. */
export function filesBelow(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Files in which `needle` stands as it is. */
export function filesWith(directory: string, needle: Buffer | string): string[] {
  return filesBelow(directory).filter((path) => readFileSync(path).includes(needle));
}

export interface AuditLine {
  readonly eventName: string;
  readonly eventSource: string;
  readonly eventTime: string;
  readonly eventType: "AwsApiCall" | "AwsServiceEvent";
  readonly eventID: string;
  readonly requestID: string;
  readonly sequence: number;
  readonly readOnly: boolean;
  readonly awsRegion: string;
  readonly sourceIPAddress: string;
  readonly userAgent: string;
  readonly errorCode?: string;
  readonly errorMessage?: string;
  readonly userIdentity: {
    readonly type: string;
    readonly arn?: string;
    readonly accountId?: string;
    readonly accessKeyId?: string;
    readonly userName?: string;
    readonly invokedBy?: string;
  };
  readonly requestParameters: { readonly [name: string]: unknown } | null;
  readonly additionalEventData?: { readonly [name: string]: unknown };
  readonly resources?: readonly { readonly ARN: string; readonly accountId?: string }[];
}

/** Every audit line of the server's data directory, in order within each file. */
export function auditLines(server: TestServer): AuditLine[] {
  return filesBelow(join(server.directory, "data", "audit"))
    .sort()
    .flatMap(auditFile);
}

function auditFile(path: string): AuditLine[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as AuditLine);
}
