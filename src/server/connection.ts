/**
 * What a connection is, established from the socket and, where the peer is a configured proxy, its forwarding headers.
 * From anyone else those headers mean nothing, except that a loopback peer that forwards is no local client.
 */
import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import { isLoopback, unmapped, type AddressSet } from "./addresses.js";

export interface ConnectionFacts {
  readonly sourceIp: string | undefined;
  /** TLS here, or a trusted proxy says so. */
  readonly secure: boolean;
  /** `1.2`, `1.3`; undefined without TLS on this connection. */
  readonly tlsVersion: string | undefined;
  /** SSE-KMS and SSE-C may travel: secure, purely local, or from an announced network. */
  readonly secureEnoughForSse: boolean;
  /** A client on this machine, or one of the networks that the operator named. */
  readonly metricsAllowed: boolean;
}

export interface ConnectionRules {
  readonly trustedProxies: AddressSet;
  readonly insecureSseFrom: AddressSet;
  readonly metricsFrom: AddressSet;
}

/** Beside `X-Forwarded-*`: what proxies leave in a request. */
const FORWARDING = new Set(["forwarded", "via", "x-real-ip"]);

export function connectionFacts(request: IncomingMessage, rules: ConnectionRules): ConnectionFacts {
  const socket = request.socket as TLSSocket;
  const peer = unmapped(socket.remoteAddress ?? "");
  const trusted = rules.trustedProxies.has(peer);
  const tls = socket.encrypted === true;
  const secure = tls || (trusted && request.headers["x-forwarded-proto"] === "https");
  const forwarded = Object.keys(request.headers).some((name) => FORWARDING.has(name) || name.startsWith("x-forwarded-"));
  const local = isLoopback(peer) && isLoopback(unmapped(socket.localAddress ?? "")) && !forwarded;
  const sourceIp = (trusted ? forwardedFor(request, rules.trustedProxies) : undefined) ?? (peer === "" ? undefined : peer);
  return {
    sourceIp,
    secure,
    tlsVersion: tls ? socket.getProtocol()?.replace("TLSv", "") : undefined,
    secureEnoughForSse: secure || local || rules.insecureSseFrom.has(peer),
    metricsAllowed: local || rules.metricsFrom.has(sourceIp ?? ""),
  };
}

/** The right-most address that is no trusted proxy; undefined when there is none or the list is garbled before it. */
function forwardedFor(request: IncomingMessage, proxies: AddressSet): string | undefined {
  const header = request.headers["x-forwarded-for"];
  const hops = (Array.isArray(header) ? header.join(",") : (header ?? "")).split(",").map((hop) => unmapped(hop.trim()));
  return hops.reverse().find((hop) => !proxies.has(hop)) || undefined;
}
