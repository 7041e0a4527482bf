/** DryRun: everything is checked, nothing is done. Source: kms.md §15 of the reference. */
import { ServiceError } from "../lib/errors.js";
import { invalid } from "./validate.js";

const SUCCEEDED = new ServiceError(
  "DryRunOperationException",
  "The request would have succeeded, but the DryRun option is set.",
);

/**
 * What a dry run throws when all would have gone well: always the same error. S3 asks by dry runs at every use of a bucket
 * key, and an error's stack costs more than the answer.
 */
export function dryRunSucceeded(): ServiceError {
  return SUCCEEDED;
}

interface DryRunMembers {
  readonly DryRun?: boolean | undefined;
  readonly DryRunModifiers?: readonly string[] | undefined;
}

/** The ciphertext may be left out: only in a dry run that says so. @throws ServiceError ValidationException */
export function ignoresCiphertext(input: DryRunMembers): boolean {
  const ignores = input.DryRunModifiers?.includes("IGNORE_CIPHERTEXT") === true;
  if (ignores && input.DryRun !== true) throw invalid("DryRunModifiers can only be specified when DryRun is true.");
  return ignores;
}
