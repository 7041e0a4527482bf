/**
 * Tags of users and roles: Tag, Untag, List. Keys are unique without regard to case.
 * Source: docs/reference/authorization.md §6.3, §6.5.
 */
import type { AnyOperation } from "../gate/contract.js";
import { invalidInput, quotaExceeded } from "./errors.js";
import { Fields, MAX_TAGS, Rules, tagsOf, type Tag } from "./fields.js";
import { change, entityOperation, Kinds, requestTags, type NamedInput } from "./operation.js";
import { pageSize, type PageInput, type PageOutput } from "./pages.js";
import { lower } from "./records.js";
import type { IamRoom } from "./room.js";

interface TagInput extends NamedInput {
  readonly Tags: readonly Tag[];
}
interface UntagInput extends NamedInput {
  readonly TagKeys: readonly string[];
}

/** `tags` laid over `old`; sorted by key. @throws ServiceError LimitExceeded */
export function withTags(old: readonly Tag[], tags: readonly Tag[], quota: string): readonly Tag[] {
  const replaced = new Set(tags.map(({ Key }) => lower(Key)));
  const all = [...old.filter(({ Key }) => !replaced.has(lower(Key))), ...tags];
  if (all.length > MAX_TAGS) throw quotaExceeded(quota, MAX_TAGS);
  return all.sort((a, b) => (a.Key < b.Key ? -1 : 1));
}

export function withoutTags(old: readonly Tag[], keys: readonly string[]): readonly Tag[] {
  const gone = new Set(keys.map(lower));
  return old.filter(({ Key }) => !gone.has(lower(Key)));
}

export function checkTagKeys(fields: Fields, keys: readonly string[] | undefined): void {
  fields.count("TagKeys", keys, MAX_TAGS);
  const checked = (keys ?? []).slice(0, MAX_TAGS);
  for (const [index, key] of checked.entries()) fields.text(`tagKeys.${index + 1}.member`, key, Rules.tagKey);
}

/** Both lists; a missing one is a fault of the caller, in the model's words. */
export const givenTags = (tags: readonly Tag[] | undefined): readonly Tag[] => {
  if (tags === undefined) throw invalidInput("Tags must not be null.");
  return tagsOf(new Fields(), tags);
};

const sameTags = (a: readonly Tag[], b: readonly Tag[]): boolean => JSON.stringify(a) === JSON.stringify(b);

function operationsOf(room: IamRoom, kind: "user" | "role"): AnyOperation[] {
  const { word, quota } = Kinds[kind];
  return [
    entityOperation<TagInput, void>(room, {
      name: `Tag${word}`,
      kind,
      check: (_fields, input) => void givenTags(input.Tags),
      context: (input) => requestTags(input.Tags),
      run: (scope) =>
        change(scope, (entity) => {
          const tags = withTags(entity.tags, scope.input.Tags, `TagsPer${quota}`);
          return sameTags(tags, entity.tags) ? undefined : { sealed: { tags } };
        }),
    }),
    entityOperation<UntagInput, void>(room, {
      name: `Untag${word}`,
      kind,
      check: (fields, input) => checkTagKeys(fields, input.TagKeys),
      context: (input) => ({ "aws:TagKeys": input.TagKeys ?? [] }),
      run: (scope) =>
        change(scope, (entity) => {
          const tags = withoutTags(entity.tags, scope.input.TagKeys ?? []);
          return tags.length === entity.tags.length ? undefined : { sealed: { tags } };
        }),
    }),
    entityOperation<NamedInput & PageInput, PageOutput & { readonly Tags: readonly Tag[] }>(room, {
      name: `List${word}Tags`,
      kind,
      check: (fields, input) => void pageSize(fields, input),
      async run({ input, entity }) {
        const scope = [`List${word}Tags`, entity.clear.id];
        const { items, page } = room.markers.slice(scope, entity.tags, input, pageSize(new Fields(), input));
        return { Tags: items, ...page };
      },
    }),
  ];
}

export const tagOperations = (room: IamRoom): AnyOperation[] =>
  (["user", "role"] as const).flatMap((kind) => operationsOf(room, kind));
