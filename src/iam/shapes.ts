/**
 * Entities as the wire shows them. Lists of users and roles leave out tags and boundary, as AWS's do.
 * Source: docs/reference/authorization.md §6.1.
 */
import type { PrincipalResolver } from "../gate/contract.js";
import type { AttachedPermissionsBoundary, Group, Policy, PolicyVersion, Role, User } from "../wire/tables/iam-types.js";
import { shownTrustDocument, urlEncoded } from "./documents.js";
import type { PolicyView } from "./lookup.js";
import type { Entity } from "./records.js";

const boundaryShape = (entity: Entity): { PermissionsBoundary?: AttachedPermissionsBoundary } =>
  entity.clear.boundary === undefined
    ? {}
    : { PermissionsBoundary: { PermissionsBoundaryType: "Policy", PermissionsBoundaryArn: entity.clear.boundary } };

const tagsShape = (tags: readonly { Key: string; Value: string }[]): { Tags?: readonly { Key: string; Value: string }[] } =>
  tags.length === 0 ? {} : { Tags: tags };

export function userShape(entity: Entity, form: "full" | "listed"): User {
  const { path, name, id, createdMs } = entity.clear;
  return {
    Path: path,
    UserName: name,
    UserId: id,
    Arn: entity.arn,
    CreateDate: new Date(createdMs),
    ...(form === "listed" ? {} : { ...boundaryShape(entity), ...tagsShape(entity.tags) }),
  };
}

export function groupShape(entity: Entity): Group {
  const { path, name, id, createdMs } = entity.clear;
  return { Path: path, GroupName: name, GroupId: id, Arn: entity.arn, CreateDate: new Date(createdMs) };
}

export async function roleShape(entity: Entity, form: "full" | "listed", resolver: PrincipalResolver): Promise<Role> {
  const { path, name, id, createdMs, description, maxSessionSeconds } = entity.clear;
  const trust = entity.trust === undefined ? undefined : await shownTrustDocument(entity.trust, resolver);
  return {
    Path: path,
    RoleName: name,
    RoleId: id,
    Arn: entity.arn,
    CreateDate: new Date(createdMs),
    ...(trust === undefined ? {} : { AssumeRolePolicyDocument: urlEncoded(trust) }),
    ...(description === undefined ? {} : { Description: description }),
    MaxSessionDuration: maxSessionSeconds ?? 3600,
    ...(form === "listed" ? {} : { ...boundaryShape(entity), ...tagsShape(entity.tags) }),
  };
}

export interface PolicyUse {
  readonly attachments: number;
  readonly boundaries: number;
}

export function policyShape(view: PolicyView, use: PolicyUse, form: "full" | "listed"): Policy {
  return {
    PolicyName: view.name,
    PolicyId: view.id,
    Arn: view.arn,
    Path: view.path,
    DefaultVersionId: view.defaultVersion,
    AttachmentCount: use.attachments,
    PermissionsBoundaryUsageCount: use.boundaries,
    IsAttachable: true,
    ...(view.description === undefined || form === "listed" ? {} : { Description: view.description }),
    CreateDate: new Date(view.createdMs),
    UpdateDate: new Date(view.updatedMs),
    ...(form === "listed" ? {} : tagsShape(view.tags)),
  };
}

export function versionShape(view: PolicyView, id: string, withDocument: boolean): PolicyVersion {
  const version = view.versions.find((candidate) => candidate.id === id);
  const document = view.documents[id];
  return {
    ...(withDocument && document !== undefined ? { Document: urlEncoded(document) } : {}),
    VersionId: id,
    IsDefaultVersion: view.defaultVersion === id,
    ...(version === undefined ? {} : { CreateDate: new Date(version.createdMs) }),
  };
}
