/**
 * How much memory bodies may hold that are read whole: documents of S3, calls of the other services. Each has its own
 * limit; together, from many connections and partly from callers that nobody knows yet, they are bounded here.
 */
import { ServiceError } from "../lib/errors.js";
import type { RequestHead, Service } from "../wire/types.js";

const MIB = 1024 * 1024;
/** Of one process. Thirty of the largest documents (8 MiB) at once, or thousands of usual ones. */
export const BODY_BUDGET_BYTES = 256 * MIB;

/** What one request holds. */
export interface MemoryHold {
  /** @throws ServiceError SlowDown and its like, when the process has no room for the body that `head` announces */
  take(head: RequestHead, service: Service, limitBytes: number): void;
  release(): void;
}

export class MemoryBudget {
  #freeBytes: number;

  constructor(bytes: number) {
    this.#freeBytes = bytes;
  }

  hold(): MemoryHold {
    let held = 0;
    return {
      take: (head, service, limitBytes) => {
        const bytes = announced(head, limitBytes);
        if (bytes > this.#freeBytes) throw busy(service);
        this.#freeBytes -= bytes;
        held += bytes;
      },
      release: () => {
        this.#freeBytes += held;
        held = 0;
      },
    };
  }
}

/** A body beyond its limit is refused before it is read. */
function announced({ headers }: RequestHead, limitBytes: number): number {
  const length = headers["content-length"];
  if (length !== undefined) return Math.min(Number(length) || 0, limitBytes);
  return headers["transfer-encoding"] === undefined ? 0 : limitBytes;
}

/** In each service's words, that it has no room for the request now. */
export function busy(service: Service): ServiceError {
  switch (service) {
    case "s3":
    case "s3-control":
      return new ServiceError("SlowDown", "Please reduce your request rate.", { status: 503 });
    case "kms":
    case "coffer":
      return new ServiceError("ThrottlingException", "Rate exceeded", { status: 400 });
    case "iam":
    case "sts":
      return new ServiceError("Throttling", "Rate exceeded", { status: 400 });
  }
}
