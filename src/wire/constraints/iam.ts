/** Lengths, ranges and patterns of IAM members. Source: the service model as noted in reference authorization.md §6.2–6.6. */
import type { Constraint, ConstraintTable } from "./constraint.js";

const NAME = "[\\w+=,.@-]+";
const DOCUMENT = "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+";
const TAG_TEXT = "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]";
const name = (max: number): Constraint => ({ min: 1, max, pattern: NAME });
const ARN: Constraint = { min: 20, max: 2048 };
const TAG_KEY: Constraint = { min: 1, max: 128, pattern: `${TAG_TEXT}+` };
const POLICY: Constraint = { min: 1, max: 131_072, pattern: DOCUMENT };

export const IAM_CONSTRAINTS: ConstraintTable = {
  UserName: name(128),
  "CreateUserRequest.UserName": name(64),
  "UpdateUserRequest.NewUserName": name(64),
  RoleName: name(64),
  GroupName: name(128),
  NewGroupName: name(128),
  PolicyName: name(128),
  InstanceProfileName: name(128),
  // No pattern for paths: AWS answers a bad one with a sentence of its own (authorization.md §6.5), which the iam room has.
  Path: { min: 1, max: 512 },
  NewPath: { min: 1, max: 512 },
  PathPrefix: { min: 1, max: 512, pattern: "\\u002F[\\u0021-\\u007F]*" },
  "ListPoliciesRequest.PathPrefix": { min: 1, max: 512, pattern: "((/[A-Za-z0-9\\.,\\+@=_-]+)*)/" },
  PolicyArn: ARN,
  PolicySourceArn: ARN,
  PermissionsBoundary: ARN,
  Arn: ARN,
  OpenIDConnectProviderArn: ARN,
  PolicyDocument: POLICY,
  AssumeRolePolicyDocument: POLICY,
  VersionId: { pattern: "v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?" },
  Description: { max: 1000, pattern: "[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u00A1-\\u00FF]*" },
  "CreatePolicyRequest.Description": { max: 1000 },
  MaxSessionDuration: { atLeast: 3600, atMost: 43_200 },
  MaxItems: { atLeast: 1, atMost: 1000 },
  Marker: { min: 1, max: 320, pattern: "[\\u0020-\\u00FF]+" },
  AccessKeyId: { min: 16, max: 128, pattern: "[\\w]+" },
  AccountAlias: { min: 3, max: 63, pattern: "[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]" },
  Password: { min: 1, max: 128, pattern: "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+" },
  OldPassword: { min: 1, max: 128, pattern: "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+" },
  NewPassword: { min: 1, max: 128, pattern: "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+" },
  Url: { min: 1, max: 255 },
  Tags: { max: 50 },
  TagKeys: { max: 50, items: TAG_KEY },
  "Tag.Key": TAG_KEY,
  "Tag.Value": { min: 0, max: 256, pattern: `${TAG_TEXT}*` },
  ActionNames: { items: { min: 3, max: 128 } },
  ResourceArns: { items: { min: 1, max: 2048 } },
  ContextKeyName: { min: 5, max: 256 },
};
