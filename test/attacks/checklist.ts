/** What every release is tried with: the house's checklist of attacks, by section and number. Evidence: checklist-evidence.ts. */
export const CHECKLIST = {
  // SigV4
  1: "a made-up signature, in every form of authentication, on every operation",
  2: "credentials in the query, in the header, in both and differing",
  3: "doubled, folded, empty and differently spelled headers",
  4: "signed headers that leave out host, payload hash or x-amz-*",
  5: "a scope of another service, region or date",
  6: "clocks that are off, expiries of zero, below and beyond",
  7: "keys that are encoded twice, with + or %2F, no UTF-8, NUL",
  8: "unsigned payloads over clear HTTP",
  9: "bodies changed after signing",
  10: "timing of comparisons, and what refusals tell",
  // Chunked bodies and trailers
  11: "chunks that are changed, reordered, cut, extended, ended early; endless lines and extensions",
  12: "a decoded length that lies either way",
  13: "trailers absent, wrong, doubled, undeclared, unsigned",
  14: "headers that ask for archives to be opened",
  // Presigned URLs and forms
  15: "presigned URLs after their time, with another method or further parameters",
  16: "forms against each condition of their policy, doubled and numberless fields, paths in file names",
  // Authorization
  17: "condition keys that callers claim by headers",
  18: "an encryption header in another case, doubled, with blanks or two values",
  19: "the same thing done by another path than the one that is denied",
  20: "set operators, Null, IfExists, edges of numbers and dates, variables, wildcards, NotAction, NotPrincipal",
  21: "versions by the right to current objects, and the other way round",
  22: "copy sources of foreign buckets and versions",
  23: "ways out of session policies, role chains, one's own policies",
  24: "anonymous callers against public access block, on each operation",
  25: "deputies: bucket keys and grants of others, a KMS key that denies what S3 allows",
  // Paths and keys
  26: "paths, backslashes, NUL, long keys, device names, case, names of the inside",
  27: "archive entries",
  // Parsers
  28: "XML: entities, a million elements, depth, namespaces, unknown elements; policies of megabytes",
  29: "JSON: depth, members given twice",
  30: "bodies that grow when they are decompressed",
  31: "HTTP: two lengths, codings, folding, bare line feeds, pipelining, absolute targets, heads of 64 KB",
  // Data
  32: "ranges: overlapping, thousands, empty, beyond the end, parts of what has none, every edge of a chunk",
  33: "bits flipped, chunks and objects exchanged, replayed or cut in the store",
  34: "nonces used again",
  35: "keys disabled, deleted, under another context, away in the middle",
  36: "disks that fill and fail, kill -9, clocks that jump, two processes on one store",
  37: "checksums that do not match",
  // Exhaustion
  38: "slow clients, idle connections, floods of uploads and calls, wildcards that cost",
  // Requests of the server's own
  39: "the server made to call somewhere",
  // Console
  40: "scripts in what a console shows",
  41: "requests that another site forges",
  42: "other origins",
  43: "a console that may more than its user",
  // Secrets
  44: "secrets in logs, audit, errors, temporary files, metrics",
  45: "default credentials",
  46: "backups and exports that are open",
  // Object lock, headers
  47: "object lock made weaker",
  48: "line breaks in what becomes a header",
  // KMS
  49: "grants that give more than their giver has",
  50: "lock-out, and principals deleted and made again",
  51: "encryption contexts that read as another",
  52: "ciphertexts edited field by field; absence told from denial",
  53: "imported key material",
  54: "signatures, MACs and key agreement that fail open",
  55: "server-owned KMS condition keys set by callers",
  56: "rows exchanged, edited or rolled back in the database",
  57: "calls that cannot be recorded; records that are edited",
} as const satisfies Readonly<Record<number, string>>;
