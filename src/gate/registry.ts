/** Every operation of the house, by service and name. Built once; a name twice is a bug. */
import { assert } from "../lib/errors.js";
import type { Service } from "../wire/types.js";
import type { AnyOperation } from "./contract.js";

export class Registry {
  readonly #services = new Map<Service, Map<string, AnyOperation>>();

  constructor(operations: readonly AnyOperation[]) {
    for (const operation of operations) {
      const { service, name } = operation;
      const named = this.#services.get(service) ?? new Map<string, AnyOperation>();
      assert(!named.has(name), `${service}:${name} is registered twice`);
      this.#services.set(service, named.set(name, operation));
    }
  }

  find(service: Service, name: string): AnyOperation | undefined {
    return this.#services.get(service)?.get(name);
  }

  /** @throws Error when absent: internal callers name operations that exist */
  get(service: Service, name: string): AnyOperation {
    const operation = this.find(service, name);
    assert(operation !== undefined, `no operation ${service}:${name}`);
    return operation;
  }

  all(): readonly AnyOperation[] {
    return [...this.#services.values()].flatMap((named) => [...named.values()]);
  }
}
