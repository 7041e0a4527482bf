/** A request of node:http as the gate is handed it, with the facts of its connection. */
import type { IncomingMessage } from "node:http";
import type { Incoming } from "../gate/request.js";
import type { RequestHead } from "../wire/types.js";
import type { ConnectionFacts } from "./connection.js";
import { ReceivedBody } from "./received-body.js";

/** What depends on the answer under way. */
type Doors = Required<Pick<Incoming, "sendContinue" | "overloaded" | "operational">>;

export class ReceivedRequest implements Incoming {
  readonly head: RequestHead;
  readonly body: AsyncIterable<Buffer>;
  readonly sendContinue: Doors["sendContinue"];
  readonly sourceIp: string | undefined;
  readonly secureEnoughForSse: boolean;
  readonly tlsVersion: string | undefined;
  readonly overloaded: boolean;
  readonly operational: Doors["operational"];
  #aborter: AbortController | undefined;
  #aborted = false;

  constructor(request: IncomingMessage, connection: ConnectionFacts, doors: Doors) {
    const { method = "", url: target = "/", headers, rawHeaders } = request;
    this.head = { method, target, headers, rawHeaders, secure: connection.secure };
    this.body = new ReceivedBody(request);
    this.sendContinue = doors.sendContinue;
    this.sourceIp = connection.sourceIp;
    this.secureEnoughForSse = connection.secureEnoughForSse;
    this.tlsVersion = connection.tlsVersion;
    this.overloaded = doors.overloaded;
    this.operational = doors.operational;
  }

  /** Made when it is first asked for, aborted already where the client has gone by then. */
  get signal(): AbortSignal {
    if (this.#aborter === undefined) {
      this.#aborter = new AbortController();
      if (this.#aborted) this.#aborter.abort();
    }
    return this.#aborter.signal;
  }

  get gone(): boolean {
    return this.#aborted;
  }

  /** The client has gone, and its answer is not out. */
  abort(): void {
    this.#aborted = true;
    this.#aborter?.abort();
  }
}
