/**
 * IAM's errors with AWS's texts, in one place so that every operation says the same thing.
 * Source: docs/reference/authorization.md §6.5.
 */
import { ServiceError } from "../lib/errors.js";

/** The three kinds of entity that policies hang on. */
export type EntityKind = "user" | "role" | "group";

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export const noSuchEntity = (message: string): ServiceError => new ServiceError("NoSuchEntity", message, { status: 404 });

export const entityNotFound = (kind: EntityKind, name: string): ServiceError =>
  noSuchEntity(`The ${kind} with name ${name} cannot be found.`);

export const inlinePolicyNotFound = (kind: EntityKind, policyName: string): ServiceError =>
  noSuchEntity(`The ${kind} policy with name ${policyName} cannot be found.`);

export const policyNotFound = (arn: string): ServiceError => noSuchEntity(`Policy ${arn} was not found.`);

export const policyNotAttachable = (arn: string): ServiceError =>
  noSuchEntity(`Policy ${arn} does not exist or is not attachable.`);

export const policyVersionNotFound = (arn: string, version: string): ServiceError =>
  noSuchEntity(`Policy ${arn} version ${version} does not exist or is not attachable.`);

export const accessKeyNotFound = (id: string): ServiceError => noSuchEntity(`The Access Key with id ${id} cannot be found.`);

export const loginProfileNotFound = (userName: string): ServiceError =>
  noSuchEntity(`Login Profile for User ${userName} cannot be found.`);

export const entityExists = (kind: EntityKind, name: string): ServiceError =>
  new ServiceError("EntityAlreadyExists", `${capital(kind)} with name ${name} already exists.`, { status: 409 });

export const policyExists = (name: string): ServiceError =>
  new ServiceError("EntityAlreadyExists", `A policy called ${name} already exists. Duplicate names are not allowed.`, {
    status: 409,
  });

/** @param rest what must go first, e.g. `must delete access keys first.` */
export const deleteConflict = (rest: string): ServiceError =>
  new ServiceError("DeleteConflict", `Cannot delete entity, ${rest}`, { status: 409 });

export const policyDeleteConflict = (message: string): ServiceError =>
  new ServiceError("DeleteConflict", message, { status: 409 });

export const limitExceeded = (message: string): ServiceError => new ServiceError("LimitExceeded", message, { status: 409 });

export const quotaExceeded = (quota: string, limit: number): ServiceError =>
  limitExceeded(`Cannot exceed quota for ${quota}: ${limit}`);

export const validationError = (message: string): ServiceError => new ServiceError("ValidationError", message, { status: 400 });

export const invalidInput = (message: string): ServiceError => new ServiceError("InvalidInput", message, { status: 400 });

export const concurrentModification = (): ServiceError =>
  new ServiceError(
    "ConcurrentModification",
    "The request was rejected because multiple requests to change this object were submitted simultaneously. " +
      "Wait a few minutes and submit your request again.",
    { status: 409 },
  );

/** What AWS answers where the credential is genuine but of a kind that this service does not accept. */
export const invalidClientToken = (): ServiceError =>
  new ServiceError("InvalidClientTokenId", "The security token included in the request is invalid.", { status: 403 });

export const accessDenied = (message: string): ServiceError => new ServiceError("AccessDenied", message, { status: 403 });

export const invalidParameterValue = (message: string): ServiceError =>
  new ServiceError("InvalidParameterValue", message, { status: 400 });
