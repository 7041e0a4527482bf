/**
 * The one pipeline: route → authenticate → decode → resolve → authorize → run → audit → encode. Every request of every
 * service goes through `handle`; every operation runs through `LiveCall.execute`, nested ones too.
 */
import { isIntegrityError, ServiceError } from "../lib/errors.js";
import { randomBase32, uuid } from "../lib/ids.js";
import type { Principal } from "../policy/types.js";
import { decodeInput, encodeError, encodeOutput } from "../wire/codec.js";
import type { ResponseIds, Routed, RoutedOperation } from "../wire/contract.js";
import { errorServiceOf, route } from "../wire/route.js";
import { operationTable, POST_OBJECT } from "../wire/tables.js";
import type { RequestHead, Service } from "../wire/types.js";
import { authenticate, noteUse } from "./authenticate.js";
import { openBody } from "./body.js";
import { CallFacts, LiveCall, type RequestFacts } from "./call.js";
import type { Authentication, InvokeOptions } from "./contract.js";
import type { GateDependencies } from "./dependencies.js";
import { BODY_BUDGET_BYTES, busy, MemoryBudget } from "./memory-budget.js";
import { postObject } from "./post-object.js";
import { Refusals } from "./refusals.js";
import type { Answer, Incoming, Receiving } from "./request.js";
import { releaseUnsent } from "./unsent.js";

export class Gate {
  readonly #deps: GateDependencies;
  readonly #memory: MemoryBudget;
  readonly #refusals: Refusals;

  constructor(deps: GateDependencies) {
    this.#deps = deps;
    this.#refusals = new Refusals(deps.log);
    this.#memory = new MemoryBudget(deps.bodyBudgetBytes ?? BODY_BUDGET_BYTES);
  }

