/** Every operation of the house, by service and name. Built once; a name twice is a bug. */
import { assert } from "../lib/errors.js";
import type { Service } from "../wire/types.js";
import type { AnyOperation } from "./contract.js";

export class Registry {
  readonly #operations = new Map<string, AnyOperation>();

  constructor(operations: readonly AnyOperation[]) {
    for (const operation of operations) {
      const id = `${operation.service}:${operation.name}`;
      assert(!this.#operations.has(id), `${id} is registered twice`);
      this.#operations.set(id, operation);
    }
  }

  find(service: Service, name: string): AnyOperation | undefined {
    return this.#operations.get(`${service}:${name}`);
  }

  /** @throws Error when absent: internal callers name operations that exist */
  get(service: Service, name: string): AnyOperation {
    const operation = this.find(service, name);
    assert(operation !== undefined, `no operation ${service}:${name}`);
    return operation;
  }

  all(): readonly AnyOperation[] {
    return [...this.#operations.values()];
  }
}
