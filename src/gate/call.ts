/**
 * The call under way: one object per operation run, nested calls to KMS included. Holds the facts that the server
 * established and the only doors through which an operation can decide, call on, change and record.
 */
import type { Clock } from "../lib/clock.js";
import { assert, ServiceError } from "../lib/errors.js";
import { uuid } from "../lib/ids.js";
import type { Log } from "../lib/log.js";
import { evaluate } from "../policy/evaluate.js";
import type { Decision, Permission, Principal, PrincipalPolicies } from "../policy/types.js";
import type { Batch, CommitResult } from "../stores/contract.js";
import type { RequestBody } from "../wire/body.js";
import { operationTable, structureOf, tableOf } from "../wire/tables.js";
import type { RequestHead, Service } from "../wire/types.js";
import { CallAudit, type AuditSubject } from "./audit.js";
import { fullContext, type ClientFacts } from "./context.js";
import type { AnyOperation, AuditNotes, Authentication, Call, Denial, InvokeOptions } from "./contract.js";
import { decisionTurn } from "./decision-turns.js";
import { accessDenied } from "./denied.js";
import type { GateDependencies } from "./dependencies.js";
import { releaseUnsent } from "./unsent.js";

/** Facts of one request that every call made for it shares. */
export interface RequestFacts extends ClientFacts {
  readonly principal: Principal;
  readonly authentication: Authentication;
  readonly region: string;
  readonly nowMs: number;
  readonly secure: boolean;
  readonly secureEnoughForSse: boolean;
  readonly sourceIp: string | undefined;
  readonly signal: AbortSignal;
  /** Absent: the signal says. */
  readonly gone?: boolean;
  readonly requestId: string;
}

/** The facts of a request; its signal is not asked for before an operation asks. */
export class CallFacts implements RequestFacts {
  readonly principal: Principal;
  readonly authentication: Authentication;
  readonly region: string;
  readonly nowMs: number;
  readonly secure: boolean;
  readonly secureEnoughForSse: boolean;
  readonly sourceIp: string | undefined;
  readonly requestId: string;
  readonly userAgent: string | undefined;
  readonly referer: string | undefined;
  readonly tlsVersion: string | undefined;
  readonly #client: Client;

  constructor(given: Omit<RequestFacts, keyof Client>, client: Client) {
    this.principal = given.principal;
    this.authentication = given.authentication;
    this.region = given.region;
    this.nowMs = given.nowMs;
    this.secure = given.secure;
    this.secureEnoughForSse = given.secureEnoughForSse;
    this.sourceIp = given.sourceIp;
    this.requestId = given.requestId;
    this.userAgent = given.userAgent;
    this.referer = given.referer;
    this.tlsVersion = given.tlsVersion;
    this.#client = client;
  }

  get signal(): AbortSignal {
    return this.#client.signal;
  }

  get gone(): boolean {
    return this.#client.gone ?? this.#client.signal.aborted;
  }
}

type Client = Pick<RequestFacts, "signal" | "gone">;

/** The facts of a call made for another: of the same request, under its own name. */
function nestedFacts(parent: RequestFacts, region: string, principal: Principal): RequestFacts {
  const { authentication, nowMs, secure, secureEnoughForSse, sourceIp, userAgent, referer, tlsVersion } = parent;
  const { scopeRegion, signedAtMs, contentSha256 } = authentication;
  const internal: Authentication = { type: "Internal", scopeRegion, signedAtMs, contentSha256 };
  return new CallFacts({
    principal, authentication: internal, region, requestId: uuid(), nowMs, secure, secureEnoughForSse, sourceIp, userAgent,
    referer, tlsVersion,
  }, parent);
}

interface CallOptions {
  readonly head?: RequestHead | undefined;
  readonly body?: RequestBody | undefined;
  readonly viaService?: string;
  /** House-key calls and permits leave no line. */
  readonly silent?: boolean;
  readonly parentRequestId?: string;
  readonly policies?: Promise<PrincipalPolicies>;
}

/** A request opened: what the operation is handed. */
export interface OpenedRequest {
  readonly input: object;
  /** Where the input streams. */
  readonly body?: RequestBody | undefined;
  /** Of the request that it stands for, where that is another than the one received: a browser form's PutObject. */
  readonly head?: RequestHead;
}

export class LiveCall implements Call {
  readonly service: Service;
  readonly operation: string;
  readonly requestId: string;
  readonly principal: Principal;
  readonly authentication: Authentication;
  readonly region: string;
  readonly nowMs: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly secure: boolean;
  readonly secureEnoughForSse: boolean;
  readonly sourceIp: string | undefined;
  readonly viaService: string | undefined;

  readonly #deps: GateDependencies;
  readonly #facts: RequestFacts;
  readonly #options: CallOptions;
  readonly #op: AnyOperation;
  readonly #audit: CallAudit;
  #input: Readonly<Record<string, unknown>> = {};
  #head: RequestHead | undefined;
  #body: RequestBody | undefined;
  #policies: Promise<PrincipalPolicies> | undefined;
  #denied: ((denial: Denial) => ServiceError) | undefined;

  constructor(deps: GateDependencies, op: AnyOperation, facts: RequestFacts, options: CallOptions = {}) {
    this.service = op.service;
    this.operation = op.name;
    this.requestId = facts.requestId;
    this.principal = facts.principal;
    this.authentication = facts.authentication;
    this.region = facts.region;
    this.nowMs = facts.nowMs;
    this.clock = deps.clock;
    this.log = deps.log;
    this.secure = facts.secure;
    this.secureEnoughForSse = facts.secureEnoughForSse;
    this.sourceIp = facts.sourceIp;
    this.viaService = options.viaService;
    this.#deps = deps;
    this.#facts = facts;
    this.#options = options;
    this.#op = op;
    this.#audit = new CallAudit(deps.audit);
    this.#head = options.head;
    this.#body = options.body;
    this.#policies = options.policies;
  }

