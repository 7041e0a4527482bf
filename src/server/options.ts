/**
 * The one schema of configuration: each option is a flag, an environment variable `COFFER_…` and a key of the
 * configuration file. Precedence: flag, environment, file, default. docs/reference/configuration.md is generated from it.
 */
import { LOG_LEVELS } from "../lib/log.js";

export type OptionKind = "text" | "path" | "count" | "size" | "switch" | "address" | "list" | "choice";

export interface OptionSpec {
  /** Flag name without dashes: `data-dir` → `--data-dir`, `COFFER_DATA_DIR`, file key `data-dir`. */
  readonly name: string;
  readonly kind: OptionKind;
  readonly about: string;
  /** Of a count; default 999. */
  readonly max?: number;
  /** As it would be typed; absent = unset. */
  readonly fallback?: string;
  readonly choices?: readonly string[];
  /** A secret may also come from a file: `--NAME-file PATH`. Never shown. */
  readonly secret?: boolean;
  /** Placeholder in help. */
  readonly hint?: string;
}

export const OPTIONS: readonly OptionSpec[] = [
  { name: "data-dir", kind: "path", hint: "DIR", about: "where sealed data lives (default $XDG_DATA_HOME/coffer)" },
  {
    name: "key-file",
    kind: "path",
    hint: "FILE",
    about: "the root key, outside the data directory (default $XDG_CONFIG_HOME/coffer/root.key)",
  },
  { name: "listen", kind: "address", hint: "HOST:PORT", fallback: "127.0.0.1:9000", about: "clear HTTP; `off` for none" },
  { name: "tls-listen", kind: "address", hint: "HOST:PORT", fallback: "127.0.0.1:9443", about: "HTTPS; `off` for none" },
  { name: "account-id", kind: "text", hint: "12DIGITS", fallback: "000000000000", about: "account of the root credential" },
  {
    name: "region",
    kind: "text",
    hint: "NAME",
    fallback: "us-east-1",
    about: "region of buckets made without a LocationConstraint",
  },
  { name: "regions", kind: "list", hint: "NAME…", about: "further regions that this server answers for" },
  { name: "root-access-key-id", kind: "text", hint: "ID", about: "root credential for this run only; not stored" },
  { name: "root-secret-access-key", kind: "text", hint: "SECRET", secret: true, about: "its secret" },
  { name: "seed", kind: "path", hint: "FILE", about: "JSON or YAML of accounts, users, keys, buckets to have" },
  { name: "workers", kind: "count", hint: "N", about: "worker processes (default: one a core; 1 with --memory)" },
  { name: "log-level", kind: "choice", choices: LOG_LEVELS, fallback: "info", about: "least level that is logged" },
  { name: "tls-cert", kind: "path", hint: "FILE", about: "own certificate chain (PEM); reloaded when it changes" },
  { name: "tls-key", kind: "path", hint: "FILE", about: "its private key (PEM)" },
  { name: "domain", kind: "list", hint: "NAME…", about: "further host names for BUCKET.NAME addressing" },
  { name: "trusted-proxies", kind: "list", hint: "CIDR…", about: "peers whose X-Forwarded-Proto and X-Forwarded-For count" },
  { name: "insecure-sse-from", kind: "list", hint: "CIDR…", about: "peers that may use SSE-KMS and SSE-C over clear HTTP" },
  {
    name: "metrics-from",
    kind: "list",
    hint: "CIDR…",
    about: "peers beside loopback that may read /-/metrics",
  },
  {
    name: "max-connections",
    kind: "count",
    hint: "N",
    max: 100_000,
    fallback: "1024",
    about: "connections of one worker; one peer may hold half of them",
  },
  {
    name: "max-requests-per-client",
    kind: "count",
    hint: "N",
    max: 100_000,
    fallback: "256",
    about: "requests of one address at once, in one worker; more are told SlowDown",
  },
  {
    name: "longest-answer-minutes",
    kind: "count",
    hint: "N",
    max: 10_080,
    fallback: "55",
    about: "an answer that takes longer is broken off; deleted data stays five minutes longer, for those who still read it",
  },
  { name: "audit-dir", kind: "path", hint: "DIR", about: "audit log (default: audit/ in the data directory)" },
  {
    name: "audit-max-file-size",
    kind: "size",
    hint: "BYTES",
    fallback: "64M",
    about: "an audit file that would grow beyond it is ended and another begun; K, M, G: times 1024, …",
  },
  {
    name: "new-bucket-defaults",
    kind: "choice",
    choices: ["aws", "open"],
    fallback: "aws",
    about: "aws: ACLs off, public access blocked",
  },
  {
    name: "sse-c-on-new-buckets",
    kind: "choice",
    choices: ["block", "allow"],
    fallback: "block",
    about: "as AWS since April 2026: block",
  },
  {
    name: "memory",
    kind: "switch",
    about: "keep everything in memory; nothing on disk but the local CA in a temporary directory",
  },
];

/** `--config FILE`: the file itself is named by flag or environment only. */
export const CONFIG_OPTION: OptionSpec = {
  name: "config",
  kind: "path",
  hint: "FILE",
  about: "configuration file (JSON or YAML) with these names as keys",
};

export const environmentName = (option: string): string => `COFFER_${option.toUpperCase().replaceAll("-", "_")}`;