  /** Answers any request; never rejects. */
  async handle(incoming: Incoming): Promise<Answer> {
    const { head } = incoming;
    const state: RequestState = { head, service: undefined, operation: "", requestId: undefined, started: performance.now() };
    try {
      const routed = route(head, this.#deps.routing);
      if (routed.kind === "operational") return await incoming.operational(routed);
      if (incoming.overloaded === true) throw busy(serviceOf(state));
      if (routed.kind === "preflight") throw new ServiceError("AccessForbidden", "CORSResponse: CORS is not enabled for this bucket.", { status: 403 });
      const memory = this.#memory.hold();
      try {
        return await this.#operation({ incoming, memory }, routed, state);
      } finally {
        memory.release();
      }
    } catch (error) {
      return this.#failure(error, incoming, state);
    }
  }

  /** A refusal in the words of the service addressed, for a request that the server room ends by itself. */
  refusal(head: RequestHead, error: ServiceError): Answer {
    const service = errorServiceOf(head);
    const ids = idsOf({ head, service, requestId: undefined });
    return encodeError(service, error, { ...ids, resource: resourceOf(head), isHead: head.method === "HEAD" });
  }

  /** Runs an operation as `principal` without a request: seeding, jobs. Authorized and audited like any other. */
  async internal<O>(principal: Principal, service: Service, operation: string, input: object, options: InvokeOptions = {}): Promise<O> {
    const region = options.region ?? this.#defaultRegion();
    const facts: RequestFacts = {
      principal, region, requestId: uuid(), authentication: { type: "Internal" }, nowMs: this.#deps.clock.now(), secure: true,
      secureEnoughForSse: true, sourceIp: undefined, signal: new AbortController().signal, userAgent: "coffer", referer: undefined, tlsVersion: undefined,
    };
    return (await new LiveCall(this.#deps, this.#deps.registry.get(service, operation), facts).execute(input)) as O;
  }

  async #operation(receiving: Receiving, routed: Exclude<Routed, { kind: "operational" | "preflight" }>, state: RequestState): Promise<Answer> {
    const { incoming } = receiving;
    const { head } = incoming;
    const nowMs = this.#deps.clock.now();
    if (routed.kind === "operation") name(state, routed);
    const proven = await authenticate(this.#deps, receiving, routed, nowMs);
    const named = proven.routed;
    if (proven.claim.kind !== "anonymous") noteUse(this.#deps, named.service, proven.claim, nowMs);
    name(state, named);
    const ids = idsOf(state);
    const facts = (principal: Principal, authentication: Authentication): RequestFacts =>
      this.#facts(incoming, { principal, authentication, requestId: ids.requestId, nowMs });
    if (named.operation === POST_OBJECT) {
      const answer = await postObject(this.#deps, incoming, named, { ids, nowMs, facts });
      this.#answered(state, answer.status, "");
      return answer;
    }
    const operation = this.#deps.registry.find(named.service, named.operation);
    if (operation === undefined) throw unsupported(named);
    const call = new LiveCall(this.#deps, operation, facts(proven.principal, proven.authentication), { head });
    const output = await call.executeOpened(async () => {
      const { stream, memory } = await openBody(receiving, proven);
      return { input: decodeInput(named, head, memory), body: stream };
    });
    try {
      const answer = encodeOutput(named.service, named.operation, output, ids);
      this.#answered(state, answer.status, "");
      return answer;
    } catch (error) {
      await releaseUnsent(output);
      throw error;
    }
  }

  #facts(incoming: Incoming, who: Pick<RequestFacts, "principal" | "authentication" | "requestId" | "nowMs">): RequestFacts {
    const { principal, authentication, requestId, nowMs } = who;
    const { head, sourceIp, secureEnoughForSse, tlsVersion } = incoming;
    const { "user-agent": userAgent, referer } = head.headers;
    const region = authentication.scopeRegion ?? this.#defaultRegion();
    const { secure } = head;
    return new CallFacts(
      { principal, authentication, region, requestId, nowMs, secure, secureEnoughForSse, sourceIp, userAgent, referer, tlsVersion },
      incoming,
    );
  }

  #defaultRegion(): string {
    return this.#deps.regions[0] ?? "us-east-1";
  }

  #failure(thrown: unknown, { head, sourceIp }: Incoming, state: RequestState): Answer {
    const ids = idsOf(state);
    const error = thrown instanceof ServiceError ? thrown : this.#internalError(thrown, state, ids);
    const answer = encodeError(serviceOf(state), error, { ...ids, resource: resourceOf(head), isHead: head.method === "HEAD" });
    this.#refusals.note(error, head, sourceIp, ids.requestId);
    this.#answered(state, answer.status, error.code);
    return answer;
  }

  /** Our fault: the cause goes to the log, the caller learns only the request id. */
  #internalError(thrown: unknown, state: RequestState, ids: ResponseIds): ServiceError {
    const integrity = isIntegrityError(thrown);
    this.#deps.observe({ kind: integrity ? "integrity" : "internal" });
    this.#deps.log.error({ err: thrown, operation: state.operation, requestId: ids.requestId }, integrity ? "integrity event" : "internal error");
    return internalErrorOf(serviceOf(state), thrown);
  }

  /** INVARIANT: only names that the server knows are told on: they become labels of metrics, which are never forgotten. */
  #answered(state: RequestState, status: number, code: string): void {
    const service = serviceOf(state);
    const { operation } = state;
    const seconds = (performance.now() - state.started) / 1000;
    const known = operation === POST_OBJECT || this.#deps.registry.find(service, operation) !== undefined || operationTable(service, operation) !== undefined;
    this.#deps.observe({ kind: "answered", service, operation: known ? operation : "", status, code, seconds });
  }
}

interface RequestState {
  readonly head: RequestHead;
  /** Undefined until the request is routed. */
  service: Service | undefined;
  operation: string;
  requestId: string | undefined;
  readonly started: number;
}

function name(state: RequestState, { service, operation }: RoutedOperation): void {
  state.service = service;
  state.operation = operation;
}

/** The service addressed, or in whose form to answer where that is not known yet. */
function serviceOf(state: Pick<RequestState, "head" | "service">): Service {
  return (state.service ??= errorServiceOf(state.head));
}

/** S3's ids look like `0A49CE4060975EAC`; the others are UUIDs. Decided once the service is known. */
function idsOf(state: Pick<RequestState, "head" | "service" | "requestId">): ResponseIds {
  const service = serviceOf(state);
  state.requestId ??= service === "s3" || service === "s3-control" ? randomBase32(16) : uuid();
  return { requestId: state.requestId, hostId: Buffer.from(`coffer/${state.requestId}`, "utf8").toString("base64") };
}

function internalErrorOf(service: Service, cause: unknown): ServiceError {
  switch (service) {
    case "s3":
    case "s3-control":
      return new ServiceError("InternalError", "We encountered an internal error. Please try again.", { status: 500, cause });
    case "kms":
      return new ServiceError("KMSInternalException", "The request was rejected because an internal exception occurred.", { status: 500, cause });
    case "coffer":
      return new ServiceError("InternalFailure", "The request could not be processed because of an internal error.", { status: 500, cause });
    case "iam":
    case "sts":
      return new ServiceError("ServiceFailure", "The request processing has failed because of an unknown error, exception or failure.", { status: 500, cause });
  }
}

/** Known to AWS's model, not to us: named, so that nobody has to guess. */
function unsupported({ service, operation }: RoutedOperation): ServiceError {
  switch (service) {
    case "s3":
    case "s3-control":
      return new ServiceError("NotImplemented", `The operation ${operation} is not implemented by this server.`, { status: 501 });
    case "kms":
    case "coffer":
      return new ServiceError("UnsupportedOperationException", `The operation ${operation} is not implemented by this server.`, { status: 400 });
    case "iam":
    case "sts":
      return new ServiceError("InvalidAction", `The action ${operation} is not implemented by this server.`, { status: 400 });
  }
}

const resourceOf = ({ target }: RequestHead): string => decodeURIComponentSafely(target.split("?")[0] ?? "/");

function decodeURIComponentSafely(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    // Not UTF-8 or badly escaped: the error shows the path as it came.
    return path;
  }
}

