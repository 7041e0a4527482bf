/** Between node:http and the gate: facts of the request in, answer out. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Gate } from "../gate/gate.js";
import type { GateEvent } from "../gate/dependencies.js";
import { isIntegrityError } from "../lib/errors.js";
import type { Log } from "../lib/log.js";
import { requestTimeout } from "../wire/payload.js";
import type { RequestHead } from "../wire/types.js";
import type { Counts } from "./clients.js";
import { Connections, type ConnectionFacts, type ConnectionRules } from "./connection.js";
import type { Handler } from "./listen.js";
import type { Metrics } from "./metrics.js";
import type { Operational } from "./operational.js";
import type { Pace } from "./pace.js";
import { ReceivedRequest } from "./received-request.js";
import { respond } from "./respond.js";

export interface HandlerDependencies {
  readonly gate: Gate;
  readonly rules: ConnectionRules;
  readonly operational: Operational;
  readonly pace: Pace;
  /** Requests under way, by client. */
  readonly clients: Counts;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** INVARIANT: the handler never rejects, and every response is ended or destroyed when it resolves. */
export function createHandler(deps: HandlerDependencies): Handler {
  const connections = new Connections(deps.rules);
  return async (request, response, continueRequested) => {
    let requestId: string | undefined;
    let leave: (() => void) | undefined;
    try {
      const received = receive(deps, connections.factsOf(request), request, response, continueRequested);
      const { incoming, continueUnsent } = received;
      leave = received.leave;
      const answer = await deps.gate.handle(incoming);
      requestId = answer.headers["x-amz-request-id"];
      await respond(request, response, answer, continueUnsent());
    } catch (error) {
      const observed: GateEvent = { kind: isIntegrityError(error) ? "integrity" : "internal" };
      deps.metrics.observe(observed);
      deps.log.error({ err: error, requestId }, "answer broken off");
      // Nothing more can be said on this connection; a client must not wait for it.
      if (!response.writableEnded) response.destroy();
    } finally {
      leave?.();
    }
  };
}

interface Received {
  readonly incoming: ReceivedRequest;
  /** Does the client still wait for `100 Continue`? */
  continueUnsent(): boolean;
  /** Nothing more is done for the request. Once its answer has left, too, its client may send another. */
  leave(): void;
}

function receive(
  deps: HandlerDependencies,
  connection: ConnectionFacts,
  request: IncomingMessage,
  response: ServerResponse,
  continueRequested: boolean,
): Received {
  let continueUnsent = continueRequested;
  const leaveClient = deps.clients.enter(connection.sourceIp ?? "");
  const incoming = new ReceivedRequest(request, connection, {
    overloaded: leaveClient === undefined,
    sendContinue: () => {
      if (!continueUnsent) return;
      continueUnsent = false;
      response.writeContinue();
    },
    operational: (routed) => deps.operational(routed, connection.metricsAllowed),
  });
  response.once("close", () => {
    if (!response.writableFinished) incoming.abort();
    leave();
  });
  response.on("error", (error) => deps.log.debug({ reason: error.message }, "client went away"));
  const unsent = (): boolean => continueUnsent;
  const timeOut = (): void => timeOutOf(deps, request, response, incoming.head);
  const unwatch = deps.pace.watch({ request, response, continueUnsent: unsent, timeOut });
  // Work may outlive its connection, and a whole answer may lie in the socket of a client that does not take it.
  let holding = 2;
  const leave = (): void => {
    holding -= 1;
    if (holding > 0) return;
    unwatch();
    leaveClient?.();
  };
  return { incoming, continueUnsent: unsent, leave };
}

/** The body is given up with the very error that is answered: it is what the audit line then says. */
function timeOutOf(deps: HandlerDependencies, request: IncomingMessage, response: ServerResponse, head: RequestHead): void {
  if (response.headersSent || response.destroyed) return;
  const error = requestTimeout();
  const { status, headers, body } = deps.gate.refusal(head, error);
  response.writeHead(status, { ...headers, connection: "close" });
  response.end(body instanceof Uint8Array ? body : undefined, () => request.destroy(error));
}
