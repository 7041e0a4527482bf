/**
 * A second evaluator, written from the prose of the authorization reference (§1, §2) and sharing nothing with the real
 * one: it reads raw JSON, compiles nothing, matches wildcards by plain recursion over single characters, and is laid
 * out as one question after another. Slow and simple on purpose; random.test.ts compares the two.
 */

export interface NaiveStatement {
  Sid?: string;
  Effect: "Allow" | "Deny";
  Principal?: "*" | Record<string, string | string[]>;
  NotPrincipal?: "*" | Record<string, string | string[]>;
  Action?: string | string[];
  NotAction?: string | string[];
  Resource?: string | string[];
  NotResource?: string | string[];
  Condition?: Record<string, Record<string, string | number | boolean | (string | number | boolean)[]>>;
}
export interface NaiveDocument {
  Version?: string;
  Statement: NaiveStatement[];
}
export interface NaivePrincipal {
  type: "Anonymous" | "Account" | "User" | "AssumedRole" | "FederatedUser" | "Service";
  accountId?: string;
  arn?: string;
  principalArn?: string;
  uniqueId?: string;
  issuerUniqueId?: string;
  service?: string;
}
export interface NaiveRequest {
  action: string;
  resource: string;
  resourceAccount?: string;
  context: Record<string, string | string[]>;
  resourceDocument?: NaiveDocument;
  kmsRule?: boolean;
}
export interface NaivePolicies {
  identity: NaiveDocument[];
  boundary?: NaiveDocument;
  session?: NaiveDocument[];
}
export type NaiveAnswer = "allow" | "explicit deny" | "implicit deny";

interface Request extends NaiveRequest {
  who: NaivePrincipal;
  bounded: boolean;
}

const list = <T>(value: T | T[] | undefined): T[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]);

export function naiveEvaluate(who: NaivePrincipal, request: NaiveRequest, policies: NaivePolicies): NaiveAnswer {
  const outside = who.type === "Anonymous" || who.type === "Service";
  const own: NaivePolicies = outside ? { identity: [] } : policies;
  const all: Request = { ...request, who, bounded: own.boundary !== undefined };

  // 1. An explicit deny anywhere.
  const everyDocument = [...own.identity, ...list(own.boundary), ...(own.session ?? [])];
  for (const document of everyDocument) {
    for (const s of document.Statement) if (s.Effect === "Deny" && bodyApplies(s, document, all)) return "explicit deny";
  }
  const atResource = request.resourceDocument;
  for (const s of atResource?.Statement ?? []) {
    if (s.Effect === "Deny" && deniedPrincipal(s, all)
      && bodyApplies(s, atResource as NaiveDocument, all)) return "explicit deny";
  }

  // 2. Who allows?
  const named = new Set<string>();
  for (const s of atResource?.Statement ?? []) {
    if (s.Effect !== "Allow" || !bodyApplies(s, atResource as NaiveDocument, all)) continue;
    for (const how of allowedAs(s, who)) named.add(how);
  }
  const says = (documents: NaiveDocument[]): boolean =>
    documents.some((d) => d.Statement.some((s) => s.Effect === "Allow" && bodyApplies(s, d, all)));
  const identity = says(own.identity);
  const boundary = own.boundary === undefined || says([own.boundary]);
  const session = own.session === undefined ? who.type !== "FederatedUser" : says(own.session);

  const yes = (answer: boolean): NaiveAnswer => (answer ? "allow" : "implicit deny");
  if (outside) return yes(named.size > 0);
  const owner = request.resourceAccount ?? who.accountId;
  if (owner !== who.accountId) {
    if (named.size === 0) return "implicit deny";
    return yes(who.type === "Account" || (identity && boundary && session));
  }
  if (who.type === "Account") return yes(request.kmsRule !== true || named.size > 0);
  if (named.has("itself") || named.has("everyone")) return "allow";
  if (named.has("role or issuer") && boundary && session) return "allow";
  if (request.kmsRule === true && !named.has("account")) return "implicit deny";
  return yes(identity && boundary && session);
}

/** The names by which an Allow speaks to the caller. */
function allowedAs(s: NaiveStatement, who: NaivePrincipal): string[] {
  if (s.Principal === undefined) return [];
  if (s.Principal === "*") return ["everyone"];
  const out: string[] = [];
  for (const value of list(s.Principal["AWS"])) {
    if (value === "*") out.push("everyone");
    if (who.accountId !== undefined
      && (value === who.accountId || value === `arn:aws:iam::${who.accountId}:root`)) out.push("account");
    if (value === who.uniqueId) out.push(who.type === "User" ? "itself" : "role or issuer");
    if (value === who.issuerUniqueId) out.push("role or issuer");
    if ((who.type === "AssumedRole" || who.type === "FederatedUser") && value === who.arn) out.push("itself");
  }
  for (const value of list(s.Principal["Service"])) if (who.type === "Service" && value === who.service) out.push("itself");
  return out;
}

