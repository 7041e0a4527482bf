/**
 * A small client of the five services: signs, sends, reads. For the CLI, S3-backed stores and tests; no SDK at run time.
 *
 * It speaks wire, not operations: the caller gives target and body, and gets status, headers and bytes. Errors of the
 * service come back as `ServiceError` from `expectOk`.
 */
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { systemClock, type Clock } from "../lib/clock.js";
import { ServiceError } from "../lib/errors.js";
import { presignTarget, sha256Hex, signHeaders, type Credentials, type Signer } from "./sign.js";
import { percentEncode } from "./uri.js";

export interface ClientOptions {
  /** `http://127.0.0.1:9000`; no path. */
  readonly endpoint: string;
  /** Undefined: requests go unsigned. */
  readonly credentials?: Credentials | undefined;
  readonly region: string;
  /** PEM certificates to trust for https, instead of the system's. */
  readonly ca?: string | Buffer | undefined;
  readonly clock?: Clock;
}

export interface WireRequest {
  /** Signing name; default `s3`. */
  readonly service?: string;
  readonly method: string;
  /** Encoded path; see `percentEncodePath`. */
  readonly path: string;
  /** Encoded here. A value of undefined is left out. */
  readonly query?: Readonly<Record<string, string | undefined>>;
  /** Names lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes are hashed for the signature; a stream goes as UNSIGNED-PAYLOAD and needs `content-length`. */
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array> | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An answer whose body is still to be read. */
export interface WireStream {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly stream: IncomingMessage;
}

/** Longest answer that `send` reads into memory. */
const ANSWER_LIMIT = 64 * 1024 * 1024;

export class WireClient {
  readonly #options: ClientOptions;
  readonly #url: URL;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#url = new URL(options.endpoint);
  }

  /** Sends and reads the whole answer, whatever its status. @throws Error of the connection */
  async send(request: WireRequest): Promise<WireAnswer> {
    const { status, headers, stream } = await this.open(request);
    const parts: Buffer[] = [];
    let sizeBytes = 0;
    for await (const piece of stream as AsyncIterable<Buffer>) {
      sizeBytes += piece.length;
      if (sizeBytes > ANSWER_LIMIT) throw new Error("answer is too long to be read into memory");
      parts.push(piece);
    }
    return { status, headers, body: Buffer.concat(parts) };
  }

