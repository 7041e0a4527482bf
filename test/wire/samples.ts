/** Sample values made from the tables, so that every member of every shape is exercised without writing 350 inputs. */
import type { MemberTable, ServiceTable, TypeRef } from "../../src/wire/shape.js";
import { structureOf } from "../../src/wire/tables.js";

export interface SampleOptions {
  /** All members, or the required ones only. */
  readonly all: boolean;
  /** Leaves out a member. */
  readonly skip?: (structure: string, member: string, entry: MemberTable) => boolean;
}

const TIME = new Date(Date.UTC(2031, 4, 6, 7, 8, 9));
const MAX_DEPTH = 8;

export function sample(
  table: ServiceTable,
  structure: string | undefined,
  options: SampleOptions,
  depth = 0,
): Record<string, unknown> {
  const shape = structureOf(table, structure);
  const value: Record<string, unknown> = {};
  for (const [member, entry] of Object.entries(shape?.members ?? {})) {
    if (!options.all && shape?.required?.includes(member) !== true) continue;
    if (options.skip?.(structure ?? "", member, entry) === true) continue;
    if (shape?.union === true && Object.keys(value).length > 0) continue;
    const each = sampleValue(table, member, entry, entry.type, options, depth);
    if (each !== undefined) value[member] = each;
  }
  return value;
}

function sampleValue(
  table: ServiceTable,
  member: string,
  entry: MemberTable,
  type: TypeRef,
  options: SampleOptions,
  depth: number,
): unknown {
  if (typeof type === "object") {
    if ("map" in type)
      return {
        "alpha": sampleValue(table, member, entry, type.map, options, depth),
        "b-2": sampleValue(table, member, entry, type.map, options, depth),
      };
    const item = sampleValue(table, member, entry, type.list, options, depth + 1);
    return item === undefined ? undefined : entry.in === "header" ? [item] : [item, item];
  }
  if (type.startsWith("#")) return depth >= MAX_DEPTH ? undefined : sample(table, type.slice(1), options, depth + 1);
  if (type.startsWith("timestamp")) return TIME;
  switch (type) {
    case "number":
      return 7;
    case "boolean":
      return true;
    case "blob":
      return new Uint8Array(Buffer.from("bytes \u0000\u00ff"));
    case "stream":
      return undefined;
    case "events":
      return undefined;
    default:
      return sampleText(table, member, entry);
  }
}

function sampleText(table: ServiceTable, member: string, entry: MemberTable): string {
  const known = entry.enum === undefined ? undefined : table.enums[entry.enum]?.[0];
  if (known !== undefined) return known;
  if (entry.in === "label" && member === "Bucket") return "bucket-1";
  if (member === "AccountId") return "123456789012";
  if (entry.in === "header" || entry.in === "prefix") return `${member}-value`;
  return `<${member}> "v" & 'ü' /+%`;
}