function deniedPrincipal(s: NaiveStatement, { who, bounded }: Request): boolean {
  if (s.NotPrincipal === undefined) {
    if (allowedAs(s, who).length > 0) return true;
    const values = typeof s.Principal === "object" ? list(s.Principal["AWS"]) : [];
    return values.some((value) => value === who.arn || value === who.principalArn);
  }
  if (bounded) return true;
  if (s.NotPrincipal === "*") return false;
  const values = list(s.NotPrincipal["AWS"]);
  if (values.includes("*")) return false;
  if (who.type === "Anonymous") return true;
  if (who.type === "Service") return !list(s.NotPrincipal["Service"]).includes(who.service ?? "");
  const account = values.includes(who.accountId ?? "") || values.includes(`arn:aws:iam::${who.accountId}:root`);
  const id = values.includes(who.uniqueId ?? "");
  const arn = values.includes(who.arn ?? "");
  const spared = {
    Account: account,
    User: account && id,
    AssumedRole: account && id && arn,
    FederatedUser: account && arn,
  }[who.type];
  return !spared;
}

/** Action, resource, condition. */
function bodyApplies(s: NaiveStatement, document: NaiveDocument, request: Request): boolean {
  const actionListed = list(s.Action ?? s.NotAction).some((p) => glob(signs(p.toLowerCase()), [...request.action.toLowerCase()]));
  if (actionListed === (s.NotAction !== undefined)) return false;
  const variables = document.Version === "2012-10-17";
  if (!resourceApplies(s, variables, request)) return false;
  for (const [operator, block] of Object.entries(s.Condition ?? {})) {
    for (const [key, wanted] of Object.entries(block)) {
      if (!clauseHolds(operator, key, list(wanted).map(String), variables, s.Effect, request)) return false;
    }
  }
  return true;
}

/** A pattern character: a literal, or one of the two wildcards. */
type Sign = { lit: string } | "*" | "?";

const signs = (pattern: string): Sign[] => [...pattern].map((c) => (c === "*" || c === "?" ? c : { lit: c }));

/** Recursive, remembering only where it has failed already. */
function glob(pattern: Sign[], text: string[], p = 0, t = 0, failed = new Set<string>()): boolean {
  if (p === pattern.length) return t === text.length;
  const place = `${p},${t}`;
  if (failed.has(place)) return false;
  const sign = pattern[p];
  let ok: boolean;
  if (sign === "*") ok = glob(pattern, text, p + 1, t, failed) || (t < text.length && glob(pattern, text, p, t + 1, failed));
  else ok = t < text.length && (sign === "?" || (sign as { lit: string }).lit === text[t])
    && glob(pattern, text, p + 1, t + 1, failed);
  if (!ok) failed.add(place);
  return ok;
}

function resourceApplies(s: NaiveStatement, variables: boolean, request: Request): boolean {
  const target = request.resource === "*" && request.action.toLowerCase().startsWith("s3:") ? "arn:aws:s3:::*" : request.resource;
  const negated = s.NotResource !== undefined;
  const wide = (s.Effect === "Deny") !== negated;
  const answers = list(s.Resource ?? s.NotResource).map((p) => arnMatches(p, target, variables, wide, request));
  if (negated) return !answers.includes("no value") && !answers.includes(true);
  return answers.includes(true);
}

function fieldsOf(arn: string): string[] {
  const parts = arn.split(":");
  return parts.length <= 6 ? parts : [...parts.slice(0, 5), parts.slice(5).join(":")];
}

function arnMatches(pattern: string, target: string, variables: boolean, wide: boolean, request: Request): boolean | "no value" {
  if (pattern === "*") return true;
  const fields = fieldsOf(pattern);
  while (fields.length < 6) fields.push("*");
  if (fields[0] !== "arn") return false;
  const last = variables ? filled(fields[5] ?? "", request, true) : signs(fields[5] ?? "");
  if (last === undefined) return "no value";
  const targets = fieldsOf(target);
  const perField = targets.length === 6 && fields.slice(0, 5).every((f, i) => glob(signs(f), [...(targets[i] ?? "")]))
    && glob(last, [...(targets[5] ?? "")]);
  if (perField) return true;
  if (!wide || !fields.slice(0, 5).some((f) => f.endsWith("*"))) return false;
  return glob([...signs(`${fields.slice(0, 5).join(":")}:`), ...last], [...target]);
}

