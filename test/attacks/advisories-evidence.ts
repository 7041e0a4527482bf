/**
 * Which test answers which advisory or bug of a comparable product. Where it has a test of its own, that bears its name; where
 * the behaviour was tested already, the test that would fail is named.
 */
import { at, notApplicable, type Answer } from "./evidence.js";

const CANARIES = "no canary of any size, encryption or way of writing is on disk or in a log: running, killed, again";
const NO_IMPORT = notApplicable("there is no import or export of identities");
const NO_LOCK = notApplicable("object lock is not offered: its operations are 501 NotImplemented");
const NO_ASYMMETRIC = notApplicable("asymmetric and HMAC keys are not offered");
const NO_CONSOLE = notApplicable("there is no console yet");
const NO_CALLS = at(
  "attacks/outgoing",
  "nothing under src but the command line's client opens a connection, resolves a name or starts a program",
);
const DISCLOSURE = at(
  "attacks/strangers",
  "minio-env-disclosure, rustfs-profile-open, rustfs-hardcoded-token: no path opens without credentials",
);
const KNOWN = at(
  "attacks/strangers",
  "rustfs-default-root, floci-known-key-passes, minio-admin-no-secret: what everybody knows opens nothing",
);
const PATHS = at(
  "attacks/names",
  "seaweed-dotdot-url, minio-backslash-cross-bucket, vault-path-dotdot: a key never leaves its bucket",
);
const CONTEXT = at("keys/crypto", "regression 1, 2: an encryption context is order-free, exact and unambiguous");
const ON_DISK = [
  ...at("canaries/canaries", CANARIES),
  ...at("objects/put-get", "nothing of the plaintext lies in the stores, and a flipped bit is an error before the first byte"),
];
const TRAILERS =
  "an unsigned trailer does not make a request unauthenticated " +
  "(minio-snowball-unsigned-trailer, seaweed-streaming-unsigned-noerror)";

