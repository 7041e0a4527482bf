/**
 * SSE-C: what an object keeps of a key that Coffer never stores. A per-object salt turns the customer's 32 bytes into a
 * wrapping key for the data key, and into a check value that tells "wrong key" before anything is opened. The salt keeps
 * equal keys from showing as equal, and makes guessing cost one run an object. FORMAT: docs/spec/records.md §6.
 */
import { randomBytes } from "node:crypto";
import { requireLength, sameBytes, wipe } from "./bytes.js";
import { hkdfExpand, hkdfExtract } from "./derive.js";
import { wrappingKey } from "./wrap.js";
import type { WrappingKey } from "./wrap.js";

export const CUSTOMER_SALT_BYTES = 32;

export interface CustomerKey {
  /** Wraps the object's data key. */
  readonly wrapping: WrappingKey;
  /** 32 bytes, stored with the object beside the salt; tells nothing about a key of 256 random bits. */
  readonly check: Buffer;
}

export function newCustomerSalt(): Buffer {
  return randomBytes(CUSTOMER_SALT_BYTES);
}

/**
 * @param customerKey the 32 bytes from the request; the caller wipes them
 * @param salt 32 bytes of the object
 */
export function customerKey(customerKey: Uint8Array, salt: Uint8Array): CustomerKey {
  const prk = extracted(customerKey, salt);
  const bytes = hkdfExpand(prk, LABEL_WRAP, 32);
  const check = hkdfExpand(prk, LABEL_CHECK, 32);
  const wrapping = wrappingKey(bytes);
  wipe(prk, bytes);
  return { wrapping, check };
}

/** The check value alone, for who only asks whether it is the same key. */
export function customerCheck(customerKey: Uint8Array, salt: Uint8Array): Pick<CustomerKey, "check"> {
  const prk = extracted(customerKey, salt);
  const check = hkdfExpand(prk, LABEL_CHECK, 32);
  wipe(prk);
  return { check };
}

const LABEL_WRAP = Buffer.from("coffer/sse-c/wrap/v1", "latin1");
const LABEL_CHECK = Buffer.from("coffer/sse-c/check/v1", "latin1");

/** Extract: the customer's bytes need not be uniformly random. */
function extracted(customerKey: Uint8Array, salt: Uint8Array): Buffer {
  requireLength(customerKey, 32, "customer key");
  requireLength(salt, CUSTOMER_SALT_BYTES, "customer salt");
  return hkdfExtract(salt, customerKey);
}

/** Whether `key` is the one whose check value was stored. Constant time. */
export function isSameCustomerKey(key: Pick<CustomerKey, "check">, storedCheck: Uint8Array): boolean {
  return sameBytes(key.check, storedCheck);
}
