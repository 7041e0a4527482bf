/** Lengths, ranges and patterns of STS members. Source: the service model as noted in reference authorization.md §6.7–6.9. */
import type { ConstraintTable } from "./constraint.js";

const TEXT = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+";
const TAG_TEXT = "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]";
const ARN = {
  min: 20,
  max: 2048,
  pattern: "[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u0085\\u00A0-\\uD7FF\\uE000-\\uFFFD\\u{10000}-\\u{10FFFF}]+",
};
const SESSION = { min: 2, max: 64, pattern: "[\\w+=,.@-]*" };
const TAG_KEY = { min: 1, max: 128, pattern: `${TAG_TEXT}+` };

export const STS_CONSTRAINTS: ConstraintTable = {
  RoleArn: ARN,
  RoleSessionName: SESSION,
  SourceIdentity: SESSION,
  Policy: { min: 1, max: 2048, pattern: TEXT },
  PolicyArns: { max: 10 },
  arn: ARN,
  DurationSeconds: { atLeast: 900, atMost: 43_200 },
  "GetSessionTokenRequest.DurationSeconds": { atLeast: 900, atMost: 129_600 },
  "GetFederationTokenRequest.DurationSeconds": { atLeast: 900, atMost: 129_600 },
  "AssumeRootRequest.DurationSeconds": { atLeast: 0, atMost: 900 },
  ExternalId: { min: 2, max: 1224, pattern: "[\\w+=,.@:\\/-]*" },
  SerialNumber: { min: 9, max: 256, pattern: "[\\w+=/:,.@-]*" },
  TokenCode: { min: 6, max: 6, pattern: "[\\d]*" },
  "GetFederationTokenRequest.Name": { min: 2, max: 32, pattern: "[\\w+=,.@-]*" },
  AccessKeyId: { min: 16, max: 128, pattern: "[\\w]*" },
  EncodedMessage: { min: 1, max: 10_240 },
  WebIdentityToken: { min: 4, max: 20_000 },
  ProviderId: { min: 4, max: 2048 },
  SAMLAssertion: { min: 4, max: 100_000 },
  PrincipalArn: ARN,
  Tags: { max: 50 },
  TransitiveTagKeys: { max: 50, items: TAG_KEY },
  "Tag.Key": TAG_KEY,
  "Tag.Value": { min: 0, max: 256, pattern: `${TAG_TEXT}*` },
};