export const ADVISORIES: Readonly<Record<string, Answer>> = {
  "minio-snowball-unsigned-trailer": [
    ...at("wire/authorization", TRAILERS),
    ...at("attacks/strangers", "minio-snowball-unsigned-trailer: archives are not opened, and the header opens nothing either"),
  ],
  "minio-query-creds-unsigned-trailer": [
    ...at("attacks/strangers", "minio-query-creds-unsigned-trailer: credentials in the query alone sign no unsigned trailer"),
    ...at("wire/authorization", "presigned URL refused: ${what}"),
  ],
  "minio-unsigned-trailer-partial-check": at(
    "attacks/strangers",
    "minio-unsigned-trailer-partial-check: a wrong signature over an unsigned trailer is refused",
  ),
  "minio-session-policy-escape": at("iam/attacks", "a restricted role session makes neither keys nor users nor wider roles"),
  "minio-iam-import-escalation": NO_IMPORT,
  "minio-conditional-header-probe": at("e2e/iam-policies", "conditional headers say nothing to those who may not read"),
  "minio-accesskey-inherits": [
    ...at("iam/sts", "gives the user itself for a while: same rights, no IAM, no further tokens"),
    ...at("e2e/iam-policies", "a user without policies may do nothing; an inline policy takes effect at once, and goes at once"),
  ],
  "minio-env-disclosure": DISCLOSURE,
  "minio-backslash-cross-bucket": PATHS,
  "minio-post-policy-meta-bucket": at("wire/post-form", "policy violated: another bucket, expired"),
  "minio-bypassgovernance-deny": at("policy/attacks", "#15 a Deny of BypassGovernanceRetention is effective against s3:*"),
  "minio-error-returns-file": notApplicable("no call takes the path of a file of the server"),
  "minio-connection-exhaustion": at(
    "attacks/limits",
    "idle connections, half-sent heads and half-sent bodies cost little and go away",
    "one peer holds half of the connections at most; closed ones are free again",
  ),
  "minio-self-policy-update": at("iam/attacks", "without the explicit right, a user changes none of its own rights"),
  "minio-policy-bypass": at("policy/evaluate", "an explicit deny in any layer wins over every Allow"),
  "minio-readonly-form-upload": at(
    "e2e/presigned",
    "a form counts as its signer: his rights, his KMS rights, and none without a policy",
  ),
  "minio-stream-chunk-integrity": at("wire/payload", "signed chunks refused: ${what}"),
  "minio-ssrf": NO_CALLS,
  "minio-admin-no-secret": [...KNOWN, ...at("gate/every-operation", "refuses ${attack.name}, before anything is looked up")],
  "minio-ssec-path-binding": at(
    "objects/integrity",
    "an inline body put in another object's place is detected",
    "a head row copied to another key, or an older one put back by who can write rows, does not open",
  ),
  "minio-silent-plaintext": ON_DISK,
  "minio-kms-restart": at("keys/states", "regression 26: everything is there after a restart"),
  "minio-lost-key-legible": at("process/key-file", "data without its key file refuses to start, and makes no new key"),

  "seaweed-streaming-put-noauth": at(
    "wire/authorization",
    "an anonymous request cannot open a body of signed chunks (seaweed-streaming-put-noauth)",
  ),
  "seaweed-streaming-unsigned-noerror": at("wire/authorization", TRAILERS),
  "seaweed-dotdot-url": PATHS,
  "seaweed-dotdot-copysource": at(
    "attacks/names",
    "seaweed-dotdot-copysource: a copy source names a bucket and a key, and nothing beside them",
  ),
  "seaweed-second-service-name": at("wire/authorization", "refused: ${name}"),
  "seaweed-iam-grpc-noauth": notApplicable("processes of one server speak over their own channel; nothing else listens"),
  "seaweed-ssrf-metadata": NO_CALLS,
  "seaweed-default-sse-ciphertext": at(
    "e2e/encryption-defaults",
    "precedence over default ${name}: SSE-C, then the header, then the default; PUT, copy and multipart alike",
  ),
  "seaweed-ssekms-5mb": at(
    "attacks/large",
    "seaweed-ssekms-5mb, rustfs-19mb-decrypt, seaweed-ssec-ctr-offset: ${mode}, ${size} bytes",
  ),
  "seaweed-ssec-ctr-offset": at(
    "attacks/large",
    "seaweed-ssekms-5mb, rustfs-19mb-decrypt, seaweed-ssec-ctr-offset: ${mode}, ${size} bytes",
  ),
  "seaweed-wrapped-key-lost": at("e2e/copies", "copy: bytes, metadata and headers go along; REPLACE takes those of the request"),
  "seaweed-part-tag-none": at(
    "e2e/multipart",
    "${mode}: parts of 5 MiB, 5 MiB + 1 and 1 byte, sent out of order, come back as one; ranges cross parts",
  ),
  "seaweed-multipart-copy-iv": at(
    "e2e/multipart",
    "UploadPartCopy: whole objects and ranges, from every encryption into every encryption",
  ),
  "seaweed-sse-etag": [
    ...at("e2e/multipart", "SSE-S3: the ETag is the MD5 of the parts' MD5s, as on AWS"),
    ...at("e2e/sse-s3-kms", "SSE-KMS: ${size} bytes over ${scheme} come back; ARN and mode are shown; the ETag is no MD5"),
  ],
  "seaweed-plaintext-kek": at("keys/root-key", "no secret of a key is in the clear on the store"),
  "seaweed-kms-cache": at(
    "objects/encryption",
    "a bucket key spares KMS calls for one requester, and is checked afresh at every use",
  ),
  "seaweed-ctr-unauthenticated": at(
    "objects/integrity",
    "a changed blob: an error before the first byte or a broken stream, an integrity event, never a wrong byte",
  ),

  "rustfs-hardcoded-token": DISCLOSURE,
  "rustfs-deny-only": at(
    "policy/evaluate",
    "same account: identity Allow or resource Allow suffices, nothing is an implicit deny",
  ),
  "rustfs-import-export-right": NO_IMPORT,
  "rustfs-sourceip-xff": at("e2e/transport", "from anyone else X-Forwarded-For says nothing about aws:SourceIp"),
  "rustfs-uploadpartcopy-source": at(
    "attacks/copy-source",
    "rustfs-uploadpartcopy-source: a source that the caller may not read is not copied, whole or in part",
  ),
  "rustfs-post-conditions": at("wire/post-form", "policy violated: ${what}"),
  "rustfs-versioned-read": [
    ...at("objects/permissions", "a version is read by s3:GetObjectVersion alone, and the current one by s3:GetObject alone"),
    ...at("policy/attacks", "#12 a versioned read is decided by GetObjectVersion only"),
  ],
  "rustfs-header-conditions": at(
    "policy/attacks",
    "#1 only the context decides: a key that is not in it is absent, whatever else the request says",
  ),
  "rustfs-forall-forany": at(
    "policy/conditions",
    "ForAllValues: every value must; ForAnyValue: one is enough; negations the other way",
  ),
  "rustfs-anon-version-list": at(
    "attacks/public-access",
    "rustfs-anon-version-list: RestrictPublicBuckets closes to strangers whatever a public policy opens",
  ),
  "rustfs-lock-fail-open": NO_LOCK,
  "rustfs-preview-xss": NO_CONSOLE,
  "rustfs-cors-reflect": at("attacks/strangers", "rustfs-cors-reflect: no origin is ever let in, with or without credentials"),
  "rustfs-default-root": KNOWN,
  "rustfs-sts-token": at(
    "iam/session-token",
    "open to what was sealed, under their key and key id only",
    "do not open with any bit changed, nor cut, nor lengthened, nor in another base64 form",
  ),
  "rustfs-oidc-rebinding": NO_CALLS,
  "rustfs-secret-logs": at(
    "e2e/audit",
    "no secret is on disk or in a log: not in data, database, audit, stdout or stderr, whatever was sent how",
  ),
  "rustfs-profile-open": DISCLOSURE,
  "rustfs-export-secrets": at("cli/inspect", "no body, metadata, tag, wrapped key or secret is ever printed"),
  "rustfs-plaintext-on-disk": ON_DISK,
  "rustfs-readable-kms-off": at(
    "e2e/kms-states",
    "${mode}: a disabled key closes its objects at once, and opens them at once when enabled",
  ),
  "rustfs-19mb-decrypt": at(
    "attacks/large",
    "seaweed-ssekms-5mb, rustfs-19mb-decrypt, seaweed-ssec-ctr-offset: ${mode}, ${size} bytes",
  ),
  "rustfs-upgrade-lockout": at(
    "stores/records",
    "an older row is migrated on read; a newer one, and one without a migration, is refused",
  ),
  "rustfs-nonce-aad": [
    ...CONTEXT,
    ...at("seal/sealed-stream", "one sealer seals one plaintext: key and nonces are never used twice"),
  ],

  "rgw-sts-jwt-alg": notApplicable("no token of a foreign issuer is accepted: AssumeRoleWithWebIdentity is not offered"),
  "rgw-ssec-key-in-log": at("gate/audit-secrets", "a presigned PUT with the customer key in its query"),
  "rgw-cors-header-injection": at("server/attacks", "response-* overrides hold no line break"),
  "rgw-crash-requests": at("gate/bad-input", "no operation answers bad input with an error of ours, and each call is recorded"),
  "rgw-crash-url": at(
    "attacks/greedy",
    "targets and headers up to 64 KiB are answered, larger ones cut off; nothing of either is an error of ours",
  ),
  "rgw-compliance-downgrade": NO_LOCK,
  "rgw-2026-advisories": notApplicable("their contents are not known to us"),
  "rgw-empty-copysource": at(
    "attacks/names",
    "rgw-empty-copysource: an empty or overlong source is an error of the caller, on objects and parts",
  ),
  "cloudserver-deleted-bucket-key": at(
    "e2e/encryption-defaults",
    "DeleteBucketEncryption is 204, idempotent, and resets to SSE-S3, for new objects too",
  ),
  "s3s-chunk-length": at("wire/payload", "unsigned chunks refused: ${what}"),
  "versitygw-ssec-ignored": at(
    "e2e/sse-c",
    "GET with ${what} → ${status} ${code}; HEAD is a bare ${status}; objects of no size leak",
  ),
  "versitygw-condition-ignored": at("e2e/iam-policies", "NotAction, NotResource, variables, conditions of identity policies"),

  "vault-audit-device-exec": notApplicable("where the audit log is, only an option of the start says"),
  "vault-audit-bytes-redaction": at(
    "keys/crypto",
    "audit: parameters as sent, material id, resources; never a blob, plaintext or grant token",
  ),
  "vault-root-letter-case": at("policy/attacks", "#4 letter case: actions and key names without, values and resources with"),
  "vault-user-enum-timing": notApplicable(
    "AWS's own codes tell an unknown access key from a wrong secret; key ids are no secrets",
  ),
  "vault-json-complexity": [
    ...at("wire/json", "deep nesting is refused, also inside unknown members; braces in strings do not count"),
    ...at("attacks/greedy", "JSON of great depth or with members given twice in policies is refused"),
  ],
  "vault-path-dotdot": PATHS,
  "vault-generate-root-cancel": notApplicable("the root credential is reset on the machine, with the key file"),
  "vault-error-xss": at("attacks/strangers", "vault-error-xss: what an error repeats is text, in a type that no browser runs"),
  "vault-totp-reuse": notApplicable("no one-time codes are accepted"),
  "vault-cross-namespace-lease": at("keys/resolution", "keys are of an account and a region"),
  "openbao-autorotate-audit": at(
    "keys/rotation",
    "regression 6: automatic rotation changes the material on the day, old ciphertexts open, the id stays",
  ),
  "s3ec-key-commitment": [
    ...at("seal/sealed-stream", "${layers} layer(s): another key, segment id, bucket or number of layers does not open it"),
    ...at("seal/kms-ciphertext", "another material or context is a commitment mismatch"),
  ],
  "s3ec-2020": notApplicable("client-side encryption is not offered yet; nothing sealed has padding"),

  "localstack-disabled-key-read": at(
    "process/workers",
    "a key disabled by one worker closes its objects on the other at the next request, " +
      '${BucketKeyEnabled ? "with" : "without"} a bucket key, and enabled again opens them',
  ),
  "localstack-policy-ignored": at(
    "e2e/bucket-policy",
    "one key only, by ARN: other keys, modes and defaults are denied, whatever the key is called",
  ),
  "localstack-alias-authz": at(
    "keys/resolution",
    "regression 15: alias operations need the permission on the alias and on the key",
  ),
  "localstack-policy-principals": at("keys/policies", "regression 14: lock-out check and principal check"),
  "localstack-rotation-drift": at(
    "keys/rotation",
    "regression 8: the status names period and next date, and the date does not drift",
  ),
  "localstack-aad-ambiguity": CONTEXT,
  "moto-aad-ambiguity": CONTEXT,
  "moto-pss-salt": NO_ASYMMETRIC,
  "moto-rotation-noop": at("keys/rotation", "regression 7: 25 rotations on demand, each ciphertext stays readable"),
  "moto-mrk-id": notApplicable("multi-Region keys are not offered"),
  "localstack-hmac-length": NO_ASYMMETRIC,
  "localstack-rsa-is-aes": NO_ASYMMETRIC,
  "floci-wrong-key-error": at(
    "keys/crypto",
    "regression 18: Decrypt takes the ciphertext's key only, and says so in AWS's words",
  ),
  "floci-account-prefix": at("e2e/addressing", "buckets named like an account id or v20180820 are buckets"),
  "floci-known-key-passes": KNOWN,
  "bucketkey-arn-policy": at(
    "e2e/bucket-keys",
    "under a bucket key KMS sees the bucket's ARN: a key policy pinned to object ARNs stops matching",
  ),
  "cli-aws-s3-alias": at("e2e/sse-s3-kms", "aws/s3 without alias/ is no key id"),
  "ransom-ssec": at(
    "e2e/sse-c",
    "new buckets block SSE-C: every write path is 403; NONE opens them; blocking again leaves objects readable",
  ),
};