/** Variables replaced, their values literal. */
function filled(text: string, request: Request, wildcards: boolean): Sign[] | undefined {
  const out: Sign[] = [];
  let rest = text;
  while (rest !== "") {
    const special = /^\$\{([*?$])\}/.exec(rest);
    const variable = /^\$\{([^,'{}$*?]+)(?:, '([^']*)')?\}/.exec(rest);
    if (special !== null) {
      out.push({ lit: special[1] ?? "" });
      rest = rest.slice(special[0].length);
    } else if (variable !== null) {
      const found = contextValues(request, variable[1] ?? "");
      const value = typeof found === "string" ? found : variable[2];
      if (value === undefined) return undefined;
      out.push(...[...value].map((lit) => ({ lit })));
      rest = rest.slice(variable[0].length);
    } else {
      const char = [...rest][0] ?? "";
      out.push(wildcards && (char === "*" || char === "?") ? char : { lit: char });
      rest = rest.slice(char.length);
    }
  }
  return out;
}

/** Undefined: absent or empty. */
function contextValues(request: Request, key: string): string | string[] | undefined {
  const same = (a: string, b: string): boolean => {
    const tag = /^(s3:existingobjecttag\/|s3:requestobjecttag\/)(.*)$/is;
    const [x, y] = [tag.exec(a), tag.exec(b)];
    if (x !== null && y !== null) return x[1]?.toLowerCase() === y[1]?.toLowerCase() && x[2] === y[2];
    return a.toLowerCase() === b.toLowerCase();
  };
  const hits = Object.entries(request.context).filter(([name, value]) => same(name, key)
    && !(Array.isArray(value) && value.length === 0));
  if (hits.length === 0) return undefined;
  return hits.length === 1 ? hits[0]?.[1] : hits.flatMap(([, value]) => value);
}

function clauseHolds(operator: string, key: string, wanted: string[], variables: boolean, effect: "Allow" | "Deny",
  request: Request): boolean {
  const denying = effect === "Deny";
  const values = contextValues(request, key);
  if (operator === "Null") return wanted.some((w) => (w.toLowerCase() === "true") === (values === undefined));

  const forAll = operator.startsWith("ForAllValues:");
  const forAny = operator.startsWith("ForAnyValue:");
  const bare = operator.replace(/^For(?:All|Any)Values?:/, "");
  const ifExists = bare.endsWith("IfExists");
  const name = bare.replace(/IfExists$/, "");
  const negated = name.includes("Not");
  const plain = name.replace("Not", "");

  if (values === undefined) {
    if (ifExists || forAll) return true;
    return forAny ? false : negated;
  }
  const single = (value: string): boolean => {
    const results = wanted.map((w) => compare(plain, value, w, variables, request));
    if (results.includes("not comparable")) return negated && denying;
    return results.includes(true) !== negated;
  };
  if (!Array.isArray(values)) return single(values);
  if (!forAll && !forAny) return denying;
  return forAll ? values.every(single) : values.some(single);
}

function compare(op: string, value: string, wanted: string, variables: boolean, request: Request): boolean | "not comparable" {
  const pattern = (wildcards: boolean): Sign[] | undefined => {
    if (variables) return filled(wanted, request, wildcards);
    return wildcards ? signs(wanted) : [...wanted].map((lit) => ({ lit }));
  };
  if (op === "StringEquals" || op === "StringLike") {
    const p = pattern(op === "StringLike");
    return p !== undefined && glob(p, [...value]);
  }
  if (op === "StringEqualsIgnoreCase") {
    const p = pattern(false);
    return p !== undefined && p.map((sign) => (sign as { lit: string }).lit).join("").toLowerCase() === value.toLowerCase();
  }
  if (op === "ArnEquals" || op === "ArnLike") {
    const target = fieldsOf(value);
    if (target.length < 6 || target[0] !== "arn") return "not comparable";
    return arnMatches(wanted, value, variables, false, request) === true;
  }
  if (op === "Bool") {
    if (!["true", "false"].includes(value.toLowerCase())) return "not comparable";
    return value.toLowerCase() === wanted.toLowerCase();
  }
  if (op === "BinaryEquals") {
    const bytes = Buffer.from(value, "base64");
    return bytes.toString("base64") === value ? bytes.equals(Buffer.from(wanted, "base64")) : "not comparable";
  }
  if (op === "IpAddress" || op === "IpAddress".replace("Ip", "NotIp")) return ipInside(value, wanted);
  const isDate = op.startsWith("Date");
  const [a, b] = isDate ? [when(value), when(wanted)] : [number(value), number(wanted)];
  if (Number.isNaN(a)) return "not comparable";
  switch (op.replace(/^(?:Date|Numeric)/, "")) {
    case "Equals": return a === b;
    case "LessThan": return a < b;
    case "LessThanEquals": return a <= b;
    case "GreaterThan": return a > b;
    case "GreaterThanEquals": return a >= b;
    default: throw new Error(`naive: ${op}`);
  }
}

const number = (text: string): number => (/^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN);

/** Epoch seconds, a year, or a full UTC time: what the generator makes. */
function when(text: string): number {
  if (/^\d{4}$/.test(text) || /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) return Date.parse(text);
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Number.NaN;
}

/** IPv4 only, as bit strings. */
function ipInside(value: string, range: string): boolean | "not comparable" {
  const bits = (ip: string): string => ip.split(".").map((o) => Number(o).toString(2).padStart(8, "0")).join("");
  if (!/^\d+\.\d+\.\d+\.\d+$/.test(value)) return "not comparable";
  const [net = "", prefix = "32"] = range.split("/");
  return bits(value).slice(0, Number(prefix)) === bits(net).slice(0, Number(prefix));
}
