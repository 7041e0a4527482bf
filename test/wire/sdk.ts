/**
 * Real SDK clients with a handler that captures the request instead of sending it, or answers with a response of ours:
 * their serializers and deserializers are the other side of every codec test.
 */
import * as iam from "@aws-sdk/client-iam";
import * as kms from "@aws-sdk/client-kms";
import * as s3 from "@aws-sdk/client-s3";
import * as s3Control from "@aws-sdk/client-s3-control";
import * as sts from "@aws-sdk/client-sts";
import { Readable } from "node:stream";
import type { WireResponse } from "../../src/wire/contract.js";
import type { ModelledService } from "../../src/wire/tables.js";
import type { RequestHead } from "../../src/wire/types.js";

export interface Captured {
  readonly head: RequestHead;
  readonly body: Buffer;
}

interface SdkRequest {
  readonly method: string;
  readonly path: string;
  readonly hostname: string;
  readonly query?: Record<string, string | string[] | null>;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
}

class Capture extends Error {
  readonly request: SdkRequest;
  constructor(request: SdkRequest) {
    super("captured");
    this.request = request;
  }
}

type AnyClient = { send(command: unknown): Promise<unknown> };
type Package = Record<string, unknown>;
const packages: Record<ModelledService, Package> = {
  "s3": s3,
  "s3-control": s3Control,
  "kms": kms,
  "iam": iam,
  "sts": sts,
} as never;
const clientNames: Record<ModelledService, string> = {
  "s3": "S3Client",
  "s3-control": "S3ControlClient",
  "kms": "KMSClient",
  "iam": "IAMClient",
  "sts": "STSClient",
};
const ENDPOINT = "http://localhost:9000";

function client(service: ModelledService, handle: (request: SdkRequest) => unknown, options: object): AnyClient {
  const Client = packages[service][clientNames[service]] as new (config: object) => AnyClient;
  return new Client({
    region: "us-east-1",
    endpoint: ENDPOINT,
    maxAttempts: 1,
    forcePathStyle: true,
    followRegionRedirects: false,
    credentials: { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "secret" },
    requestHandler: { handle: async (request: SdkRequest) => handle(request), metadata: { handlerProtocol: "http/1.1" } },
    ...options,
  });
}

function command(service: ModelledService, operation: string, input: object): unknown {
  const Command = packages[service][`${operation}Command`] as new (input: object) => unknown;
  return new Command(input);
}

/** The request that the SDK sends for an operation. */
export async function capture(
  service: ModelledService,
  operation: string,
  input: object,
  options: object = {},
): Promise<Captured> {
  const sender = client(
    service,
    (request) => {
      throw new Capture(request);
    },
    options,
  );
  try {
    await sender.send(command(service, operation, input));
  } catch (error) {
    if (error instanceof Capture) return received(error.request);
    throw error;
  }
  throw new Error(`${operation} was not sent`);
}

/** What the SDK makes of our response. */
export async function parse(
  service: ModelledService,
  operation: string,
  input: object,
  response: WireResponse,
): Promise<Record<string, unknown>> {
  const sender = client(service, () => ({ response: sdkResponse(response) }), {});
  return (await sender.send(command(service, operation, input))) as Record<string, unknown>;
}

function sdkResponse({ status, headers, body }: WireResponse): object {
  const bytes = body instanceof Uint8Array ? Buffer.from(body) : Buffer.alloc(0);
  return { statusCode: status, headers: { ...headers }, body: Readable.from(bytes.length === 0 ? [] : [bytes]) };
}

async function received(request: SdkRequest): Promise<Captured> {
  const pairs = Object.entries(request.query ?? {}).flatMap(([name, value]) => {
    const values = value === null ? [null] : Array.isArray(value) ? value : [value];
    return values.map((each) =>
      each === null ? encodeURIComponent(name) : `${encodeURIComponent(name)}=${encodeURIComponent(each)}`,
    );
  });
  const target = request.path + (pairs.length === 0 ? "" : `?${pairs.join("&")}`);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) headers[name.toLowerCase()] = value;
  headers["host"] ??= request.hostname;
  return { head: headOf(request.method, target, headers), body: await bodyBytes(request.body) };
}

/** A request head as the server builds it. */
export function headOf(method: string, target: string, headers: Record<string, string> = {}): RequestHead {
  const all = { host: "localhost:9000", ...headers };
  return { method, target, headers: all, rawHeaders: Object.entries(all).flat(), secure: false };
}

async function bodyBytes(body: unknown): Promise<Buffer> {
  if (body === undefined || body === null) return Buffer.alloc(0);
  if (typeof body === "string" || body instanceof Uint8Array) return Buffer.from(body as string);
  const chunks: Buffer[] = [];
  for await (const chunk of body as AsyncIterable<Uint8Array>) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
