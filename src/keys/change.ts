/**
 * Operations that change rows. The commit checks the rows that the decision was made on; when another call was first, the
 * facts are read again, the permissions decided again and the change made again, so a decision never outlives its facts.
 */
import { defineOperation } from "../gate/contract.js";
import type { AnyOperation, Call, Operation } from "../gate/contract.js";
import { ServiceError } from "../lib/errors.js";
import type { Batch } from "../stores/contract.js";

/** What one attempt would write, and the answer once it is written. No batch: nothing to change. */
export interface Attempt<O> {
  readonly batch?: Batch;
  readonly output: O;
}

export interface Change<I, F, O> extends Omit<Operation<I, F, O>, "run" | "service"> {
  /** Checks state and usage, builds rows. Pure but for reads and randomness: it may be called several times. */
  attempt(input: I, facts: F, call: Call): Promise<Attempt<O>>;
}

/** Losing this often in a row means more than contention. */
const ATTEMPTS = 64;

/** SDKs try again. */
function timedOut(): ServiceError {
  return new ServiceError("DependencyTimeoutException", "The system timed out while trying to fulfill the request.");
}

export function defineChange<I, F, O>(change: Change<I, F, O>): AnyOperation {
  return defineOperation<I, F, O>({
    ...change,
    service: "kms",
    async run(input, facts, call) {
      let current = facts;
      for (let made = 1; ; made++) {
        const { batch, output } = await change.attempt(input, current, call);
        if (batch === undefined) return output;
        const result = await call.commit(batch);
        if (result.ok) return output;
        if (made === ATTEMPTS) throw timedOut();
        current = await change.resolve(input, call);
        for (const permission of change.permissions(input, current, call)) await call.authorize(permission);
      }
    },
  });
}