  /** Resolve → authorize → run → record. The answer may leave once this resolves. */
  async execute(input: object): Promise<unknown> {
    this.#input = input as Readonly<Record<string, unknown>>;
    let output: unknown;
    try {
      const facts = await this.#op.resolve(input as never, this);
      const { denied } = this.#op;
      if (denied !== undefined) this.#denied = (denial) => denied.call(this.#op, denial, input as never, facts, this);
      const permissions = this.#op.permissions(input as never, facts, this);
      assert(permissions.length > 0 || this.#op.needsNoPermission !== undefined, `${this.operation} states no permission`);
      if (permissions.length > 0) {
        const policies = await this.#policiesOnce();
        for (const permission of permissions) this.#enforce(permission, policies);
      }
      output = await this.#op.run(input as never, facts, this);
      if (!this.#options.silent) this.#audit.success(this.#subject());
      return output;
    } catch (error) {
      await releaseUnsent(output);
      this.#recordFailure(error);
      throw error;
    }
  }

  /** `execute`, where reading and decoding the request may fail too: then that is recorded. */
  async executeOpened(open: () => OpenedRequest | Promise<OpenedRequest>): Promise<unknown> {
    let input: object;
    try {
      const opened = await open();
      this.#body = opened.body;
      this.#head = opened.head ?? this.#head;
      input = opened.input;
    } catch (error) {
      this.#recordFailure(error);
      throw error;
    }
    return this.execute(input);
  }

  get head(): RequestHead | undefined {
    return this.#head;
  }

  get signal(): AbortSignal {
    return this.#facts.signal;
  }

  get gone(): boolean {
    return this.#facts.gone ?? this.#facts.signal.aborted;
  }

  get body(): RequestBody | undefined {
    return this.#body;
  }

  #recordFailure(error: unknown): void {
    if (!this.#options.silent) this.#audit.failure(this.#subject(), error);
  }

  async decide(permission: Permission): Promise<Decision> {
    const policies = await this.#policiesOnce();
    const turn = decisionTurn();
    if (turn !== undefined) await turn;
    return this.#decision(permission, policies);
  }

  async authorize(permission: Permission): Promise<void> {
    const policies = await this.#policiesOnce();
    const turn = decisionTurn();
    if (turn !== undefined) await turn;
    this.#enforce(permission, policies);
  }

  #decision(permission: Permission, policies: PrincipalPolicies): Decision {
    return evaluate(this.principal, permission, policies, () => fullContext(permission, this, this.#facts));
  }

  #enforce(permission: Permission, policies: PrincipalPolicies): void {
    const decision = this.#decision(permission, policies);
    if (decision.effect === "Allow") return;
    const { explicit, layer, because } = decision;
    const { action, resource } = permission;
    this.#audit.annotate({ additionalEventData: { denial: { action, resource, explicit, layer, because } } });
    const denial = { permission, decision };
    throw this.#denied?.(denial) ?? accessDenied(this.service, this.principal, denial);
  }

  async invoke<O>(service: Service, operation: string, input: object, options: InvokeOptions = {}): Promise<O> {
    return (await this.#nested(service, operation, options, false).execute(input)) as O;
  }

  async permit(service: Service, operation: string, input: object, options: InvokeOptions = {}): Promise<void> {
    // INVARIANT: what is only to be permitted is never run; an operation without DryRun would ignore it and run.
    const members = structureOf(tableOf(service), operationTable(service, operation)?.input)?.members ?? {};
    assert("DryRun" in members, `${operation} has no DryRun`);
    try {
      await this.#nested(service, operation, options, true).execute({ ...input, DryRun: true });
    } catch (error) {
      if (error instanceof ServiceError && error.code === "DryRunOperationException") return;
      throw error;
    }
    assert(false, `${operation} ignored DryRun`);
  }

  async commit(batch: Batch): Promise<CommitResult> {
    if (!this.#options.silent) this.#audit.success(this.#subject());
    return this.#deps.store.commit(batch);
  }

  annotate(notes: AuditNotes): void {
    if (!this.#options.silent) this.#audit.annotate(notes);
  }

  #nested(service: Service, operation: string, options: InvokeOptions, silent: boolean): LiveCall {
    const asService = options.as === "service";
    const region = options.region ?? this.region;
    const facts = nestedFacts(this.#facts, region, asService ? S3_PRINCIPAL : this.principal);
    const quiet = silent || asService || this.#options.silent === true;
    const parentRequestId = this.requestId;
    const named: CallOptions = asService
      ? { silent: quiet, parentRequestId }
      : { silent: quiet, parentRequestId, viaService: `s3.${region}.amazonaws.com`, policies: this.#policiesOnce() };
    return new LiveCall(this.#deps, this.#deps.registry.get(service, operation), facts, named);
  }

  #policiesOnce(): Promise<PrincipalPolicies> {
    if (this.#policies === undefined) {
      this.#policies = this.principal.type === "Service" ? NO_POLICIES : this.#deps.directory.policiesOf(this.principal);
      // Handed to nested calls that may end before they ask: who asks still gets the failure, nobody else need.
      this.#policies.catch(() => {});
    }
    return this.#policies;
  }

  #subject(): AuditSubject {
    const { userAgent } = this.#facts;
    return { call: this, operation: this.#op, input: this.#input, userAgent, parentRequestId: this.#options.parentRequestId };
  }
}

const S3_PRINCIPAL: Principal = { type: "Service", service: "s3.amazonaws.com", userId: "s3.amazonaws.com" };
const NO_POLICIES: Promise<PrincipalPolicies> = Promise.resolve({ identity: [] });
