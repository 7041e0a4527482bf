/**
 * What a bucket policy may speak of: every S3 action with the resource it needs, and the condition keys with the
 * actions that fill them. Only used to validate; the evaluator needs no list.
 * Source: authorization reference §3 (actions), §4.1 and §4.2 (keys); AWS service authorization reference for S3.
 */

/** What an action is done to. `other`: known, but neither this bucket nor an object in it. */
export type ResourceType = "bucket" | "object" | "other";

const BUCKET_ACTIONS = `
CreateBucket ListBucket ListBucketVersions ListBucketMultipartUploads DeleteBucket GetBucketLocation
GetBucketPolicy PutBucketPolicy DeleteBucketPolicy GetBucketPolicyStatus GetBucketAcl PutBucketAcl
GetBucketOwnershipControls PutBucketOwnershipControls GetBucketPublicAccessBlock PutBucketPublicAccessBlock
GetEncryptionConfiguration PutEncryptionConfiguration GetBucketVersioning PutBucketVersioning GetBucketTagging
PutBucketTagging GetBucketCORS PutBucketCORS GetBucketWebsite PutBucketWebsite DeleteBucketWebsite
GetLifecycleConfiguration PutLifecycleConfiguration GetReplicationConfiguration PutReplicationConfiguration
GetBucketNotification PutBucketNotification GetBucketLogging PutBucketLogging GetBucketObjectLockConfiguration
PutBucketObjectLockConfiguration GetBucketRequestPayment PutBucketRequestPayment GetAccelerateConfiguration
PutAccelerateConfiguration GetAnalyticsConfiguration PutAnalyticsConfiguration GetInventoryConfiguration
PutInventoryConfiguration GetMetricsConfiguration PutMetricsConfiguration GetIntelligentTieringConfiguration
PutIntelligentTieringConfiguration CreateBucketMetadataTableConfiguration GetBucketMetadataTableConfiguration
DeleteBucketMetadataTableConfiguration UpdateBucketMetadataInventoryTableConfiguration
UpdateBucketMetadataJournalTableConfiguration GetBucketAbac PutBucketAbac TagResource UntagResource ListTagsForResource`;

const OBJECT_ACTIONS = `
GetObject GetObjectVersion GetObjectAttributes GetObjectVersionAttributes GetObjectTorrent GetObjectVersionTorrent
PutObject UpdateObjectEncryption AbortMultipartUpload ListMultipartUploadParts DeleteObject DeleteObjectVersion
RestoreObject GetObjectAcl GetObjectVersionAcl PutObjectAcl PutObjectVersionAcl GetObjectTagging
GetObjectVersionTagging PutObjectTagging PutObjectVersionTagging DeleteObjectTagging DeleteObjectVersionTagging
GetObjectRetention PutObjectRetention GetObjectLegalHold PutObjectLegalHold BypassGovernanceRetention
ReplicateObject ReplicateDelete ReplicateTags ObjectOwnerOverrideToBucketOwner GetObjectVersionForReplication
InitiateReplication`;

const OTHER_ACTIONS = `
ListAllMyBuckets GetAccountPublicAccessBlock PutAccountPublicAccessBlock PauseReplication CreateJob DescribeJob ListJobs
UpdateJobPriority UpdateJobStatus GetJobTagging PutJobTagging DeleteJobTagging CreateAccessPoint GetAccessPoint
DeleteAccessPoint ListAccessPoints GetAccessPointPolicy PutAccessPointPolicy DeleteAccessPointPolicy
GetAccessPointPolicyStatus GetDataAccess CreateAccessGrant ListAccessGrants ListStorageLensConfigurations
GetStorageLensConfiguration PutStorageLensConfiguration DeleteStorageLensConfiguration`;

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Lower-case action name without prefix → resource type. */
export const S3_ACTIONS: ReadonlyMap<string, ResourceType> = new Map([
  ...words(BUCKET_ACTIONS).map((name) => [name.toLowerCase(), "bucket"] as const),
  ...words(OBJECT_ACTIONS).map((name) => [name.toLowerCase(), "object"] as const),
  ...words(OTHER_ACTIONS).map((name) => [name.toLowerCase(), "other"] as const),
]);

/** Coffer's own actions on objects, which a bucket policy may name as well; lower case, with prefix. */
export const COFFER_OBJECT_ACTIONS: ReadonlySet<string> = new Set(["coffer:inspectobject"]);

const LISTS = "ListBucket ListBucketVersions";
const VERSIONED = `GetObjectVersion GetObjectVersionAcl PutObjectVersionAcl GetObjectVersionTagging PutObjectVersionTagging
  DeleteObjectVersionTagging GetObjectVersionAttributes GetObjectVersionTorrent DeleteObjectVersion`;
const TAGGED = `GetObject GetObjectVersion GetObjectAcl GetObjectVersionAcl GetObjectAttributes GetObjectVersionAttributes
  GetObjectTagging PutObjectTagging DeleteObjectTagging GetObjectVersionTagging PutObjectVersionTagging
  DeleteObjectVersionTagging PutObjectAcl PutObjectVersionAcl UpdateObjectEncryption`;
