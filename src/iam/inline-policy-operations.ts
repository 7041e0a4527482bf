/**
 * Put, Get, Delete and List of inline policies, alike for users, roles and groups.
 * Source: docs/reference/authorization.md §1.9, §6.5.
 */
import type { AnyOperation } from "../gate/contract.js";
import { checkInlinePolicySize } from "../policy/validate-identity-policy.js";
import { checkIdentityDocument, urlEncoded } from "./documents.js";
import { inlinePolicyNotFound, type EntityKind } from "./errors.js";
import { Fields, Rules } from "./fields.js";
import { change, entityOperation, heldBoundary, Kinds, type NamedInput } from "./operation.js";
import { pageSize, type PageInput, type PageOutput } from "./pages.js";
import type { Entity, InlinePolicy } from "./records.js";
import type { IamRoom } from "./room.js";

interface PolicyInput extends NamedInput {
  readonly PolicyName: string;
}
interface DocumentInput extends PolicyInput {
  readonly PolicyDocument: string;
}
type NameOutput = NamedInput & { readonly PolicyName: string; readonly PolicyDocument: string };

const checkName = (fields: Fields, input: PolicyInput): void =>
  void fields.text("PolicyName", input.PolicyName, Rules.policyName);

/** The entity's inline policies with this one in its place. @throws ServiceError LimitExceeded */
export function withInline(entity: Pick<Entity, "kind" | "clear" | "inline">, policy: InlinePolicy): readonly InlinePolicy[] {
  const { kind, clear, inline } = entity;
  const all = [...inline.filter(({ name }) => name !== policy.name), policy].sort((a, b) => (a.name < b.name ? -1 : 1));
  checkInlinePolicySize(kind, clear.name, all.map(({ document }) => document));
  return all;
}

export const inlinePolicyOperations = (room: IamRoom): AnyOperation[] =>
  (["user", "role", "group"] as const).flatMap((kind) => operationsOf(room, kind));

function operationsOf(room: IamRoom, kind: EntityKind): AnyOperation[] {
  const { word, member } = Kinds[kind];
  return [
    entityOperation<DocumentInput, void>(room, {
      name: `Put${word}Policy`,
      kind,
      check(fields, input) {
        checkName(fields, input);
        fields.text("PolicyDocument", input.PolicyDocument, Rules.document);
      },
      context: (_input, target) => heldBoundary(target.entity),
      async run(scope) {
        const { PolicyName: name, PolicyDocument: document } = scope.input;
        checkIdentityDocument(document);
        await change(scope, (entity) => {
          const same = entity.inline.some((policy) => policy.name === name && policy.document === document);
          return same ? undefined : { sealed: { inline: withInline(entity, { name, document }) } };
        });
      },
    }),
    entityOperation<PolicyInput, NameOutput>(room, {
      name: `Get${word}Policy`,
      kind,
      check: checkName,
      async run({ input, entity }) {
        const policy = entity.inline.find(({ name }) => name === input.PolicyName);
        if (policy === undefined) throw inlinePolicyNotFound(kind, input.PolicyName);
        return { [member]: entity.clear.name, PolicyName: policy.name, PolicyDocument: urlEncoded(policy.document) };
      },
    }),
    entityOperation<PolicyInput, void>(room, {
      name: `Delete${word}Policy`,
      kind,
      check: checkName,
      context: (_input, target) => heldBoundary(target.entity),
      run: (scope) =>
        change(scope, (entity) => {
          const rest = entity.inline.filter(({ name }) => name !== scope.input.PolicyName);
          if (rest.length === entity.inline.length) throw inlinePolicyNotFound(kind, scope.input.PolicyName);
          return { sealed: { inline: rest } };
        }),
    }),
    entityOperation<NamedInput & PageInput, PageOutput & { readonly PolicyNames: readonly string[] }>(room, {
      name: `List${word}Policies`,
      kind,
      check: (fields, input) => void pageSize(fields, input),
      async run({ input, entity }) {
        const scope = [`List${word}Policies`, entity.clear.id];
        const names = entity.inline.map(({ name }) => name);
        const { items, page } = room.markers.slice(scope, names, input, pageSize(new Fields(), input));
        return { PolicyNames: items, ...page };
      },
    }),
  ];
}
