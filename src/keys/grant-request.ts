/** What CreateGrant asks for, checked. Source: kms service model; kms.md §11.4 of the reference. */
import type { PrincipalResolver } from "../gate/contract.js";
import { rootArn } from "../lib/arn.js";
import { ServiceError } from "../lib/errors.js";
import type { CreateGrantRequest } from "../wire/tables/kms-types.js";
import { checkEncryptionContext } from "./encryption-context.js";
import type { ContextPairs } from "./grants.js";
import { unsupported } from "./key-kinds.js";
import { invalid, missing } from "./validate.js";

export interface GrantRequest {
  readonly name?: string;
  readonly granteeArn: string;
  readonly retiringArn?: string;
  /** Sorted, each once. */
  readonly operations: readonly string[];
  readonly contextEquals?: ContextPairs;
  readonly contextSubset?: ContextPairs;
}

const SYMMETRIC_OPERATIONS = new Set([
  "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateDataKeyPair",
  "GenerateDataKeyPairWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo", "CreateGrant", "RetireGrant", "DescribeKey",
]);
const MAX_PAIRS = 8;
const MAX_VALUE_LENGTH = 384;

/** @throws ServiceError ValidationException, InvalidArnException */
export function readGrantRequest(input: CreateGrantRequest): GrantRequest {
  if (input.GranteeServicePrincipal !== undefined) throw unsupported("GranteeServicePrincipal");
  if (input.RetiringServicePrincipal !== undefined) throw unsupported("RetiringServicePrincipal");
  if (input.GranteePrincipal === undefined) throw missing("GranteePrincipal");
  if (input.Operations.length === 0) throw invalid("A grant must have at least one operation.");
  for (const operation of input.Operations) {
    if (!SYMMETRIC_OPERATIONS.has(operation)) {
      throw invalid(`Operation ${operation} is not supported for a KMS key with key spec SYMMETRIC_DEFAULT.`);
    }
  }
  const equals = constraint(input.Constraints?.EncryptionContextEquals, "constraints.encryptionContextEquals");
  const subset = constraint(input.Constraints?.EncryptionContextSubset, "constraints.encryptionContextSubset");
  return {
    ...(input.Name === undefined ? {} : { name: input.Name }),
    granteeArn: principalArn(input.GranteePrincipal),
    ...(input.RetiringPrincipal === undefined ? {} : { retiringArn: principalArn(input.RetiringPrincipal) }),
    operations: [...new Set(input.Operations)].sort(),
    ...(equals === undefined ? {} : { contextEquals: equals }),
    ...(subset === undefined ? {} : { contextSubset: subset }),
  };
}

function constraint(pairs: ContextPairs | undefined, member: string): ContextPairs | undefined {
  if (pairs === undefined) return undefined;
  checkEncryptionContext(pairs, member);
  if (Object.keys(pairs).length > MAX_PAIRS) {
    throw invalid(`A grant constraint cannot have more than ${MAX_PAIRS} encryption context pairs.`);
  }
  if (Object.values(pairs).some((value) => value.length > MAX_VALUE_LENGTH)) {
    throw invalid(`A value in a grant constraint cannot be longer than ${MAX_VALUE_LENGTH} characters.`);
  }
  return pairs;
}

/** An account's id is short for its root's ARN: conditions and grants know one form. */
export const principalArn = (name: string): string => (/^\d{12}$/.test(name) ? rootArn(name) : name);

/**
 * The stored form of a principal: unique id of a user or role, else its ARN.
 * @throws ServiceError InvalidArnException for services, groups and principals that do not exist
 */
export async function principalId(principals: PrincipalResolver, arn: string): Promise<string> {
  const id = await principals.uniqueIdOf(arn);
  if (id === undefined) throw new ServiceError("InvalidArnException", `ARN does not refer to a valid principal: ${arn}`);
  return id;
}
