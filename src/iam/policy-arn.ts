/**
 * Checks of the `PolicyArn` member. Source: docs/reference/authorization.md §6.5 (malformed ARN).
 */
import { parseArn } from "../lib/arn.js";
import { validationError } from "./errors.js";
import type { Fields } from "./fields.js";

/** @throws ServiceError ValidationError: not an ARN at all, or one that cannot be read */
export function checkPolicyArn(fields: Fields, arn: string | undefined): void {
  const value = fields.text("PolicyArn", arn, { max: 2048 });
  fields.done();
  if (!value.startsWith("arn:")) throw validationError(`ARN ${value} is not valid.`);
  const parsed = parseArn(value);
  const { service, account, resource } = parsed ?? { service: "", account: "", resource: "" };
  if (service !== "iam" || !/^([0-9]{12}|aws)$/.test(account) || resource === "") {
    throw validationError("Invalid ARN:  Could not be parsed!");
  }
}
