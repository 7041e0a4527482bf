/** Which test answers which attack of checklist.ts. A test whose title changes changes here too: catalogue.test.ts asks. */
import type { CHECKLIST } from "./checklist.js";
import { at, notApplicable, type Answer } from "./evidence.js";

const CANARIES = "no canary of any size, encryption or way of writing is on disk or in a log: running, killed, again";
const NO_CONSOLE = notApplicable("there is no console yet");

export const CHECKLIST_EVIDENCE: Readonly<Record<keyof typeof CHECKLIST, Answer>> = {
  1: at("gate/every-operation", "refuses ${attack.name}, before anything is looked up"),
  2: at("wire/authorization", "credentials in two places are refused, whichever is right"),
  3: [
    ...at("wire/authorization", "refused: ${name} sent twice", "refused: ${name}"),
    ...at("server/attacks", "two Host headers are refused, whichever comes first", "${what}: refused, and the connection ends"),
  ],
  4: at("wire/authorization", "refused: ${missing} present but not signed", "refused: ${added} added after signing"),
  5: [
    ...at("wire/authorization", "${service}: refused: ${name}"),
    ...at("e2e/regions", "a presigned URL for the wrong region is refused; the right one works"),
    ...at("e2e/bad-input", "signatures: too old, too new, of SigV2, in two places, for the wrong service, of another body"),
  ],
  6: at(
    "wire/authorization",
    'clock ${offsetMs / 1000} s away is ${ok ? "accepted" : "RequestTimeTooSkewed"}',
    "presigned with X-Amz-Expires=${expires} is refused",
  ),
  7: [
    ...at("wire/authorization", "escapes are normalised, double encoding is not undone"),
    ...at("wire/sigv4-sdk", "list parameters with blanks, plus signs, percent signs and unicode"),
    ...at(
      "e2e/bad-input",
      "keys that are no UTF-8, have bad escapes, or are too long are 400; nothing is stored under another name",
    ),
  ],
  8: [
    ...at("clients/curl", "path style over https, a body that curl streams with its own Expect, an unsigned payload"),
    ...at("wire/document-checksum", "policies and ACLs are taken signed, with a hash or over TLS, and with nothing less"),
  ],
  9: [
    ...at("wire/authorization", "a body changed after signing is refused"),
    ...at("server/attacks", "a body other than signed leaves nothing"),
  ],
  10: at(
    "attacks/timing",
    "a signature wrong in its first digit is refused as slowly, and in the same words, as one wrong in its last",
  ),
  11: [
    ...at("wire/payload", "signed chunks refused: ${what}", "unsigned chunks refused: ${what}"),
    ...at("e2e/streaming", "a wrong chunk signature, wherever, is SignatureDoesNotMatch and leaves no object"),
  ],
  12: at("e2e/streaming", "a decoded length that lies, and a missing last chunk, leave no object"),
  13: [
    ...at("wire/payload", "a signed trailer must be signed, by this chain, over its very value"),
    ...at("attacks/strangers", "minio-unsigned-trailer-partial-check: a wrong signature over an unsigned trailer is refused"),
    ...at("e2e/streaming", "a trailer that does not match the bytes is BadDigest and leaves no object"),
  ],
  14: at("attacks/strangers", "minio-snowball-unsigned-trailer: archives are not opened, and the header opens nothing either"),
  15: [
    ...at("wire/authorization", "presigned URL refused: ${what}"),
    ...at("e2e/presigned", "a changed path, method, parameter, expiry, signature or credential is refused"),
  ],
  16: [
    ...at("wire/post-form", "form refused: ${what}", "policy violated: ${what}", "file refused: ${what}"),
    ...at("gate/browser-form", "${what} is refused"),
    ...at("attacks/greedy", "a form of 100 000 fields is refused at the twenty kilobytes that fields may have"),
  ],
  17: [
    ...at("policy/attacks", "#1 only the context decides: a key that is not in it is absent, whatever else the request says"),
    ...at("e2e/transport", "from anyone else X-Forwarded-For says nothing about aws:SourceIp"),
    ...at(
      "process/listening",
      "a trusted proxy's word makes a request secure and names the caller's address; nobody else's does",
    ),
  ],
  18: [
    ...at(
      "uploads/deny-unencrypted",
      'as ${form}, bucket default ${fallbackName}: every request${whole ? ", caller and path" : ""}',
    ),
    ...at("wire/authorization", "refused: ${name} sent twice"),
  ],
  19: [
    ...at("e2e/bucket-policy", "deny unencrypted, variant ${family.name}, bucket default ${fallback}: every row, every path"),
    ...at(
      "uploads/deny-unencrypted",
      "an upload begun before the policy is judged by its own header at every part; no part can mend it",
    ),
  ],
  20: [
    ...at(
      "policy/conditions",
      "ForAllValues and ForAnyValue: absent and empty sets",
      "key absent: positive false, negated true, IfExists true",
    ),
    ...at(
      "policy/conditions",
      "numeric operators compare exactly, integers and decimals",
      "Null asks whether the key is there with a value",
    ),
    ...at("policy/random", "agrees with the naive evaluator on ${CASES} random policies and requests"),
  ],
  21: [
    ...at("objects/permissions", "a version is read by s3:GetObjectVersion alone, and the current one by s3:GetObject alone"),
    ...at("policy/attacks", "#15 a Deny of BypassGovernanceRetention is effective against s3:*"),
  ],
  22: [
    ...at("attacks/names", "seaweed-dotdot-copysource: a copy source names a bucket and a key, and nothing beside them"),
    ...at(
      "e2e/iam-policies",
      "DeleteObjects decides for every entry by itself; a denied copy source or destination denies the copy",
    ),
  ],
  23: [
    ...at("iam/attacks", "a restricted role session makes neither keys nor users nor wider roles"),
    ...at("iam/attacks", "without the explicit right, a user changes none of its own rights"),
    ...at("iam/sts", "lasts as long as the role allows; a chained one an hour; what the role loses, its sessions lose"),
  ],
  24: at(
    "attacks/public-access",
    "rustfs-anon-version-list: RestrictPublicBuckets closes to strangers whatever a public policy opens",
  ),
  25: [
    ...at("e2e/bucket-keys", "a warm bucket key gives nothing to one who may not use the KMS key"),
    ...at("e2e/kms-permissions", "S3 allows but KMS denies → denied; KMS allows but S3 denies → denied"),
    ...at("keys/grants", "an explicit deny beats a grant"),
  ],
  26: [
    ...at("attacks/names", "device names, case, trailing dots and blanks, and one letter in two forms are keys like any other"),
    ...at("attacks/names", "keys of 1024 bytes fit, of 1025 do not, whatever they are made of"),
    ...at("attacks/names", "nothing was written outside of the data directory, and nothing in it is named after a key"),
  ],
  27: at("attacks/strangers", "minio-snowball-unsigned-trailer: archives are not opened, and the header opens nothing either"),
  28: [
    ...at("wire/xml", "entity bombs and document types are refused at once", "the number of elements is bounded"),
    ...at("attacks/greedy", "documents of a million elements, of great depth, and with entities are refused"),
    ...at("attacks/greedy", "a policy of 20 KB is judged, one byte more and two megabytes are refused"),
  ],
  29: [
    ...at("attacks/greedy", "JSON of great depth or with members given twice in policies is refused"),
    ...at("policy/attacks", "#8 duplicate members, BOM, NUL are refused"),
  ],
  30: at("attacks/greedy", "nothing is ever decompressed: a bomb is stored as it came, and in a document it is no document"),
  31: [
    ...at("server/attacks", "${what}: refused, and the connection ends"),
    ...at("server/attacks", "whoever sends too many ahead is cut off, and nothing of theirs goes on"),
    ...at("server/attacks", "a URL signed for one bucket's host opens no other by an absolute-form target"),
    ...at(
      "attacks/greedy",
      "targets and headers up to 64 KiB are answered, larger ones cut off; nothing of either is an error of ours",
    ),
  ],
  32: [
    ...at("attacks/greedy", "ten thousand ranges give the whole object, once"),
    ...at("seal/sealed-stream", "${layers} layer(s): any range of any size equals the slice"),
    ...at("e2e/multipart", "GET and HEAD by partNumber: the part's bytes and the count of parts"),
  ],
  33: [
    ...at("objects/integrity", "an inline body put in another object's place is detected"),
    ...at("faults/tamper-blobs", "parts that were exchanged, dropped or brought from another upload are never read as right"),
    ...at("faults/tamper-rows", "${name}: a row that was changed, cut, moved or replaced is never taken for right"),
    ...at("objects/integrity", "a head row copied to another key, or an older one put back by who can write rows, does not open"),
    ...at(
      "seal/sealed-stream",
      "chunks that are swapped, repeated, dropped or taken from another segment are refused with their index",
    ),
  ],
  34: [
    ...at("seal/sealed-stream", "one sealer seals one plaintext: key and nonces are never used twice"),
    ...at("seal/kms-ciphertext", "two encryptions of the same plaintext differ"),
  ],
  35: [
    ...at("e2e/kms-states", "${mode}: a disabled key closes its objects at once, and opens them at once when enabled"),
    ...at(
      "e2e/kms-states",
      "${mode}: a key disabled in the middle of an upload stops its parts and its completion; enabled, it goes on",
    ),
  ],
  36: [
    ...at(
      "stores/lmdb",
      "a commit that cannot be written rejects with StoreError, nothing of it is there, and the store goes on",
    ),
    ...at("process/key-file", "a second server on the same data directory refuses to start, and the first serves on"),
    ...at("e2e/restart", "kill -9 in the midst of writes: every acknowledged object is whole, no other half there"),
    ...at("durability/kill", '${kills} kills of a server with ${workers} worker${workers === 1 ? "" : "s"} (seed ${SEED})'),
  ],
  37: at("e2e/objects", "a wrong checksum or Content-MD5 is BadDigest and leaves no object"),
  38: [
    ...at("attacks/limits", "a head that drips in is cut", "an answer that nobody takes is broken off, and its body given up"),
    ...at("attacks/limits", "a body that drips in is told RequestTimeout, leaves nothing, and is in the audit log as such"),
    ...at("attacks/limits", "idle connections, half-sent heads and half-sent bodies cost little and go away"),
    ...at("attacks/greedy", "a storm of KMS calls is answered call by call, or told to slow down; memory stays"),
    ...at("policy/work", "a policy and a header written against each other are a Deny, within a fraction of a second"),
    ...at("attacks/greedy", "a flood of open uploads, each with a part, costs little memory and is listed in pages"),
    ...at("objects/integrity", "ten thousand uploads under way do not keep garbage from being swept"),
  ],
  39: at(
    "attacks/outgoing",
    "nothing under src but the command line's client opens a connection, resolves a name or starts a program",
  ),
  40: NO_CONSOLE,
  41: NO_CONSOLE,
  42: at("attacks/strangers", "rustfs-cors-reflect: no origin is ever let in, with or without credentials"),
  43: NO_CONSOLE,
  44: [
    ...at("e2e/audit", "no secret is on disk or in a log: not in data, database, audit, stdout or stderr, whatever was sent how"),
    ...at("gate/audit-secrets", "a wrong signature over a customer key in the header, in the query, and over a session token"),
    ...at("canaries/canaries", CANARIES),
    ...at("server/attacks", "made-up action names make no new metric"),
  ],
  45: [
    ...at(
      "attacks/strangers",
      "rustfs-default-root, floci-known-key-passes, minio-admin-no-secret: what everybody knows opens nothing",
    ),
    ...at("process/first-start", "the generated secret goes into no pipe and no log, and no two servers share it"),
  ],
  46: at(
    "process/key-file",
    "`coffer key backup` copies the key, checked and 0600, and a restored copy opens the store; it never overwrites",
  ),
  47: notApplicable("object lock is not offered: its operations are 501 NotImplemented"),
  48: at("server/attacks", "a presigned PUT with ${query} stores nothing", "response-* overrides hold no line break"),
  49: at("keys/grants", "attack 49: a grantee passes on no more than it was given"),
  50: [
    ...at("keys/policies", "attack 50: a deleted principal shows as its unique id, and a namesake made later is a stranger"),
    ...at("keys/policies", "regression 14: lock-out check and principal check"),
  ],
  51: at("keys/crypto", "regression 1, 2: an encryption context is order-free, exact and unambiguous"),
  52: [
    ...at(
      "seal/kms-ciphertext",
      "a flip in any byte is refused: magic, version and suite as unparsable, header as commitment, body as tag",
    ),
    ...at("keys/crypto", "no oracle: a ciphertext's key that is gone, foreign, of another region or denied has one answer"),
    ...at("e2e/kms-crypto", "Plaintext of 0 or 4097 bytes is a ValidationException; a ciphertext over 6144 too"),
  ],
  53: notApplicable("key material is not imported: CreateKey with Origin EXTERNAL is refused"),
  54: notApplicable("asymmetric and HMAC keys are not offered"),
  55: at("keys/policies", "attack 55: kms:ViaService is S3's word alone"),
  56: [
    ...at("keys/root-key", "attack 56: material rows exchanged between two keys do not open"),
    ...at(
      "stores/records",
      "a row moved to another key, taken for another kind, or brought from another store is a RecordIntegrityError",
    ),
  ],
  57: [
    ...at("gate/audit-failure", "leaves no object of a PUT", "gives no body of a GET, and no key material of KMS"),
    ...at("gate/audit-files", "a damaged line is given out as such, and hides no other"),
    ...at("verify/audit", "what is missing, changed, doubled or out of order is named"),
  ],
};
