/**
 * The AWS-managed policies that applications attach by name. Ids, names and paths are AWS's; ReadOnlyAccess is cut down
 * to the services of this house. Source: AWS managed policy reference guide.
 */
export interface BuiltinPolicy {
  readonly id: string;
  readonly arn: string;
  readonly name: string;
  readonly path: string;
  readonly description: string;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly version: string;
  readonly document: string;
}

const document = (actions: readonly string[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: actions, Resource: "*" }] }, undefined, 2);

const builtin = (id: string, name: string, description: string, actions: readonly string[]): BuiltinPolicy => ({
  id,
  arn: `arn:aws:iam::aws:policy/${name}`,
  name,
  path: "/",
  description,
  createdMs: Date.UTC(2015, 1, 6, 18, 40),
  updatedMs: Date.UTC(2015, 1, 6, 18, 40),
  version: "v1",
  document: document(actions),
});

export const BUILTIN_POLICIES: readonly BuiltinPolicy[] = [
  builtin("ANPAIWMBCKSKIEE64ZLYK", "AdministratorAccess", "Provides full access to AWS services and resources.", ["*"]),
  builtin("ANPAIFIR6V6BVTRAHWINE", "AmazonS3FullAccess", "Provides full access to all buckets.", ["s3:*", "s3-object-lambda:*"]),
  builtin("ANPAIZTJ4DXE7G6AGAE6M", "AmazonS3ReadOnlyAccess", "Provides read only access to all buckets.", [
    "s3:Get*",
    "s3:List*",
    "s3:Describe*",
    "s3-object-lambda:Get*",
    "s3-object-lambda:List*",
  ]),
  builtin("ANPAI7XKCFMBPM3QQRRVQ", "IAMFullAccess", "Provides full access to IAM.", ["iam:*"]),
  builtin("ANPAJKSO7NDY4T57MWDSQ", "IAMReadOnlyAccess", "Provides read only access to IAM.", [
    "iam:GenerateCredentialReport",
    "iam:GenerateServiceLastAccessedDetails",
    "iam:Get*",
    "iam:List*",
    "iam:SimulateCustomPolicy",
    "iam:SimulatePrincipalPolicy",
  ]),
  builtin("ANPAILL3HVNFSB6DCOWYQ", "ReadOnlyAccess", "Provides read-only access to AWS services and resources.", [
    "s3:DescribeJob",
    "s3:Get*",
    "s3:List*",
    "kms:Describe*",
    "kms:Get*",
    "kms:List*",
    "iam:Generate*",
    "iam:Get*",
    "iam:List*",
    "iam:Simulate*",
    "sts:GetAccessKeyInfo",
    "sts:GetCallerIdentity",
    "sts:GetSessionToken",
  ]),
];

const BY_ARN = new Map(BUILTIN_POLICIES.map((policy) => [policy.arn, policy]));

export const builtinPolicy = (arn: string): BuiltinPolicy | undefined => BY_ARN.get(arn);