const TAGGING = "PutObject PutObjectTagging PutObjectVersionTagging BypassGovernanceRetention";
const ACL = "PutObject PutObjectAcl PutObjectVersionAcl PutBucketAcl CreateBucket BypassGovernanceRetention";
const SSE = "PutObject ReplicateObject UpdateObjectEncryption BypassGovernanceRetention";
const RETENTION = "PutObject PutObjectRetention BypassGovernanceRetention ReplicateObject";
const CREATE = "CreateBucket TagResource";
const EVERY = "*";

/** Key in lower case, `/` at the end for a family → actions that fill it; `*` every action. */
const KEYS: Readonly<Record<string, string>> = {
  "s3:authtype": EVERY, "s3:resourceaccount": EVERY, "s3:signatureage": EVERY, "s3:signatureversion": EVERY,
  "s3:tlsversion": EVERY, "s3:x-amz-content-sha256": EVERY, "s3:buckettag/": EVERY,
  "s3:accesspointnetworkorigin": EVERY, "s3:dataaccesspointaccount": EVERY, "s3:dataaccesspointarn": EVERY,
  "s3:accesspointtag/": EVERY, "s3:accessgrantsinstancearn": EVERY,
  "s3:prefix": LISTS, "s3:delimiter": LISTS, "s3:max-keys": LISTS,
  "s3:versionid": VERSIONED,
  "s3:existingobjecttag/": TAGGED,
  "s3:requestobjecttag/": TAGGING, "s3:requestobjecttagkeys": TAGGING,
  "s3:x-amz-acl": ACL, "s3:x-amz-grant-read": ACL, "s3:x-amz-grant-write": ACL, "s3:x-amz-grant-read-acp": ACL,
  "s3:x-amz-grant-write-acp": ACL, "s3:x-amz-grant-full-control": ACL,
  "s3:x-amz-copy-source": "PutObject", "s3:x-amz-metadata-directive": "PutObject",
  "s3:x-amz-storage-class": "PutObject PutObjectAcl PutObjectVersionAcl",
  "s3:x-amz-website-redirect-location": "PutObject BypassGovernanceRetention",
  "s3:x-amz-server-side-encryption": SSE, "s3:x-amz-server-side-encryption-aws-kms-key-id": SSE,
  "s3:x-amz-server-side-encryption-customer-algorithm": SSE,
  "s3:if-match": "PutObject DeleteObject", "s3:if-none-match": "PutObject", "s3:objectcreationoperation": "PutObject",
  "s3:object-lock-mode": RETENTION, "s3:object-lock-retain-until-date": RETENTION,
  "s3:object-lock-remaining-retention-days": RETENTION,
  "s3:object-lock-legal-hold": "PutObject PutObjectLegalHold BypassGovernanceRetention ReplicateObject",
  "s3:locationconstraint": "CreateBucket", "s3:x-amz-object-ownership": "CreateBucket",
  "s3:x-amz-bucket-namespace": "CreateBucket",
  "s3:inventoryaccessibleoptionalfields": "PutInventoryConfiguration",
  "aws:requesttag/": CREATE, "aws:tagkeys": `${CREATE} UntagResource`,
};

const GLOBAL_KEYS: ReadonlySet<string> = new Set(words(`
aws:PrincipalArn aws:PrincipalAccount aws:PrincipalType aws:userid aws:username aws:PrincipalIsAWSService
aws:PrincipalServiceName aws:PrincipalServiceNamesList aws:ViaAWSService aws:CalledVia aws:CalledViaFirst
aws:CalledViaLast aws:SourceIp aws:SourceVpc aws:SourceVpce aws:SourceVpcArn aws:VpcSourceIp aws:VpceAccount
aws:VpceOrgID aws:VpceOrgPaths aws:SecureTransport aws:UserAgent aws:Referer aws:CurrentTime aws:EpochTime
aws:TokenIssueTime aws:MultiFactorAuthPresent aws:MultiFactorAuthAge aws:RequestedRegion aws:ResourceAccount
aws:SourceArn aws:SourceAccount aws:SourceOwner aws:SourceOrgID aws:SourceOrgPaths aws:SourceIdentity
aws:FederatedProvider aws:PrincipalOrgID aws:PrincipalOrgPaths aws:ResourceOrgID aws:ResourceOrgPaths
aws:AssumedRoot aws:ChatbotSourceArn aws:Ec2InstanceSourceVpc aws:Ec2InstanceSourcePrivateIPv4`).map((key) => key.toLowerCase()));

/** Families that every request may fill. */
const GLOBAL_FAMILIES = ["aws:principaltag/", "aws:resourcetag/"];

const ACTIONS_BY_KEY: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(KEYS).map(([key, actions]) => [key, new Set(words(actions).map((action) => action.toLowerCase()))] as const),
);

/**
 * The actions (lower case, without prefix) that fill a condition key; `"every"`; undefined when there is no such key.
 * @param key as written
 */
export function actionsOfKey(key: string): ReadonlySet<string> | "every" | undefined {
  const lower = key.toLowerCase();
  if (GLOBAL_KEYS.has(lower) || GLOBAL_FAMILIES.some((family) => lower.startsWith(family) && lower.length > family.length)) {
    return "every";
  }
  const slash = lower.indexOf("/");
  const name = slash < 0 ? lower : lower.slice(0, slash + 1);
  if (slash >= 0 && lower.length === slash + 1) return undefined;
  const actions = ACTIONS_BY_KEY.get(name);
  return actions?.has(EVERY) === true ? "every" : actions;
}
