/** Sets of IP addresses (CIDR), and what a connection's addresses mean. IPv4-mapped IPv6 counts as IPv4. */
import { BlockList, isIP } from "node:net";

export interface AddressSet {
  has(address: string): boolean;
  readonly empty: boolean;
}

/** @throws Error naming the first part that is no address or CIDR */
export function addressSet(cidrs: readonly string[]): AddressSet {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address = "", bits] = cidr.split("/");
    const family = isIP(address);
    const width = family === 4 ? 32 : 128;
    const prefix = bits === undefined ? width : Number(bits);
    if (family === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > width || bits === "")
      throw new Error(`${JSON.stringify(cidr)} is no CIDR`);
    list.addSubnet(address, prefix, family === 4 ? "ipv4" : "ipv6");
  }
  return {
    empty: cidrs.length === 0,
    has: (address) => {
      const plain = unmapped(address);
      const family = isIP(plain);
      return family !== 0 && list.check(plain, family === 4 ? "ipv4" : "ipv6");
    },
  };
}

/** `::ffff:192.0.2.1` → `192.0.2.1`; other addresses unchanged, without zone. */
export function unmapped(address: string): string {
  const plain = address.split("%")[0] ?? address;
  const match = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(plain);
  return match?.[1] ?? plain;
}

/** The eight groups of an IPv6 address, without leading zeros. */
export function expandedIpv6(address: string): readonly string[] {
  const plain = address.split("%")[0] ?? address;
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(plain);
  const word = (high: string | undefined, low: string | undefined): string => (Number(high) * 256 + Number(low)).toString(16);
  const text = dotted === null ? plain : `${dotted[1]}${word(dotted[2], dotted[3])}:${word(dotted[4], dotted[5])}`;
  const [head = "", tail] = text.split("::");
  const plainGroup = (group: string): string => parseInt(group, 16).toString(16);
  const groups = (part: string): string[] => (part === "" ? [] : part.split(":").map(plainGroup));
  if (tail === undefined) return groups(head);
  const [before, behind] = [groups(head), groups(tail)];
  return [...before, ...Array.from({ length: 8 - before.length - behind.length }, () => "0"), ...behind];
}

const LOOPBACK = addressSet(["127.0.0.0/8", "::1/128"]);
export const isLoopback = (address: string): boolean => LOOPBACK.has(address);
