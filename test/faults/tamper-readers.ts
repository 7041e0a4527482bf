/**
 * For each kind of row the calls that read it. Every space is named: a new kind of row does not compile without its
 * readers, or the word that it has none.
 */
import type { Space } from "../../src/stores/spaces.js";
import type { Credentials } from "../../src/wire/sign.js";
import type { Service } from "../../src/wire/types.js";
import type { House, Outcome } from "./house.js";
import { ACCOUNT, grantOf, userArn, type Keys, type MadeBucket, type People, type TamperScene } from "./tamper-scene.js";

/** A call that reads. */
export type Probe = (house: House) => Promise<Outcome>;
export type Readers = Readonly<Record<string, Probe>>;

/** Never written in this version; and what tamper-rows.test.ts reads otherwise: by sweep, by runner, in a fresh process. */
const UNREAD = {
  meta: undefined,
  userNames: undefined,
  policyVersions: undefined,
  sessions: undefined,
  kmsGrantTokens: undefined,
  accountSettings: undefined,
  kmsMaterials: undefined,
  ledger: undefined,
  jobs: undefined,
} as const;

export function readersOf({ keys, people, buckets }: TamperScene): Readonly<Record<keyof typeof Space, Readers | undefined>> {
  const { ofPolicies, ...objects } = objectReaders(buckets);
  const identities = identityReaders(people);
  const ofKeys = keyReaders(people, keys);
  const uniqueIds = { ...ofPolicies, ...identities.groups, ...ofKeys.kmsGrants };
  return { ...UNREAD, ...identities, ...ofKeys, ...objects, uniqueIds };
}

const probe =
  (service: Service, operation: string, input: object): Probe =>
  (house) =>
    house.call(service, operation, input);

function named(service: Service, operation: string, inputs: readonly object[]): Readers {
  return Object.fromEntries(inputs.map((input) => [`${operation} ${JSON.stringify(input)}`, probe(service, operation, input)]));
}

function byPerson(people: People, service: Service, operation: string, input: object): Readers {
  const as = (credentials: Credentials): Probe => (house) => {
    house.actAs(credentials);
    return house.call(service, operation, input).finally(() => house.actAs());
  };
  const text = JSON.stringify(input);
  return Object.fromEntries(Object.entries(people).map(([name, who]) => [`${operation} ${text} as ${name}`, as(who)]));
}

function identityReaders(people: People) {
  const names = Object.keys(people);
  const keys = Object.values(people).map(({ accessKeyId: AccessKeyId }) => ({ AccessKeyId }));
  const roles = names.map((name) => ({ RoleName: `role-${name}` }));
  const policies = names.map((name) => ({ PolicyArn: `arn:aws:iam::${ACCOUNT}:policy/policy-${name}` }));
  const versions = policies.map((policy) => ({ ...policy, VersionId: "v1" }));
  const users = names.map((UserName) => ({ UserName }));
  const groups = named("iam", "GetGroup", names.map((name) => ({ GroupName: `group-${name}` })));
  const asPeople = byPerson(people, "s3", "ListBuckets", {});
  return {
    accounts: { ...named("s3", "ListBuckets", [{}]), ...named("iam", "ListAccessKeys", [{}]) },
    accessKeys: { ...asPeople, ...named("iam", "ListAccessKeys", users) },
    accessKeyUses: named("iam", "GetAccessKeyLastUsed", keys),
    users: { ...asPeople, ...named("iam", "GetUser", users), ...named("iam", "ListUsers", [{}]) },
    groups: { ...asPeople, ...groups },
    roles: { ...named("iam", "GetRole", roles), ...named("iam", "ListRoles", [{}]) },
    managedPolicies: { ...asPeople, ...named("iam", "GetPolicyVersion", versions) },
    attachments: { ...named("iam", "ListEntitiesForPolicy", policies), ...groups },
  };
}

