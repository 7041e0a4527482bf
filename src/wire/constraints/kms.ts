/** Lengths, ranges and patterns of KMS members. Source: the service model as noted in reference kms.md §2.2. */
import type { ConstraintTable } from "./constraint.js";

const PRINCIPAL = { min: 1, max: 256, pattern: "^[\\w+=,.@:/-]+$" };
const ALIAS = { min: 1, max: 256, pattern: "^[a-zA-Z0-9:/_-]+$" };
const POLICY = { min: 1, max: 131_072, pattern: "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+" };
const KEY_MATERIAL_ID = { min: 64, max: 64, pattern: "^[a-f0-9]+$" };
const REGION = { min: 1, max: 32, pattern: "^([a-z]+-){2,3}\\d+$" };
const TAG_KEY = { min: 1, max: 128 };
const SHORT_BLOB = { min: 1, max: 4096 };
const CIPHERTEXT = { min: 1, max: 6144 };

export const KMS_CONSTRAINTS: ConstraintTable = {
  KeyId: { min: 1, max: 2048 },
  SourceKeyId: { min: 1, max: 2048 },
  DestinationKeyId: { min: 1, max: 2048 },
  TargetKeyId: { min: 1, max: 2048 },
  AliasName: ALIAS,
  "CreateGrantRequest.Name": ALIAS,
  GrantId: { min: 1, max: 128 },
  GrantToken: { min: 1, max: 8192 },
  GrantTokens: { min: 0, max: 10, items: { min: 1, max: 8192 } },
  GranteePrincipal: PRINCIPAL,
  RetiringPrincipal: PRINCIPAL,
  Policy: POLICY,
  PolicyName: { min: 1, max: 128, pattern: "[\\w]+" },
  Description: { min: 0, max: 8192 },
  Plaintext: SHORT_BLOB,
  Message: SHORT_BLOB,
  CiphertextBlob: CIPHERTEXT,
  Signature: CIPHERTEXT,
  Mac: CIPHERTEXT,
  ImportToken: CIPHERTEXT,
  EncryptedKeyMaterial: CIPHERTEXT,
  PublicKey: { min: 1, max: 8192 },
  NumberOfBytes: { atLeast: 1, atMost: 1024 },
  PendingWindowInDays: { atLeast: 1, atMost: 365 },
  RotationPeriodInDays: { atLeast: 90, atMost: 2560 },
  Limit: { atLeast: 1, atMost: 1000 },
  Marker: { min: 1, max: 1024, pattern: "[\\u0020-\\u00FF]*" },
  TagKey: TAG_KEY,
  TagValue: { min: 0, max: 256 },
  TagKeys: { items: TAG_KEY },
  KeyMaterialId: KEY_MATERIAL_ID,
  KeyMaterialDescription: { min: 0, max: 256, pattern: "^[a-zA-Z0-9:\\/_\\s.-]+$" },
  AttestationDocument: { min: 1, max: 262_144 },
  ReplicaRegion: REGION,
  PrimaryRegion: REGION,
  CustomKeyStoreId: { min: 1, max: 64 },
  CustomKeyStoreName: { min: 1, max: 256 },
  NewCustomKeyStoreName: { min: 1, max: 256 },
  CloudHsmClusterId: { min: 19, max: 24, pattern: "cluster-[2-7a-zA-Z]{11,16}" },
  KeyStorePassword: { min: 7, max: 32 },
  TrustAnchorCertificate: { min: 1, max: 5000 },
  XksKeyId: { min: 1, max: 128, pattern: "^[a-zA-Z0-9-_.]+$" },
  AccessKeyId: { min: 20, max: 30, pattern: "^[A-Z2-7]+$" },
  RawSecretAccessKey: { min: 43, max: 64, pattern: "^[a-zA-Z0-9\\/+=]+$" },
  XksProxyUriEndpoint: { min: 10, max: 128, pattern: "^https://[a-zA-Z0-9.-]+$" },
  XksProxyUriPath: { min: 10, max: 128, pattern: "^(/[a-zA-Z0-9\\/_-]+/kms/xks/v\\d{1,2})$|^(/kms/xks/v\\d{1,2})$" },
  XksProxyVpcEndpointServiceName: {
    min: 20,
    max: 64,
    pattern: "^(com|eu)\\.amazonaws\\.vpce\\.([a-z]+-){2,3}\\d+\\.vpce-svc-[0-9a-z]+$",
  },
};
