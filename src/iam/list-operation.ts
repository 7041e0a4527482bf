/**
 * The form of operations that list what an account holds: resource `*`, paged.
 */
import { defineOperation, type AnyOperation, type Call } from "../gate/contract.js";
import { accountOf } from "./directory.js";
import { Fields } from "./fields.js";
import { refuseRestricted } from "./operation.js";
import { pageSize, type PageInput } from "./pages.js";
import type { IamRoom } from "./room.js";

export interface ListScope<I> {
  readonly room: IamRoom;
  readonly call: Call;
  readonly input: I;
  readonly accountId: string;
  /** Items wanted. */
  readonly size: number;
}

export interface ListOperation<I, O> {
  readonly name: string;
  check?(fields: Fields, input: I): void;
  run(scope: ListScope<I>): Promise<O>;
}

export function listOperation<I extends PageInput, O>(room: IamRoom, operation: ListOperation<I, O>): AnyOperation {
  return defineOperation<I, { readonly accountId: string; readonly size: number }, O>({
    service: "iam",
    name: operation.name,
    async resolve(input, call) {
      refuseRestricted(call.principal);
      const fields = new Fields();
      operation.check?.(fields, input);
      const size = pageSize(fields, input);
      fields.done();
      return { accountId: accountOf(call.principal), size };
    },
    permissions: () => [{ action: `iam:${operation.name}`, resource: "*" }],
    run: (input, { accountId, size }, call) => operation.run({ room, call, input, accountId, size }),
  });
}
