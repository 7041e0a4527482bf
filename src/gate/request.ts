/** A request as it comes to the gate, and the answer that leaves. */
import type { RoutedOperational } from "../wire/contract.js";
import type { RequestHead } from "../wire/types.js";
import type { MemoryHold } from "./memory-budget.js";

/** A request as the server room hands it over. */
export interface Incoming {
  readonly head: RequestHead;
  readonly body: AsyncIterable<Buffer>;
  /** Writes `100 Continue` if the client waits for it; called at the first pull of a body. */
  readonly sendContinue: () => void;
  readonly sourceIp: string | undefined;
  readonly secureEnoughForSse: boolean;
  readonly tlsVersion: string | undefined;
  /** Made when it is first asked for: most requests end before anyone does. */
  readonly signal: AbortSignal;
  /** Has the client gone? Absent: the signal says. */
  readonly gone?: boolean;
  /** Its client has as many requests under way as it may: it is told to slow down. */
  readonly overloaded?: boolean;
  /** Answers `/-/…`. */
  readonly operational: (routed: RoutedOperational) => Promise<Answer>;
}

export interface StreamedBody extends AsyncIterable<Uint8Array> {
  /** Takes the memory of a piece back when it has left for good: it is used for others from then on. */
  readonly done?: (piece: Uint8Array) => void;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | StreamedBody | undefined;
}

/** A request under way. */
export interface Receiving {
  readonly incoming: Incoming;
  readonly memory: MemoryHold;
}
