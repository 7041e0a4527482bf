/**
 * What the Host header names: the service itself, or a bucket as its sub-domain (reference s3-api.md §5.1). Unknown
 * names and IP addresses are the service: path style always works.
 */
import { ServiceError } from "../lib/errors.js";
import type { RequestHead } from "./types.js";

export interface HostName {
  /** Bucket label(s) before the service's domain, as sent in lower case. */
  readonly bucket?: string;
}

/** DNS allows 253 characters; longer text is no name, and need not meet the patterns below. */
const MAX_HOST_LENGTH = 255;
const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;
/** `s3.amazonaws.com`, `s3.eu-central-1.amazonaws.com`, `s3-fips.dualstack.us-east-1.amazonaws.com`, `s3-us-west-2.…`. */
const S3_LABEL = String.raw`s3(?:-fips|-accelerate|-external-1|-website)?`;
const REGION_LABELS = String.raw`(?:[.-](?:dualstack|[a-z]{2,4}(?:-[a-z]+)+-\d))*`;
const AWS_S3 = new RegExp(String.raw`(?:^|^(.+)\.)${S3_LABEL}${REGION_LABELS}\.amazonaws\.com(?:\.cn)?$`);
const AWS_CONTROL = /^(?:(\d{12})\.)?s3-control(?:-fips)?(?:\.[a-z0-9-]+)*\.amazonaws\.com(?:\.cn)?$/;

/** Lower-case host without port and final dot; "" where there is none. */
export function hostOf(head: RequestHead): string {
  const host = (head.headers.host ?? "").toLowerCase();
  if (host.startsWith("[")) return host.slice(0, host.indexOf("]") + 1);
  const colon = host.indexOf(":");
  const name = colon < 0 ? host : host.slice(0, colon);
  return name.endsWith(".") ? name.slice(0, -1) : name;
}

/**
 * RFC 9112 lets an absolute-form target overrule the Host header. Signatures cover the header and not the target's
 * authority, so the two must agree: else a URL signed for one bucket would open another of the same signer.
 * @throws ServiceError InvalidURI
 */
export function assertOneHost(head: RequestHead): void {
  if (head.target.startsWith("/")) return;
  const authority = /^(https?):\/\/([^/?]*)/i.exec(head.target);
  if (authority === null) return;
  const [, scheme = "", named = ""] = authority;
  const plain = (host: string): string => host.toLowerCase().replace(scheme.toLowerCase() === "https" ? /:443$/ : /:80$/, "");
  if (plain(named) === plain(head.headers.host ?? "")) return;
  throw new ServiceError("InvalidURI", "Couldn't parse the specified URI.", { status: 400, fields: { URI: head.target } });
}

/** @param domains service domains, lower case */
export function parseHost(host: string, domains: readonly string[]): HostName {
  if (host === "" || host.length > MAX_HOST_LENGTH || host.startsWith("[") || IPV4.test(host)) return {};
  if (domains.includes(host)) return {};
  const control = AWS_CONTROL.exec(host);
  if (control !== null) return control[1] === undefined ? {} : { bucket: control[1] };
  const aws = AWS_S3.exec(host);
  if (aws !== null) return aws[1] === undefined ? {} : { bucket: aws[1] };
  let longest = "";
  for (const domain of domains) {
    if (domain.length > longest.length && host.endsWith(`.${domain}`)) longest = domain;
  }
  if (longest === "") return {};
  const bucket = host.slice(0, -longest.length - 1);
  // `s3` is too short for a bucket's name: people write `s3.localhost` and mean the service.
  return bucket === "s3" ? {} : { bucket };
}
