/**
 * How much one address may hold: connections by peer, requests at once by client (the peer, or whom a trusted proxy
 * names). A whole IPv6 /64 is one client: it is what one line is given.
 */
import { isIPv6 } from "node:net";
import { expandedIpv6 } from "./addresses.js";

/** Counts by address; holds nothing of those that are at zero. */
export class Counts {
  readonly #limit: number;
  readonly #held = new Map<string, number>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @returns gives the place back, once; undefined when the address has as many as it may */
  enter(address: string): (() => void) | undefined {
    const key = lineOf(address);
    const held = this.#held.get(key) ?? 0;
    if (held >= this.#limit) return undefined;
    this.#held.set(key, held + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const now = (this.#held.get(key) ?? 1) - 1;
      if (now === 0) this.#held.delete(key);
      else this.#held.set(key, now);
    };
  }

  get addresses(): number {
    return this.#held.size;
  }
}

/** The address, or the /64 of an IPv6 one. */
export function lineOf(address: string): string {
  return address.includes(":") && isIPv6(address) ? `${expandedIpv6(address).slice(0, 4).join(":")}::/64` : address;
}
