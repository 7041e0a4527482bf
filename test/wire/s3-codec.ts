/** Shorthands of the S3 codec tests: decode a request, see the text of an answer. */
import { ServiceError } from "../../src/lib/errors.js";
import { decodeInput, encodeOutput } from "../../src/wire/codec.js";
import type { RoutedOperation } from "../../src/wire/contract.js";
import { route } from "../../src/wire/route.js";
import { headOf } from "./sdk.js";

export const IDS = { requestId: "R1", hostId: "H1" };
export const XMLNS = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';

export function decode(method: string, target: string, body: string | Uint8Array, headers: Record<string, string> = {}): object {
  const head = headOf(method, target, headers);
  return decodeInput(route(head, { domains: ["localhost"] }) as RoutedOperation, head, Buffer.from(body as string));
}

export const textOf = (operation: string, output: object): string =>
  Buffer.from(encodeOutput("s3", operation, output, IDS).body as Uint8Array).toString("utf8");

/** For `assert.throws`: a ServiceError of this code. */
export const code =
  (expected: string) =>
  (error: unknown): boolean =>
    error instanceof ServiceError && error.code === expected;