  /** Sends; the caller reads or destroys the answer's stream. */
  open(request: WireRequest): Promise<WireStream> {
    const target = targetOf(request);
    const streaming = typeof request.body === "object" && !(request.body instanceof Uint8Array);
    const bytes = request.body === undefined || streaming ? Buffer.alloc(0) : Buffer.from(request.body as Uint8Array | string);
    const headers: Record<string, string> = { host: this.#url.host, ...request.headers };
    if (!streaming && (bytes.length > 0 || !["GET", "HEAD", "DELETE"].includes(request.method)))
      headers["content-length"] = String(bytes.length);
    const signed = this.#sign({ ...request, target, headers }, streaming ? "UNSIGNED-PAYLOAD" : sha256Hex(bytes));
    return this.#transmit(request, { target, headers: signed, source: streaming ? request.body : bytes });
  }

  /** URL that works without credentials until it expires. @param headers must be sent as given, `host` besides */
  presign(request: Omit<WireRequest, "body" | "signal">, expiresSeconds: number): string {
    const signer = this.#signer(request.service);
    if (signer === undefined) throw new Error("presigning needs credentials");
    const headers = { host: this.#url.host, ...request.headers };
    const unsigned = { method: request.method, target: targetOf(request), headers };
    return (
      this.#url.origin +
      presignTarget(unsigned, signer, expiresSeconds, signer.service === "s3" ? "UNSIGNED-PAYLOAD" : sha256Hex(""))
    );
  }

  /** Calls an aws-json operation. @param target e.g. `TrentService.CreateKey` @throws ServiceError */
  async json(service: "kms" | "coffer", target: string, input: object): Promise<unknown> {
    const answer = expectOk(
      await this.send({
        service,
        method: "POST",
        path: "/",
        body: JSON.stringify(input),
        headers: { "content-type": "application/x-amz-json-1.1", "x-amz-target": target },
      }),
    );
    return answer.body.length === 0 ? {} : JSON.parse(answer.body.toString("utf8"));
  }

  /** Calls an aws-query operation; the answer is XML. @throws ServiceError */
  async query(service: "iam" | "sts", action: string, parameters: Readonly<Record<string, string>> = {}): Promise<string> {
    const version = service === "iam" ? "2010-05-08" : "2011-06-15";
    const body = Object.entries({ Action: action, Version: version, ...parameters })
      .map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`)
      .join("&");
    const answer = await this.send({
      service,
      method: "POST",
      path: "/",
      body,
      headers: { "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
    });
    return expectOk(answer).body.toString("utf8");
  }

  #signer(service = "s3"): Signer | undefined {
    const { credentials, region, clock = systemClock } = this.#options;
    return credentials === undefined ? undefined : { credentials, region, service, nowMs: clock.now() };
  }

  #sign(request: WireRequest & { target: string; headers: Record<string, string> }, payloadHash: string): Record<string, string> {
    const signer = this.#signer(request.service);
    return signer === undefined
      ? request.headers
      : signHeaders(request, signer, request.headers["x-amz-content-sha256"] ?? payloadHash);
  }

  #transmit(
    request: WireRequest,
    {
      target,
      headers,
      source,
    }: {
      target: string;
      headers: Record<string, string>;
      source: WireRequest["body"];
    },
  ): Promise<WireStream> {
    const { protocol, hostname, port } = this.#url;
    const send = protocol === "https:" ? httpsRequest : httpRequest;
    const encoded = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, Buffer.from(value, "utf8").toString("latin1")]),
    );
    return new Promise((resolve, reject) => {
      const outgoing = send({
        method: request.method,
        path: target,
        headers: encoded,
        host: hostname.replace(/^\[|\]$/g, ""),
        ...(port === "" ? {} : { port }),
        ...(this.#options.ca === undefined ? {} : { ca: this.#options.ca }),
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      });
      outgoing.on("error", reject);
      outgoing.on("response", (stream) => resolve({ status: stream.statusCode ?? 0, headers: stream.headers, stream }));
      if (source === undefined || typeof source === "string" || source instanceof Uint8Array) outgoing.end(source);
      // A service may answer and close before it has read everything: the answer counts, not the broken upload.
      else pipeline(Readable.from(source), outgoing).catch(reject);
    });
  }
}

function targetOf({ path, query = {} }: Pick<WireRequest, "path" | "query">): string {
  const pairs = Object.entries(query)
    .filter((pair): pair is [string, string] => pair[1] !== undefined)
    .map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`);
  if (pairs.length === 0) return path;
  return `${path}${path.includes("?") ? "&" : "?"}${pairs.join("&")}`;
}

/** The answer, if its status is below 300. @throws ServiceError what the service said */
export function expectOk(answer: WireAnswer): WireAnswer {
  if (answer.status < 300) return answer;
  throw answerError(answer);
}

/** The error in an answer's body: JSON `__type` or XML `<Code>`. Without a body, the status speaks. */
export function answerError({ status, body }: WireAnswer): ServiceError {
  const text = body.toString("utf8");
  const json = /"__type"\s*:\s*"(?:[^"#]*#)?([^"#]+)"/.exec(text)?.[1];
  if (json !== undefined) {
    const message = /"[mM]essage"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
    return new ServiceError(json, message === undefined ? "" : String(JSON.parse(message)), { status });
  }
  const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? `Http${status}`;
  return new ServiceError(code, unescapeXml(/<Message>([^<]*)<\/Message>/.exec(text)?.[1] ?? ""), { status });
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

function unescapeXml(text: string): string {
  return text.replace(/&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/g, (whole, decimal?: string, hex?: string, name?: string) => {
    const code = decimal !== undefined ? Number(decimal) : hex !== undefined ? Number.parseInt(hex, 16) : undefined;
    return code !== undefined && code <= 0x10ffff ? String.fromCodePoint(code) : (ENTITIES[name ?? ""] ?? whole);
  });
}
