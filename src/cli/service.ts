/**
 * A client of a running server for the commands that ask it something: endpoint and credentials come from the environment
 * that `coffer env` prints and AWS's own tools read. No private door: signed requests, judged like any other.
 */
import { readFileSync } from "node:fs";
import { ServiceError } from "../lib/errors.js";
import { decodeAnswer, encodeRequest } from "../wire/client-codec.js";
import { expectOk, WireClient } from "../wire/client.js";
import { ConfigError } from "../server/config.js";
import { VERSION } from "../server/version.js";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Asks one of Coffer's own verbs. @throws ServiceError what the server refuses; ConfigError when it cannot be asked */
export type Ask = (operation: "InspectObject" | "LookupAuditEvents" | "VerifyStore", input: object) => Promise<object>;

/** @throws ConfigError naming the variable that is missing */
export function serviceOf(environment: Environment): Ask {
  const endpoint = required(environment, "AWS_ENDPOINT_URL");
  const client = new WireClient({
    endpoint,
    region: environment["AWS_REGION"] ?? environment["AWS_DEFAULT_REGION"] ?? "us-east-1",
    ca: certificates(environment),
    credentials: {
      accessKeyId: required(environment, "AWS_ACCESS_KEY_ID"),
      secretAccessKey: required(environment, "AWS_SECRET_ACCESS_KEY"),
      ...(environment["AWS_SESSION_TOKEN"] === undefined ? {} : { sessionToken: environment["AWS_SESSION_TOKEN"] }),
    },
  });
  return async (operation, input) => {
    try {
      const request = encodeRequest("coffer", operation, input);
      const headers = { ...request.headers, "user-agent": `coffer-cli/${VERSION}` };
      return decodeAnswer("coffer", operation, expectOk(await client.send({ ...request, headers })));
    } catch (cause) {
      if (cause instanceof ServiceError) throw cause;
      const { code, message } = cause as NodeJS.ErrnoException;
      throw new ConfigError(`${endpoint} does not answer: ${code ?? message}`, { cause });
    }
  };
}

function required(environment: Environment, name: string): string {
  const value = environment[name];
  if (value === undefined || value === "") throw new ConfigError(`${name} is not set: eval "$(coffer env)" sets it`);
  return value;
}

function certificates(environment: Environment): Buffer | undefined {
  const path = environment["AWS_CA_BUNDLE"];
  if (path === undefined || path === "") return undefined;
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new ConfigError(`AWS_CA_BUNDLE: cannot read ${path}`, { cause });
  }
}

export interface ObjectAddress {
  readonly bucket: string;
  readonly key: string;
}

/** @param text `s3://BUCKET/KEY` @throws ConfigError */
export function parseObjectAddress(text: string): ObjectAddress {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/([^]+)$/.exec(text) ?? [];
  if (bucket === undefined || key === undefined) throw new ConfigError(`expected s3://BUCKET/KEY, not ${JSON.stringify(text)}`);
  return { bucket, key };
}
