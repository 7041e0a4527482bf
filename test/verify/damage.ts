/** Kinds of damage as tests state them: what is planted, and what must be found. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { packJson, type HeadRecord } from "../../src/objects/records.js";
import { rowOf } from "../../src/objects/versions.js";
import type { Finding } from "../../src/wire/tables/coffer-types.js";
import { House, type Space } from "./house.js";

export interface Wanted {
  readonly fault: string;
  readonly subject: RegExp;
  readonly detail?: RegExp;
  readonly repairable?: true;
}

export interface Damage {
  readonly what: string;
  plant(house: House, key: string): Promise<void>;
  /** Each must be there; nothing else may be. */
  readonly found: readonly Wanted[];
  /** Only reading bodies shows it. */
  readonly full?: true;
}

export const OBJECT = (key: string): RegExp => new RegExp(`^s3://bucket/${key} version `);
export const flipAt = (at: number) => (bytes: Buffer): Buffer => {
  const changed = Buffer.from(bytes);
  changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
  return changed;
};

/** The head row written anew by a bug or a thief of the metadata key: its MAC holds, its content does not. */
export async function rewriteHead(house: House, key: string, change: (clear: HeadRecord) => HeadRecord): Promise<void> {
  const head = await house.head(key);
  const put = house.room.tables.heads.put(head.key, { ...rowOf(head), clear: change(head.clear) });
  await house.store.commit({ puts: [put] });
}

/** Puts fingerprints in place of those that were made. */
export async function rewritePrints(house: House, key: string, prints: object): Promise<void> {
  const head = await house.head(key);
  const { incarnation } = await house.incarnation();
  const { heads, listable } = house.room.tables;
  const listed = await listable.get(incarnation, key);
  assert.ok(listed !== undefined);
  const fingerprints = packJson(prints);
  await house.store.commit({
    puts: [
      heads.put(head.key, { ...rowOf(head), fingerprints }), listable.put(listed.key, { clear: listed.clear, fingerprints }),
    ],
  });
}

export const encryptionOf = (clear: HeadRecord, change: (blob: string) => string): HeadRecord => {
  const { object } = clear;
  assert.ok(object !== undefined);
  const keys = object.encryption.keys.map((key) => ({ ...key, blob: change(key.blob) }));
  return { ...clear, object: { ...object, encryption: { ...object.encryption, keys } } };
};
export const flipBase64 = (text: string): string => flipAt(60)(Buffer.from(text, "base64")).toString("base64");

export const must = <T>(value: T | undefined): T => {
  assert.ok(value !== undefined);
  return value;
};

export async function partBlob(house: House, key: string, index: number): Promise<string> {
  const body = (await house.head(key)).clear.object?.body;
  assert.ok(body?.kind === "parts");
  const { incarnation } = await house.incarnation();
  const parts = await house.room.tables.uploadParts.list({ prefix: [incarnation, body.uploadId], limit: 10 });
  return must(parts[index]).clear.segment.id;
}

export async function firstRow(house: House, space: (typeof Space)[keyof typeof Space]): Promise<Buffer> {
  return must((await house.rows(space))[0]).key;
}

/** `*`: any number of findings whose fault matches. */
function compare(findings: readonly Finding[], { found }: Damage): void {
  const rest = [...findings];
  const lines = findings.map((finding) => JSON.stringify(finding)).join("\n");
  for (const { fault, subject, detail, repairable } of found.filter((wanted) => wanted.fault !== "*")) {
    const at = rest.findIndex(
      (finding) => finding.Fault === fault && subject.test(finding.Subject) && (detail?.test(finding.Detail) ?? true),
    );
    assert.ok(at >= 0, `${fault} ${String(subject)} is not among:\n${lines}`);
    assert.equal(rest[at]?.State === "REPAIRABLE", repairable === true, `${fault}: ${rest[at]?.State ?? "FOUND"}`);
    rest.splice(at, 1);
  }
  const any = found.filter(({ fault }) => fault === "*");
  assert.deepEqual(rest.filter(({ Fault }) => !any.some(({ subject }) => subject.test(Fault))), []);
}

/** A test for each: planted, named, repaired where that is safe. */
export function testDamage(all: readonly Damage[]): void {
  for (const damage of all) {
    test(`names ${damage.what}`, async () => {
      const house = new House();
      const key = await house.fill();
      await damage.plant(house, key);
      compare((await house.verify({ quick: damage.full !== true })).findings, damage);
      if (damage.full === true) assert.deepEqual((await house.verify({ quick: true })).findings, []);
      const repaired = (await house.verify({ repair: true })).findings.filter(({ State }) => State === "REPAIRED").length;
      assert.equal(repaired, damage.found.filter(({ repairable }) => repairable === true).length);
      if (damage.found.every(({ repairable }) => repairable === true)) assert.deepEqual((await house.verify()).findings, []);
    });
  }
}
