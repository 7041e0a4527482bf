/**
 * What most end-to-end tests start from: one server a file, clients of every service, buckets, keys and users made in one
 * line, and raw requests for what no SDK would send.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { CreateAccessKeyCommand, CreateUserCommand, PutUserPolicyCommand, type IAMClient } from "@aws-sdk/client-iam";
import { CreateKeyCommand, type KMSClient } from "@aws-sdk/client-kms";
import {
  CreateBucketCommand,
  PutBucketPolicyCommand,
  type CreateBucketCommandInput,
  type GetObjectCommandOutput,
  type S3Client,
} from "@aws-sdk/client-s3";
import { WireClient } from "../../src/wire/client.js";
import {
  discard,
  iamClient,
  kmsClient,
  s3Client,
  startServer,
  stsClient,
  ROOT,
  type Credentials,
  type ServerOptions,
  type TestServer,
} from "./server.js";

export const ACCOUNT = "000000000000";
/** A second account, in the seed of every world. */
export const AWAY = "111122223333";
export const AWAY_ROOT: Credentials = {
  accessKeyId: "AKIAAWAYROOT00000001",
  secretAccessKey: "away-root-secret-access-key-0000000000001",
};
/** A sealed chunk of plaintext. */
export const CHUNK = 65_536;
export const MIB = 1024 * 1024;

export interface Person {
  readonly name: string;
  readonly arn: string;
  readonly credentials: Credentials;
  readonly s3: S3Client;
  readonly kms: KMSClient;
  readonly iam: IAMClient;
}

let counter = 0;
/** A name that no other test of the file has. */
export const unique = (stem: string): string => `${stem}-${(++counter).toString(36)}-${randomBytes(3).toString("hex")}`;

/** The same bytes for the same size and seed, and never a repeating block: what is stored out of order does not compare equal. */
export function bytesOf(sizeBytes: number, seed = 1): Buffer {
  const out = Buffer.allocUnsafe(Math.ceil(sizeBytes / 4) * 4);
  let state = seed >>> 0 || 1;
  for (let at = 0; at < out.length; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out.writeInt32LE(state, at);
  }
  return out.subarray(0, sizeBytes);
}

/** The whole body of a GetObject. */
export async function bodyOf(output: Pick<GetObjectCommandOutput, "Body">): Promise<Buffer> {
  assert.ok(output.Body !== undefined, "an answer of GetObject has a body");
  return Buffer.from(await output.Body.transformToByteArray());
}

/** Compares without printing megabytes. */
export function assertBytes(actual: Buffer, expected: Buffer, what = "body"): void {
  assert.equal(actual.length, expected.length, `${what}: length`);
  assert.ok(actual.equals(expected), `${what}: ${actual.length} bytes differ`);
}

interface Stack {
  add(middleware: unknown, options: object): void;
}

/** Sets (or with undefined: removes) request headers of a command just before it is signed. */
export function withHeaders<C>(command: C, headers: Readonly<Record<string, string | undefined>>): C {
  return beforeSigning(command, (request) => {
    for (const [name, value] of Object.entries(headers)) {
      if (value === undefined) delete request.headers[name];
      else request.headers[name] = value;
    }
  });
}

/** Replaces the body of a command just before it is signed; checksum headers that the SDK computed before are removed. */
export function withBody<C>(command: C, body: string): C {
  return beforeSigning(command, (request) => {
    for (const name of Object.keys(request.headers))
      if (/^x-amz-(sdk-)?checksum|^content-md5$/.test(name)) delete request.headers[name];
    request.headers["content-length"] = String(Buffer.byteLength(body));
    request.body = body;
  });
}

interface MutableRequest {
  headers: Record<string, string>;
  query: Record<string, string>;
  body: unknown;
}

export function beforeSigning<C>(command: C, change: (request: MutableRequest) => void): C {
  const { middlewareStack } = command as unknown as { middlewareStack: Stack };
  middlewareStack.add(
    (next: (args: unknown) => Promise<unknown>) => async (args: { request: MutableRequest }) => {
      change(args.request);
      return next(args);
    },
    { step: "build", priority: "low", name: "test-change" },
  );
  return command;
}

export interface RawRequest {
  readonly method?: string;
  /** As sent, not normalised. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: Buffer | string;
  readonly https?: boolean;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

export class World {
  readonly server: TestServer;
  readonly s3: S3Client;
  /** Over https. */
  readonly s3tls: S3Client;
  readonly kms: KMSClient;
  readonly iam: IAMClient;

  constructor(server: TestServer) {
    this.server = server;
    this.s3 = s3Client(server);
    this.s3tls = s3Client(server, { https: true });
    this.kms = kmsClient(server);
    this.iam = iamClient(server);
  }

  sts(credentials: Credentials) {
    return stsClient(this.server, { credentials });
  }