function keyReaders(people: People, keys: Keys) {
  const ids = Object.values(keys).map(({ KeyId }) => ({ KeyId }));
  const aliases = Object.keys(keys).map((name) => ({ KeyId: `alias/${name}` }));
  const decrypt = Object.entries(keys).map(([name, { CiphertextBlob }]): [string, Probe] =>
    [`Decrypt ${name}`, probe("kms", "Decrypt", { CiphertextBlob })]);
  const gets = ["first", "other"].flatMap((Bucket) => [{ Bucket, Key: "kms" }, { Bucket, Key: "inline" }]);
  const uses = { ...Object.fromEntries(decrypt), ...named("s3", "GetObject", gets) };
  const grantees = Object.keys(people);
  const grants = [grantOf("anna", keys.one), grantOf("bert", keys.two)];
  return {
    kmsKeys: { ...named("kms", "DescribeKey", ids), ...uses },
    kmsAliases: { ...named("kms", "DescribeKey", aliases), ...named("kms", "ListAliases", [{}]) },
    kmsGrants: named("kms", "ListGrants", ids),
    kmsGrantees: Object.assign({}, ...ids.map((input) => byPerson(people, "kms", "DescribeKey", input))) as Readers,
    kmsGrantNames: named("kms", "CreateGrant", grants),
    kmsRetirable: named("kms", "ListRetirableGrants", grantees.map((name) => ({ RetiringPrincipal: userArn(name) }))),
    kmsKeysByAccount: named("kms", "ListKeys", [{}]),
  };
}

function objectReaders(buckets: readonly MadeBucket[]) {
  const of = (operation: string, input: object): Readers =>
    named("s3", operation, buckets.map(({ Bucket }) => ({ Bucket, ...input })));
  const older = named("s3", "GetObject", buckets.map(({ Bucket, older: VersionId }) => ({ Bucket, Key: "inline", VersionId })));
  const parts = named("s3", "ListParts", buckets.map(({ Bucket, upload: UploadId }) => ({ Bucket, Key: "open", UploadId })));
  const objects = ["inline", "kms", "parts"];
  const each = (operation: string, more: object = {}): Readers =>
    Object.assign({}, ...objects.map((Key) => of(operation, { Key, ...more }))) as Readers;
  const copy = (Bucket: string): Probe => async (at) => {
    const copied = await at.s3("CopyObject", { Bucket: "copies", Key: "copy", CopySource: `${Bucket}/inline` });
    return copied.ok ? at.s3("GetObject", { Bucket: "copies", Key: "copy" }) : copied;
  };
  const copies = Object.fromEntries(buckets.map(({ Bucket }) => [`CopyObject ${Bucket}`, copy(Bucket)]));
  const list = named("s3", "ListBuckets", [{}]);
  return {
    ofPolicies: of("GetBucketPolicy", {}),
    buckets: { ...of("ListObjectsV2", {}), ...of("GetBucketTagging", {}), ...of("GetObject", { Key: "inline" }), ...list },
    bucketsByOwner: list,
    heads: {
      ...each("GetObject"),
      ...each("HeadObject"),
      ...each("GetObjectAttributes", { ObjectAttributes: ["ETag", "Checksum"] }),
      ...each("GetObjectTagging"),
      ...copies,
      ...of("ListObjectVersions", {}),
    },
    listable: { ...of("ListObjectsV2", {}), ...of("ListObjectsV2", { Delimiter: "/" }), ...of("ListObjects", {}) },
    versions: { ...of("ListObjectVersions", {}), ...older },
    bodies: { ...each("GetObject"), ...copies, ...older },
    partTables: {
      ...of("GetObject", { Key: "parts" }),
      ...of("GetObject", { Key: "parts", PartNumber: 1 }),
      ...of("GetObjectAttributes", { Key: "parts", ObjectAttributes: ["ObjectParts"] }),
    },
    uploads: parts,
    uploadParts: parts,
    uploadsByKey: of("ListMultipartUploads", {}),
  };
}
