/** A house in memory in which every kind of row stands, twice where it can: two buckets, two keys, two people. */
import type { Credentials } from "../../src/wire/sign.js";
import { pattern } from "../objects/world.js";
import { House, member, type Outcome } from "./house.js";

export interface TamperScene {
  readonly house: House;
  readonly keys: Keys;
  readonly people: People;
  readonly buckets: readonly MadeBucket[];
}

export interface MadeBucket {
  readonly Bucket: string;
  /** Id of the older version of `inline`. */
  readonly older: unknown;
  /** Id of an upload of `open` that is under way. */
  readonly upload: unknown;
}

export interface KeyOf {
  readonly KeyId: string;
  readonly CiphertextBlob: unknown;
}

export type People = Readonly<Record<"anna" | "bert", Credentials>>;
export type Keys = Readonly<Record<"one" | "two", KeyOf>>;

async function done(call: Promise<Outcome>): Promise<Outcome & { readonly ok: true }> {
  const outcome = await call;
  if (!outcome.ok) throw new Error(`expected success, not ${outcome.status} ${outcome.code}`);
  return outcome;
}

/** Objects of every layout, twice: small, large, in parts, with an older version; and an open upload each. */
async function writeObjects(house: House, Bucket: string, SSEKMSKeyId: string): Promise<MadeBucket> {
  await done(house.s3("CreateBucket", { Bucket }));
  const Tagging = { TagSet: [{ Key: "owner", Value: Bucket }] };
  await done(house.s3("PutBucketTagging", { Bucket, Tagging }));
  await done(house.s3("PutBucketVersioning", { Bucket, VersioningConfiguration: { Status: "Enabled" } }));
  const Metadata = { secret: Bucket };
  const old = await done(house.s3("PutObject", { Bucket, Key: "inline", Metadata }, pattern(1000, 1)));
  await done(house.s3("PutObject", { Bucket, Key: "inline", Metadata, Tagging: "a=b" }, pattern(1000, 2)));
  const kms = { ServerSideEncryption: "aws:kms", SSEKMSKeyId };
  await done(house.s3("PutObject", { Bucket, Key: "kms", ...kms }, pattern(1000, 3)));
  const { UploadId } = (await done(house.s3("CreateMultipartUpload", { Bucket, Key: "parts" }))).out;
  const part = { Bucket, Key: "parts", UploadId, PartNumber: 1 };
  const Parts = [{ PartNumber: 1, ETag: (await done(house.s3("UploadPart", part, pattern(2000)))).out["ETag"] }];
  await done(house.s3("CompleteMultipartUpload", { Bucket, Key: "parts", UploadId, MultipartUpload: { Parts } }));
  const open = (await done(house.s3("CreateMultipartUpload", { Bucket, Key: "open", Metadata }))).out["UploadId"];
  for (const PartNumber of [1, 2]) {
    await done(house.s3("UploadPart", { Bucket, Key: "open", UploadId: open, PartNumber }, pattern(100_000, PartNumber)));
  }
  return { Bucket, older: old.out["VersionId"], upload: open };
}

async function writeKey(house: House, name: string): Promise<KeyOf> {
  const { KeyId } = member<{ KeyId: string }>(await house.call("kms", "CreateKey", { Description: name }), "KeyMetadata");
  await done(house.call("kms", "CreateAlias", { AliasName: `alias/${name}`, TargetKeyId: KeyId }));
  const sealed = await house.call("kms", "Encrypt", { KeyId, Plaintext: Buffer.from(name) });
  return { KeyId, CiphertextBlob: member(sealed, "CiphertextBlob") };
}

export const ACCOUNT = "000000000000";
export const userArn = (UserName: string): string => `arn:aws:iam::${ACCOUNT}:user/${UserName}`;
const ALL = JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: "*", Resource: "*" }] });

/** A user with a key, in a group, with a managed and an inline policy; a role. */
async function writeIdentities(house: House, name: string): Promise<Credentials> {
  const PolicyName = `policy-${name}`;
  const { Arn } = member<{ Arn: string }>(await house.call("iam", "CreatePolicy", { PolicyName, PolicyDocument: ALL }), "Policy");
  await done(house.call("iam", "CreateUser", { UserName: name, Tags: [{ Key: "a", Value: name }] }));
  await done(house.call("iam", "AttachUserPolicy", { UserName: name, PolicyArn: Arn }));
  await done(house.call("iam", "CreateGroup", { GroupName: `group-${name}` }));
  await done(house.call("iam", "AddUserToGroup", { GroupName: `group-${name}`, UserName: name }));
  const trust = { Effect: "Allow", Principal: { AWS: userArn(name) }, Action: "sts:AssumeRole" };
  const AssumeRolePolicyDocument = JSON.stringify({ Version: "2012-10-17", Statement: [trust] });
  await done(house.call("iam", "CreateRole", { RoleName: `role-${name}`, AssumeRolePolicyDocument }));
  const key = member<{ AccessKeyId: string; SecretAccessKey: string }>(
    await house.call("iam", "CreateAccessKey", { UserName: name }), "AccessKey");
  return { accessKeyId: key.AccessKeyId, secretAccessKey: key.SecretAccessKey };
}

/** Asked for again by its name, it is the same grant. */
export function grantOf(name: string, { KeyId }: KeyOf): object {
  const parties = { GranteePrincipal: userArn(name), RetiringPrincipal: userArn(name) };
  return { KeyId, ...parties, Operations: ["Decrypt", "DescribeKey"], Name: `grant-${name}` };
}

/** Names a role, which stands as its unique id in the row. */
async function writePolicy(house: House, Bucket: string, role: string): Promise<void> {
  const Principal = { AWS: `arn:aws:iam::${ACCOUNT}:role/role-${role}` };
  const statement = { Effect: "Allow", Principal, Action: "s3:GetObject", Resource: `arn:aws:s3:::${Bucket}/*` };
  const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
  await done(house.s3("PutBucketPolicy", { Bucket, Policy }));
}

export async function tamperScene(): Promise<TamperScene> {
  const house = new House(undefined);
  await house.open();
  const keys = { one: await writeKey(house, "one"), two: await writeKey(house, "two") };
  const people = { anna: await writeIdentities(house, "anna"), bert: await writeIdentities(house, "bert") };
  await done(house.call("kms", "CreateGrant", grantOf("anna", keys.one)));
  await done(house.call("kms", "CreateGrant", grantOf("bert", keys.two)));
  const first = await writeObjects(house, "first", keys.one.KeyId);
  const other = await writeObjects(house, "other", keys.two.KeyId);
  await writePolicy(house, "first", "anna");
  await writePolicy(house, "other", "bert");
  await done(house.s3("CreateBucket", { Bucket: "copies" }));
  for (const credentials of Object.values(people)) {
    house.actAs(credentials);
    await done(house.s3("ListBuckets", {}));
  }
  house.actAs();
  await house.app.iam.uses.flush();
  return { house, keys, people, buckets: [first, other] };
}
