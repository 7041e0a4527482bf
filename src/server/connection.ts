/**
 * What a connection is, established from the socket and, where the peer is a configured proxy, its forwarding headers.
 * From anyone else those headers mean nothing, except that a loopback peer that forwards is no local client.
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
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

/** What no request on the socket changes. */
interface SocketFacts {
  readonly peer: string;
  readonly trusted: boolean;
  readonly tls: boolean;
  readonly tlsVersion: string | undefined;
  readonly loopback: boolean;
  readonly insecureSse: boolean;
  readonly metrics: boolean;
}

/** Established once a socket, under one set of rules. */
export class Connections {
  readonly #rules: ConnectionRules;
  readonly #sockets = new WeakMap<Socket, SocketFacts>();

  constructor(rules: ConnectionRules) {
    this.#rules = rules;
  }

  factsOf({ socket, headers }: IncomingMessage): ConnectionFacts {
    const { peer, trusted, tls, tlsVersion, loopback, insecureSse, metrics } = this.#socketFacts(socket);
    const secure = tls || (trusted && headers["x-forwarded-proto"] === "https");
    const local = loopback && !isForwarded(headers);
    const client = trusted ? forwardedFor(headers["x-forwarded-for"], this.#rules.trustedProxies) : undefined;
    return {
      sourceIp: client ?? (peer === "" ? undefined : peer),
      secure,
      tlsVersion,
      secureEnoughForSse: secure || local || insecureSse,
      metricsAllowed: local || (client === undefined ? metrics : this.#rules.metricsFrom.has(client)),
    };
  }

  #socketFacts(socket: Socket): SocketFacts {
    let facts = this.#sockets.get(socket);
    if (facts === undefined) this.#sockets.set(socket, (facts = socketFacts(socket as TLSSocket, this.#rules)));
    return facts;
  }
}

function socketFacts(socket: TLSSocket, rules: ConnectionRules): SocketFacts {
  const peer = unmapped(socket.remoteAddress ?? "");
  const tls = socket.encrypted === true;
  return {
    peer,
    trusted: rules.trustedProxies.has(peer),
    tls,
    tlsVersion: tls ? socket.getProtocol()?.replace("TLSv", "") : undefined,
    loopback: isLoopback(peer) && isLoopback(unmapped(socket.localAddress ?? "")),
    insecureSse: rules.insecureSseFrom.has(peer),
    metrics: rules.metricsFrom.has(peer),
  };
}

function isForwarded(headers: IncomingHttpHeaders): boolean {
  for (const name of Object.keys(headers)) if (FORWARDING.has(name) || name.startsWith("x-forwarded-")) return true;
  return false;
}

/** The right-most address that is no trusted proxy; undefined when there is none or the list is garbled before it. */
function forwardedFor(header: string | string[] | undefined, proxies: AddressSet): string | undefined {
  const hops = (Array.isArray(header) ? header.join(",") : (header ?? "")).split(",").map((hop) => unmapped(hop.trim()));
  return hops.reverse().find((hop) => !proxies.has(hop)) || undefined;
}
