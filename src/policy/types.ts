/**
 * What the evaluator takes and gives. Facts: AWS policy grammar and evaluation logic; see docs/reference/authorization.md.
 */

export type PrincipalType = "Anonymous" | "Account" | "User" | "AssumedRole" | "FederatedUser" | "Service";

/** Who calls, after authentication. Built by the iam room only. */
export interface Principal {
  /** `Account` is the account's root user. */
  readonly type: PrincipalType;
  /** 12 digits; absent for Anonymous and Service. */
  readonly accountId?: string;
  /** ARN that messages and audit show: of the *session* for role sessions. Absent for Anonymous and Service. */
  readonly arn?: string;
  /** `aws:PrincipalArn`: equals `arn`, except for role sessions, where it is the role's ARN with its path. */
  readonly principalArn?: string;
  /** `aws:userid`: root `A`, user `AIDA…`, role session `AROA…:session`, federated `A:name`, anonymous `anonymous`. */
  readonly userId: string;
  /** Unique id (`AIDA…`, `AROA…`) that stored resource policies may name; absent for root, federated, anonymous. */
  readonly uniqueId?: string;
  /** `aws:username`; IAM users only. */
  readonly userName?: string;
  /** Access key id used; absent for Anonymous and Service. */
  readonly accessKeyId?: string;
  /** Principal tags, session tags merged over them. */
  readonly tags?: Readonly<Record<string, string>>;
  /** Service: e.g. `s3.amazonaws.com`. */
  readonly service?: string;
  /** Temporary credentials: `aws:TokenIssueTime`, ms since epoch. */
  readonly tokenIssuedMs?: number;
  /** FederatedUser: unique id of the IAM user whose GetFederationToken made the session; resource policies may name it. */
  readonly issuerUniqueId?: string;
  /** Canonical id (64 hex) of the account: what `CanonicalUser` principals name. */
  readonly canonicalId?: string;
  /** `aws:SourceIdentity`: set when the first role of a chain was assumed. */
  readonly sourceIdentity?: string;
  /** Callers of AssumeRoleWithWebIdentity/SAML only (type Anonymous): ARN of the provider that vouches for them. */
  readonly federatedProvider?: string;
}

/** A parsed policy and where it came from. */
export interface PolicySource {
  /** For reasons: ARN of a managed policy, `user/alice/inline/name`, `bucket/NAME`, `key/ID`. */
  readonly id: string;
  readonly policy: Policy;
}

/** Every policy that hangs on the principal itself. */
export interface PrincipalPolicies {
  readonly identity: readonly PolicySource[];
  readonly boundary?: PolicySource;
  /** Session policies passed at issuance; absent = none were passed. */
  readonly session?: readonly PolicySource[];
}

/** Values of condition keys. Names in AWS's spelling; looked up without regard to case. Absent key = absent member. */
export type Context = Readonly<Record<string, ContextValue>>;
export type ContextValue = string | readonly string[];

/**
 * One permission that a call needs. All of a call's permissions must be allowed.
 */
export interface Permission {
  /** `s3:PutObject` */
  readonly action: string;
  /** Full ARN, or `*` where the action has no resource type. */
  readonly resource: string;
  /** Account that owns the resource; absent where there is no owner (then the caller's own). */
  readonly resourceAccount?: string | undefined;
  /** Condition keys of this operation and resource; the gate adds the global ones. */
  readonly context?: Context | undefined;
  /** The policy on the resource: bucket policy, key policy, trust policy. */
  readonly resourcePolicy?: PolicySource | undefined;
  /** Only the Deny statements of the resource policy count: an object that another account than the bucket's owns. */
  readonly resourcePolicyDeniesOnly?: boolean | undefined;
  /**
   * Must the resource policy take part? True for KMS keys and role trust: identity policies count only where the
   * resource policy delegates to the account, and root has no implicit right.
   */
  readonly resourcePolicyRequired?: boolean;
  /** Grants of a KMS key or ACL entries that allow this very request; the room has checked their constraints. */
  readonly allowedBy?: readonly StatementRef[] | undefined;
  /** Explicit denies that are no policy: public access block. */
  readonly deniedBy?: readonly StatementRef[] | undefined;
  /** The bucket owner's root may always read, write and delete the bucket policy. */
  readonly rootAlwaysAllowed?: boolean;
}

export type PolicyLayer =
  | "identity-based"
  | "resource-based"
  | "permissions boundary"
  | "session"
  | "grant"
  | "acl"
  | "public access block"
  | "root"
  | "evaluation error";

export interface StatementRef {
  readonly layer: PolicyLayer;
  /** `PolicySource.id`, grant id, ACL grantee or switch name. */
  readonly source: string;
  /** Sid, or `#n` (from 0) of the statement. */
  readonly statement?: string;
  /**
   * In `allowedBy`: how the grant or ACL entry names the caller; what it overrides follows from that as for a resource
   * policy. `session`: this very session; `everyone`: AllUsers, AuthenticatedUsers. Default: `principal` for the layer
   * grant, `account` for the layer acl.
   */
  readonly names?: "everyone" | "session" | "principal" | "account";
}

export interface Decision {
  readonly effect: "Allow" | "Deny";
  /** Deny: whether a statement said so, rather than none having allowed. */
  readonly explicit: boolean;
  /** The layer that decided; for texts of AccessDenied. */
  readonly layer: PolicyLayer;
  readonly because: readonly StatementRef[];
}

/** Parsed and validated once, when stored or first read; see parse.ts. */
export interface Policy {
  readonly version: "2012-10-17" | "2008-10-17";
  readonly id?: string;
  readonly statements: readonly Statement[];
}

export interface Statement {
  readonly sid?: string;
  readonly effect: "Allow" | "Deny";
  /** Absent in identity and session policies. */
  readonly principals?: { readonly not: boolean; readonly entries: readonly PrincipalEntry[] };
  readonly actions: { readonly not: boolean; readonly patterns: readonly string[] };
  /** Absent in trust policies (the role) and, where omitted, in key policies. */
  readonly resources?: { readonly not: boolean; readonly patterns: readonly string[] };
  readonly conditions: readonly ConditionClause[];
}

export interface PrincipalEntry {
  readonly kind: "AWS" | "Service" | "Federated" | "CanonicalUser" | "Any";
  /** `*` for Any. */
  readonly value: string;
}

export interface ConditionClause {
  /** As written, e.g. `ForAnyValue:StringLikeIfExists`. */
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}
