/**
 * Verifying the audit files: every line is a record, numbers go through all files of a run without gaps, times never fall,
 * and only the end of a file may be torn. A server may go on writing meanwhile. FORMAT: docs/spec/audit.md §1.
 */
import { createReadStream } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Finding } from "../wire/tables/coffer-types.js";
import { AUDIT_FILE_NAME } from "./audit-directory.js";
import { recordedMsOf } from "./audit-lines.js";

export interface AuditSummary {
  readonly files: number;
  readonly lines: number;
  /** Files whose last line is not whole: their process died, or the write failed; it was never accepted. */
  readonly torn: number;
}

interface AuditFileName {
  readonly name: string;
  /** Undefined: of an older version, a run of its own. */
  readonly number: number | undefined;
}

/** Where a run stands. */
interface RunState {
  sequence: number;
  recordedMs: number;
}

/** @returns what was looked at; torn ends are counted, and reported as notes only where something follows them */
export async function verifyAuditFiles(directory: string, report: (finding: Finding) => void): Promise<AuditSummary> {
  const runs = new Map<string, AuditFileName[]>();
  for (const name of (await readdir(directory)).sort()) {
    const [, run, number] = AUDIT_FILE_NAME.exec(name) ?? [];
    if (run === undefined) continue;
    const id = number === undefined ? name : run;
    runs.set(id, [...(runs.get(id) ?? []), { name, number: number === undefined ? undefined : Number(number) }]);
  }
  let files = 0;
  let lines = 0;
  let torn = 0;
  for (const [run, names] of runs) {
    const state: RunState = { sequence: 0, recordedMs: 0 };
    names.sort((a, b) => (a.number ?? 0) - (b.number ?? 0));
    for (const [index, { name, number }] of names.entries()) {
      if (number !== undefined && number !== expectedNumber(names, index)) {
        report(finding(
          "audit-file-missing", `audit run ${run}`, `file ${expectedNumber(names, index)} is missing before ${name}`,
        ));
      }
      const found = await verifyFile(join(directory, name), name, state, report);
      files += 1;
      lines += found.lines;
      torn += found.torn ? 1 : 0;
    }
  }
  return { files, lines, torn };
}

const expectedNumber = (
  names: readonly AuditFileName[], index: number,
): number => (index === 0 ? 0 : (names[index - 1]?.number ?? 0) + 1);

const finding = (Fault: string, Subject: string, Detail: string): Finding => ({ Severity: "DAMAGE", Fault, Subject, Detail });

const LINE_FEED = 0x0a;
/** No record comes near it. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;

async function verifyFile(
  path: string, name: string, state: RunState, report: (finding: Finding) => void,
): Promise<{ readonly lines: number; readonly torn: boolean }> {
  let rest: Buffer = Buffer.alloc(0);
  let lines = 0;
  let offset = 0;
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let start = 0;
    for (let end = rest.indexOf(LINE_FEED); end >= 0; end = rest.indexOf(LINE_FEED, start)) {
      verifyLine(rest.toString("utf8", start, end), `${name} at byte ${offset + start}`, state, report);
      lines += 1;
      start = end + 1;
    }
    offset += start;
    rest = rest.subarray(start);
    if (rest.length > MAX_LINE_BYTES) {
      report(finding("audit-line-damaged", `${name} at byte ${offset}`, "it is no list of lines"));
      return { lines, torn: false };
    }
  }
  return { lines, torn: rest.length > 0 };
}

const SEQUENCE = /^\{"sequence":(\d+),/;

function verifyLine(text: string, where: string, state: RunState, report: (finding: Finding) => void): void {
  const recordedMs = recordedMsOf(text);
  const sequence = Number(SEQUENCE.exec(text)?.[1] ?? Number.NaN);
  if (recordedMs === undefined || !isJson(text)) {
    report(finding("audit-line-damaged", where, "the line is no record"));
    // Its number is taken for used: the next line is judged by itself.
    state.sequence += 1;
    return;
  }
  if (sequence !== state.sequence) {
    report(finding("audit-sequence-broken", where, `the line has number ${sequence} instead of ${state.sequence}`));
  }
  if (recordedMs < state.recordedMs) report(finding(
    "audit-time-falls", where, "the line was recorded before the one it follows",
  ));
  state.sequence = sequence + 1;
  state.recordedMs = Math.max(state.recordedMs, recordedMs);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
