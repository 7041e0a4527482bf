/**
 * What the gate and the server room see of the wire: routing, decoding, encoding. Types only; the functions are
 * `route`, `routeForm` (route.ts), `decodeInput`, `encodeOutput`, `encodeError`, `bodyOf` (codec.ts).
 */
import type { ServiceError } from "../lib/errors.js";
import type { RequestHead, Service } from "./types.js";

export interface RouteConfig {
  /**
   * Host names of the service itself, lower case, without port: `localhost`, `s3.example.org`. Their sub-domains are
   * buckets. AWS's own names (`s3.amazonaws.com`, `s3.us-east-1.amazonaws.com`, …) are always known; any other host and
   * every IP address is path style.
   */
  readonly domains: readonly string[];
}

/** Decoded query parameters in order of arrival; a name may come several times. */
export type Query = ReadonlyMap<string, readonly string[]>;

interface RoutedCommon {
  readonly query: Query;
  /** Path as sent, without the query. */
  readonly rawPath: string;
}

/** A request for one operation. */
export interface RoutedOperation extends RoutedCommon {
  readonly kind: "operation";
  readonly service: Service;
  /** Name as in the tables; besides them `PostObject`: an upload by browser form. */
  readonly operation: string;
  /** S3; decoded, not validated. */
  readonly bucket?: string;
  /** S3; decoded UTF-8, byte-exact, never empty. */
  readonly key?: string;
  readonly style?: "path" | "virtual";
  /** S3 Control: from the header `x-amz-account-id` or the host. */
  readonly accountId?: string;
  /** S3 Control: decoded path labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** IAM and STS: the parameters, from body or query. */
  readonly form?: ReadonlyMap<string, string>;
}

/** IAM or STS: the operation is named in the body. Read it (≤ `bodyLimit`), then call `routeForm`. */
export interface RoutedForm extends RoutedCommon {
  readonly kind: "form";
}

/** CORS preflight on a bucket or key. */
export interface RoutedPreflight extends RoutedCommon {
  readonly kind: "preflight";
  readonly bucket?: string;
  readonly key?: string;
}

/** `/-/live` and the like, on service hosts only. */
export interface RoutedOperational extends RoutedCommon {
  readonly kind: "operational";
  readonly method: string;
}

export type Routed = RoutedOperation | RoutedForm | RoutedPreflight | RoutedOperational;

/** @throws ServiceError InvalidURI, MethodNotAllowed, UnknownOperationException … encode it for `errorServiceOf(head)` */
export type Route = (head: RequestHead, config: RouteConfig) => Routed;

/**
 * @param scopeService service named in the credential scope, if signed
 * @throws ServiceError MissingAction, InvalidAction, MalformedInput …
 */
export type RouteForm = (routed: RoutedForm, body: Uint8Array, scopeService: string | undefined) => RoutedOperation;

/**
 * What an S3 operation may add to its output beside AWS's members.
 * @property $status instead of the table's status, e.g. 206, 304
 * @property $headers further response headers, names lower case
 * @property $interleaved members that are flat lists, and the order in which their items are written: XML clients read
 *   versions and delete markers as one list
 */
export interface OutputExtras {
  readonly $status?: number;
  readonly $headers?: Readonly<Record<string, string>>;
  readonly $interleaved?: Interleaved;
}

export interface Interleaved {
  readonly members: readonly string[];
  /** Member and item, each item of the members once. */
  readonly items: readonly (readonly [member: string, item: object])[];
}

export interface WireResponse {
  readonly status: number;
  /** Names lower case; includes request id and content type, and content-length where the body is in memory. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | undefined;
}

export interface ResponseIds {
  readonly requestId: string;
  /** S3's `x-amz-id-2`. */
  readonly hostId: string;
}

export interface ErrorContext extends ResponseIds {
  /** S3: the `Resource` element, e.g. `/bucket/key`. */
  readonly resource?: string;
  /** HEAD: status and headers only. */
  readonly isHead: boolean;
}

/**
 * How the body of an operation is read.
 * @property kind `none`: no body is expected; `memory`: read up to `limitBytes`, hand it to `decodeInput`; `stream`: `call.body`
 */
export interface BodyPlan {
  readonly kind: "none" | "memory" | "stream";
  readonly limitBytes: number;
  /** Needs Content-MD5 or a checksum. */
  readonly checksumRequired: boolean;
}

export type BodyOf = (service: Service, operation: string) => BodyPlan;

/**
 * Typed input of the operation.
 * @param body the whole body when the plan says `memory`
 * @throws ServiceError MalformedXML, SerializationException, ValidationException, InvalidArgument …
 */
export type DecodeInput = (routed: RoutedOperation, head: RequestHead, body: Uint8Array) => object;

/** @param output the operation's output with OutputExtras; undefined where it has none */
export type EncodeOutput = (service: Service, operation: string, output: unknown, ids: ResponseIds) => WireResponse;

export type EncodeError = (service: Service, error: ServiceError, context: ErrorContext) => WireResponse;

/** In whose form to answer when routing itself fails. */
export type ErrorServiceOf = (head: RequestHead) => Service;