  async bucket(stem = "b", options: Omit<CreateBucketCommandInput, "Bucket"> = {}, s3 = this.s3): Promise<string> {
    const Bucket = unique(stem);
    await s3.send(new CreateBucketCommand({ Bucket, ...options }));
    return Bucket;
  }

  /** @returns ARN of a new symmetric key */
  async key(policy?: object, kms = this.kms): Promise<string> {
    const Policy = policy === undefined ? {} : { Policy: JSON.stringify(policy), BypassPolicyLockoutSafetyCheck: true };
    const { KeyMetadata } = await kms.send(new CreateKeyCommand(Policy));
    assert.ok(KeyMetadata?.Arn !== undefined);
    return KeyMetadata.Arn;
  }

  /** A user with one inline policy of `statements`, or without any. */
  async user(stem: string, statements: readonly object[] = [], iam = this.iam): Promise<Person> {
    const UserName = unique(stem);
    const { User } = await iam.send(new CreateUserCommand({ UserName }));
    if (statements.length > 0) await this.allow(UserName, statements, iam);
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
    assert.ok(AccessKey?.AccessKeyId !== undefined && AccessKey.SecretAccessKey !== undefined && User?.Arn !== undefined);
    const credentials = { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
    return {
      name: UserName,
      arn: User.Arn,
      credentials,
      s3: s3Client(this.server, { credentials }),
      kms: kmsClient(this.server, { credentials }),
      iam: iamClient(this.server, { credentials }),
    };
  }

  /** Sets the user's inline policy. */
  async allow(UserName: string, statements: readonly object[], iam = this.iam): Promise<void> {
    const PolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: statements });
    await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: "inline", PolicyDocument }));
  }

  async policy(Bucket: string, statements: readonly object[], s3 = this.s3): Promise<void> {
    await s3.send(
      new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify({ Version: "2012-10-17", Statement: statements }) }),
    );
  }

  /** Signs what no SDK would send. */
  wire(options: { https?: boolean; credentials?: Credentials | null; region?: string } = {}): WireClient {
    const { https = false, credentials = ROOT, region = "us-east-1" } = options;
    return new WireClient({
      endpoint: https ? this.server.httpsUrl : this.server.httpUrl,
      region,
      ...(credentials === null ? {} : { credentials }),
      ...(https ? { ca: readFileSync(this.server.caFile) } : {}),
    });
  }

  /** Sends as it stands: no signature, no normalisation, any Host. */
  raw(request: RawRequest): Promise<RawAnswer> {
    const url = new URL(request.https === true ? this.server.httpsUrl : this.server.httpUrl);
    const options = {
      host: url.hostname,
      port: url.port,
      method: request.method ?? "GET",
      path: request.path,
      headers: request.headers ?? {},
      agent: false as const,
    };
    const ca = request.https === true ? { ca: readFileSync(this.server.caFile), servername: "localhost" } : {};
    return new Promise((resolve, reject) => {
      const sent = (request.https === true ? httpsRequest : httpRequest)({ ...options, ...ca }, (answer) => {
        const parts: Buffer[] = [];
        answer.on("data", (piece: Buffer) => parts.push(piece));
        answer.on("error", reject);
        answer.on("end", () => {
          const body = Buffer.concat(parts);
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body, text: body.toString("utf8") });
        });
      });
      sent.on("error", reject);
      sent.end(request.body);
    });
  }
}

export interface WorldOptions extends ServerOptions {
  /** Members added to the seed document. */
  readonly seed?: Readonly<Record<string, unknown>>;
}

/** A world for the tests of one file; its server ends with them. */
export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), "coffer-e2e-"));
  const seedFile = join(directory, "seed.json");
  const accounts = [{ id: AWAY, rootAccessKeys: [AWAY_ROOT] }];
  writeFileSync(seedFile, JSON.stringify({ accounts, ...options.seed }));
  const server = await startServer({ ...options, directory, flags: ["--seed", seedFile, ...(options.flags ?? [])] });
  after(() => discard(server));
  return new World(server);
}

/** `<Code>` of an XML error. */
export const codeOf = (text: string): string => /<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? "";
export const messageOf = (text: string): string => /<Message>([^<]*)<\/Message>/.exec(text)?.[1] ?? "";

/** The key policy of AWS's default: the account decides by IAM. */
export const accountStatement = (account = ACCOUNT): object => ({
  Sid: "Enable IAM User Permissions",
  Effect: "Allow",
  Principal: { AWS: `arn:aws:iam::${account}:root` },
  Action: "kms:*",
  Resource: "*",
});

export const S3_ALL = { Effect: "Allow", Action: "s3:*", Resource: "*" };
export const KMS_ALL = { Effect: "Allow", Action: "kms:*", Resource: "*" };
