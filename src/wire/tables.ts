/** The tables by service, and the questions that routing, codecs and gate ask of them. */
import { cofferTable } from "./tables/coffer.js";
import { iamTable } from "./tables/iam.js";
import { kmsTable } from "./tables/kms.js";
import { s3ControlTable } from "./tables/s3-control.js";
import { s3Table } from "./tables/s3.js";
import { stsTable } from "./tables/sts.js";
import type { BodyPlan } from "./contract.js";
import type { OperationTable, ServiceTable, StructureTable } from "./shape.js";
import type { Service } from "./types.js";

/** Services with an AWS model; the table of `coffer` is written by hand. */
export type ModelledService = Exclude<Service, "coffer">;

export const TABLES: Readonly<Record<Service, ServiceTable>> = {
  "s3": s3Table,
  "s3-control": s3ControlTable,
  "kms": kmsTable,
  "iam": iamTable,
  "sts": stsTable,
  "coffer": cofferTable,
};

export function tableOf(service: Service): ServiceTable {
  return TABLES[service];
}

export function operationTable(service: Service, operation: string): OperationTable | undefined {
  const { operations } = tableOf(service);
  return Object.hasOwn(operations, operation) ? operations[operation] : undefined;
}

export function structureOf(table: ServiceTable, name: string | undefined): StructureTable | undefined {
  return name === undefined || !Object.hasOwn(table.structures, name) ? undefined : table.structures[name];
}

/** Operations of a service, as AWS names them. */
export function operationNames(service: Service): readonly string[] {
  return Object.keys(tableOf(service).operations);
}

/** Names of members that the model marks sensitive, for audit and logs. */
export function sensitiveMembers(service: Service, structure: string): readonly string[] {
  const members = structureOf(tableOf(service), structure)?.members;
  return Object.entries(members ?? {})
    .filter(([, member]) => member.sensitive === true)
    .map(([name]) => name);
}

const KIB = 1024;
const MIB = 1024 * KIB;
/** Bodies that are larger by nature: 10 000 parts with their checksums, 1000 keys of 1 KiB whose bytes are all escaped. */
const LARGE_BODIES: Readonly<Record<string, number>> = { CompleteMultipartUpload: 8 * MIB, DeleteObjects: 8 * MIB };
/** The usual answer to browsers is a form: the body is read by the form parser. */
export const POST_OBJECT = "PostObject";

/**
 * How the gate reads the body of an operation. Operations without a body may still be sent one (an empty XML document
 * by old clients): up to 64 KiB is read and ignored.
 */
export function bodyOf(service: Service, operation: string): BodyPlan {
  if (operation === POST_OBJECT) return { kind: "stream", limitBytes: Number.MAX_SAFE_INTEGER, checksumRequired: false };
  const shape = operationTable(service, operation);
  if (shape === undefined) return { kind: "memory", limitBytes: MIB, checksumRequired: false };
  let plan = plans.get(shape);
  if (plan === undefined) plans.set(shape, (plan = planOf(tableOf(service), operation, shape)));
  return plan;
}

const plans = new Map<OperationTable, BodyPlan>();

function planOf(table: ServiceTable, operation: string, shape: OperationTable): BodyPlan {
  if (table.protocol !== "rest-xml") return { kind: "memory", limitBytes: MIB, checksumRequired: false };
  const checksumRequired = shape.checksumRequired === true;
  const members = Object.values(structureOf(table, shape.input)?.members ?? {});
  if (members.some((member) => member.in === "payload" && member.type === "stream")) {
    return { kind: "stream", limitBytes: Number.MAX_SAFE_INTEGER, checksumRequired };
  }
  if (!members.some((member) => member.in === "payload" || member.in === undefined)) {
    return { kind: "none", limitBytes: 64 * KIB, checksumRequired };
  }
  return { kind: "memory", limitBytes: LARGE_BODIES[operation] ?? MIB, checksumRequired };
}
