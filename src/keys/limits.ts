/**
 * Limits of the members of each KMS operation that is served. Source: kms service model 2014-11-01; quotas of the AWS KMS
 * developer guide.
 */
import type { Rule, Rules } from "./validate.js";

export const MAX_ALIASES_PER_KEY = 50;
export const MAX_GRANTS_PER_KEY = 50_000;
export const MAX_TAGS = 50;
export const MAX_ON_DEMAND_ROTATIONS = 25;
export const DEFAULT_DELETION_WINDOW_DAYS = 30;
export const DEFAULT_ROTATION_PERIOD_DAYS = 365;

const keyId: Rule = { required: true, min: 1, max: 2048 };
const optionalKeyId: Rule = { min: 1, max: 2048 };
const aliasName: Rule = { required: true, min: 1, max: 256, pattern: /^[a-zA-Z0-9:/_-]+$/ };
const grantTokens: Rule = { max: 10, each: { min: 1, max: 8192 } };
const limit: Rule = { min: 1, max: 1000 };
const marker: Rule = { min: 1, max: 1024, pattern: /^[\u0020-\u00FF]*$/ };
const principal: Rule = { min: 1, max: 256, pattern: /^[\w+=,.@:/-]+$/ };
const policy: Rule = { min: 1, max: 131_072, pattern: /^[\u0009\u000A\u000D\u0020-\u00FF]+$/ };
const policyName: Rule = { min: 1, max: 128, pattern: /^[\w]+$/ };
const algorithm: Rule = { oneOf: "EncryptionAlgorithmSpec" };
const grantId: Rule = { min: 1, max: 128 };
const tagKey: Rule = { required: true, min: 1, max: 128 };
const tags: Rule = { each: { members: { TagKey: tagKey, TagValue: { required: true, min: 0, max: 256 } } } };
const dataKey: Rules = {
  KeyId: keyId, KeySpec: { oneOf: "DataKeySpec" }, NumberOfBytes: { min: 1, max: 1024 }, GrantTokens: grantTokens,
};
const dryRunModifiers: Rule = { max: 1, each: { oneOf: "DryRunModifierType" } };

/** By operation name. */
export const LIMITS = {
  CancelKeyDeletion: { KeyId: keyId },
  CreateAlias: { AliasName: aliasName, TargetKeyId: keyId },
  CreateGrant: {
    KeyId: keyId,
    GranteePrincipal: principal,
    RetiringPrincipal: principal,
    Operations: { required: true, each: { oneOf: "GrantOperation" } },
    GrantTokens: grantTokens,
    Name: { min: 1, max: 256, pattern: /^[a-zA-Z0-9:/_-]+$/ },
  },
  CreateKey: {
    Policy: policy,
    Description: { max: 8192 },
    KeyUsage: { oneOf: "KeyUsageType" },
    CustomerMasterKeySpec: { oneOf: "CustomerMasterKeySpec" },
    KeySpec: { oneOf: "KeySpec" },
    Origin: { oneOf: "OriginType" },
    CustomKeyStoreId: { min: 1, max: 64 },
    Tags: tags,
    XksKeyId: { min: 1, max: 128, pattern: /^[a-zA-Z0-9-_.]+$/ },
  },
  Decrypt: {
    CiphertextBlob: { min: 1, max: 6144 },
    KeyId: optionalKeyId,
    GrantTokens: grantTokens,
    EncryptionAlgorithm: algorithm,
    DryRunModifiers: dryRunModifiers,
  },
  DeleteAlias: { AliasName: aliasName },
  DescribeKey: { KeyId: keyId, GrantTokens: grantTokens },
  DisableKey: { KeyId: keyId },
  DisableKeyRotation: { KeyId: keyId },
  EnableKey: { KeyId: keyId },
  EnableKeyRotation: { KeyId: keyId, RotationPeriodInDays: { min: 90, max: 2560 } },
  Encrypt: {
    KeyId: keyId,
    Plaintext: { required: true, min: 1, max: 4096 },
    GrantTokens: grantTokens,
    EncryptionAlgorithm: algorithm,
  },
  GenerateDataKey: dataKey,
  GenerateDataKeyWithoutPlaintext: dataKey,
  GenerateRandom: { NumberOfBytes: { min: 1, max: 1024 }, CustomKeyStoreId: { min: 1, max: 64 } },
  GetKeyPolicy: { KeyId: keyId, PolicyName: policyName },
  GetKeyRotationStatus: { KeyId: keyId },
  ListAliases: { KeyId: optionalKeyId, Limit: limit, Marker: marker },
  ListGrants: { KeyId: keyId, Limit: limit, Marker: marker, GrantId: grantId, GranteePrincipal: principal },
  ListKeyPolicies: { KeyId: keyId, Limit: limit, Marker: marker },
  ListKeyRotations: { KeyId: keyId, IncludeKeyMaterial: { oneOf: "IncludeKeyMaterial" }, Limit: limit, Marker: marker },
  ListKeys: { Limit: limit, Marker: marker },
  ListResourceTags: { KeyId: keyId, Limit: limit, Marker: marker },
  ListRetirableGrants: { RetiringPrincipal: principal, Limit: limit, Marker: marker },
  PutKeyPolicy: { KeyId: keyId, PolicyName: policyName, Policy: { ...policy, required: true } },
  ReEncrypt: {
    CiphertextBlob: { min: 1, max: 6144 },
    SourceKeyId: optionalKeyId,
    DestinationKeyId: keyId,
    SourceEncryptionAlgorithm: algorithm,
    DestinationEncryptionAlgorithm: algorithm,
    GrantTokens: grantTokens,
    DryRunModifiers: dryRunModifiers,
  },
  RetireGrant: { GrantToken: { min: 1, max: 8192 }, KeyId: optionalKeyId, GrantId: grantId },
  RevokeGrant: { KeyId: keyId, GrantId: { ...grantId, required: true } },
  RotateKeyOnDemand: { KeyId: keyId },
  ScheduleKeyDeletion: { KeyId: keyId, PendingWindowInDays: { min: 7, max: 30 } },
  TagResource: { KeyId: keyId, Tags: { ...tags, required: true } },
  UntagResource: { KeyId: keyId, TagKeys: { required: true, each: tagKey } },
  UpdateAlias: { AliasName: aliasName, TargetKeyId: keyId },
  UpdateKeyDescription: { KeyId: keyId, Description: { required: true, max: 8192 } },
} as const satisfies Record<string, Rules>;
