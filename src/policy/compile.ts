/**
 * Policy → what the evaluator runs: patterns cut, operators chosen, principals sorted into sets. Done once per Policy
 * object and remembered beside it, so callers that cache parsed policies by stamp pay it once.
 * Source: authorization reference §1.2–§1.5.
 */
import { compileClause, holds, type Clause } from "./conditions.js";
import { compileArn, globOf, matchesArn, matchesGlob, type ArnPattern, type Glob, type SplitArn } from "./match.js";
import { compilePrincipals, type CompiledPrincipals } from "./principal-match.js";
import type { Scope } from "./scope.js";
import type { Policy, Statement } from "./types.js";

export interface CompiledStatement {
  /** Sid, or `#n`. */
  readonly label: string;
  readonly deny: boolean;
  readonly principals: CompiledPrincipals | undefined;
  readonly notAction: boolean;
  /** Lower case. */
  readonly actions: readonly Glob[];
  readonly notResource: boolean;
  /** Undefined: the policy has no resource element because it speaks of one resource (trust policy). */
  readonly resources: readonly ArnPattern[] | undefined;
  readonly clauses: readonly Clause[];
}

/** What a statement is asked about; made once per evaluation. */
export interface Target {
  /** Lower case. */
  readonly action: string;
  readonly resource: SplitArn;
  readonly scope: Scope;
}

const compiled = new WeakMap<Policy, readonly CompiledStatement[]>();

/** Statements of `policy`, compiled at the first call. INVARIANT: policies are never changed after parsing. */
export function statementsOf(policy: Policy): readonly CompiledStatement[] {
  let statements = compiled.get(policy);
  if (statements === undefined) {
    statements = policy.statements.map((statement, index) => compileStatement(statement, index, policy.version));
    compiled.set(policy, statements);
  }
  return statements;
}

function compileStatement(statement: Statement, index: number, version: Policy["version"]): CompiledStatement {
  const variables = version === "2012-10-17" ? "sixth" : "none";
  return {
    label: statement.sid === undefined || statement.sid === "" ? `#${index}` : statement.sid,
    deny: statement.effect === "Deny",
    principals: statement.principals === undefined ? undefined : compilePrincipals(statement.principals),
    notAction: statement.actions.not,
    actions: statement.actions.patterns.map((pattern) => globOf(pattern.toLowerCase())),
    notResource: statement.resources?.not ?? false,
    resources: statement.resources?.patterns.map((pattern) => compileArn(pattern, variables)),
    clauses: statement.conditions.map((clause) => compileClause(clause, version)),
  };
}

/** Action, resource and conditions; principals are asked by the caller. */
export function applies(statement: CompiledStatement, target: Target): boolean {
  if (!actionApplies(statement, target.action) || !resourceApplies(statement, target)) return false;
  for (const clause of statement.clauses) if (!holds(clause, target.scope, statement.deny)) return false;
  return true;
}

function actionApplies(statement: CompiledStatement, action: string): boolean {
  for (const glob of statement.actions) if (matchesGlob(glob, action)) return !statement.notAction;
  return statement.notAction;
}

function resourceApplies(statement: CompiledStatement, target: Target): boolean {
  if (statement.resources === undefined) return true;
  let matched = false;
  for (const pattern of statement.resources) {
    // Of the two readings of `*`, the one that lets less through: wider where a match denies or keeps an Allow away.
    const crossing = statement.deny !== statement.notResource;
    const match = matchesArn(pattern, target.resource, target.scope.variable, crossing);
    // A variable without value: this pattern matches nothing, and a NotResource that holds one reaches nothing.
    if (match === undefined && statement.notResource) return false;
    if (match === true) matched = true;
    if (matched && !statement.notResource) return true;
  }
  return matched !== statement.notResource;
}
