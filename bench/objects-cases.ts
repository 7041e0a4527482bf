/** GET and PUT of objects: each size at each concurrency, in each mode, with each form of payload. */
import { randomBytes } from "node:crypto";
import { expectOk } from "../src/wire/client.js";
import { inParallel, KIB, MIB, sizeText, type Case, type Group } from "./contract.js";
import { WrongAnswer, type Load, type Measured } from "./load.js";
import { headersOf, makeBuckets, MODES, targetOf, type Mode } from "./modes.js";
import { headOf, noPayload, payload, type PayloadForm } from "./requests.js";
import type { Subject } from "./server.js";

interface Size {
  readonly sizeBytes: number;
  /** Objects that GETs go round. */
  readonly objects: number;
  readonly getAt: readonly number[];
  readonly putAt: readonly number[];
  /** Names a second that PUTs go through before they overwrite. */
  readonly names: number;
}

const SIZES: readonly Size[] = [
  { sizeBytes: 4 * KIB, objects: 500, getAt: [1, 16], putAt: [1, 16, 64], names: 6000 },
  { sizeBytes: MIB, objects: 32, getAt: [1, 16], putAt: [1, 16], names: 500 },
  { sizeBytes: 64 * MIB, objects: 4, getAt: [1, 4], putAt: [1, 4], names: 16 },
];
/** Modes whose payload forms are compared. */
const FORM_MODES: readonly Mode[] = ["default", "SSE-KMS"];
/** Objects that are read back after a run of PUTs. */
const SAMPLE = 8;

const clientFor = (sizeBytes: number): Case["client"] => (sizeBytes < MIB ? "wrk" : "sockets");
/** Of a quick run: two modes at one concurrency. */
const isQuick = ({ size, concurrency, mode }: Kind): boolean =>
  FORM_MODES.includes(mode) && concurrency === size.getAt.at(-1);
const layersOf = (mode: Mode): number => (mode === "DSSE-KMS" ? 2 : 1);

interface Kind {
  readonly size: Size;
  readonly concurrency: number;
  readonly mode: Mode;
}

export function objectGroups(): Group[] {
  return SIZES.flatMap((size) => [getGroup(size), putGroup(size)]);
}

function getGroup(size: Size): Group {
  const { sizeBytes, objects } = size;
  const bodies = new Map<Mode, Buffer[]>();
  const cases = size.getAt.flatMap((concurrency) => [
    ...MODES.map((mode) => getCase({ size, concurrency, mode }, bodies, false)),
    ...(concurrency > 1 ? [getCase({ size, concurrency, mode: "default" }, bodies, true)] : []),
  ]);
  return {
    name: `GET ${sizeText(sizeBytes)}`,
    cases,
    async prepare(subject, chosen) {
      const modes = MODES.filter((mode) => chosen.some(({ name }) => name.includes(` · ${mode}`)));
      await makeBuckets(subject, modes);
      for (const mode of subject.kind === "floor" ? modes.slice(0, 1) : modes) {
        const made = bodies.get(mode) ?? Array.from({ length: objects }, () => randomBytes(sizeBytes));
        for (const each of modes) bodies.set(each, made);
        await inParallel([...made.entries()], Math.min(16, objects), async ([i, body]) => {
          const request = { method: "PUT", path: targetOf(mode, `object-${i}`), headers: headersOf(mode), body };
          expectOk(await subject.client.send(request));
        });
      }
    },
  };
}

function getCase(kind: Kind, bodies: ReadonlyMap<Mode, Buffer[]>, presigned: boolean): Case {
  const { size, concurrency, mode } = kind;
  const { sizeBytes } = size;
  const base = `GET ${sizeText(sizeBytes)} · c=${concurrency}`;
  return {
    name: `${base} · ${mode}${presigned ? ", presigned" : ""}`,
    floor: base,
    sizeBytes,
    client: clientFor(sizeBytes),
    quick: !presigned && isQuick(kind),
    crypto: { direction: "open", sizeBytes, layers: layersOf(mode) },
    load(subject, _run, seconds): Load {
      const found = bodies.get(mode) ?? [];
      // The floor holds one copy, whatever the mode.
      const place = subject.kind === "floor" ? ([...bodies.keys()][0] ?? mode) : mode;
      const shapes = found.map((_, i) => ({ method: "GET", target: targetOf(place, `object-${i}`), presigned }));
      const heads = shapes.map((shape) => headOf(subject, { ...shape, headers: headersOf(mode) }));
      return { heads, body: noPayload.bytes, concurrency, seconds, status: 200, bodies: found };
    },
  };
}

function putGroup(size: Size): Group {
  const body = randomBytes(size.sizeBytes);
  const top = Math.max(...size.putAt.filter((concurrency) => concurrency <= 16));
  const cases = size.putAt.flatMap((concurrency) => [
    ...MODES.map((mode) => putCase({ size, concurrency, mode }, body, "unsigned")),
    ...(concurrency === top
      ? FORM_MODES.flatMap((mode) => [
          putCase({ size, concurrency, mode }, body, "signed"),
          putCase({ size, concurrency, mode }, body, "trailer"),
        ])
      : []),
  ]);
  return {
    name: `PUT ${sizeText(size.sizeBytes)}`,
    cases,
    prepare: (subject, chosen) =>
      makeBuckets(
        subject,
        MODES.filter((mode) => chosen.some(({ name }) => name.includes(` · ${mode}`))),
      ),
  };
}

function putCase(kind: Kind, body: Buffer, form: PayloadForm): Case {
  const { size, concurrency, mode } = kind;
  const { sizeBytes } = size;
  const base = `PUT ${sizeText(sizeBytes)} · c=${concurrency}`;
  const sent = payload(form, body);
  const namesIn = (seconds: number): number => Math.max(1, size.names * seconds);
  const keyOf = (run: string, i: number): string => `${run}/${i}`;
  return {
    name: `${base} · ${mode}${form === "unsigned" ? "" : form === "signed" ? ", signed payload" : ", CRC32 trailer"}`,
    floor: base,
    sizeBytes,
    client: clientFor(sizeBytes),
    quick: form === "unsigned" && isQuick(kind),
    crypto: { direction: "seal", sizeBytes, layers: layersOf(mode) },
    load(subject, run, seconds): Load {
      const names = Array.from({ length: namesIn(seconds) }, (_, i) => targetOf(mode, keyOf(run, i)));
      const heads = names.map((target) => headOf(subject, { method: "PUT", target, headers: headersOf(mode) }, sent));
      return { heads, body: sent.bytes, concurrency, seconds, status: 200 };
    },
    check: (subject, run, { operations, seconds }) => {
      // What was still under way at the end may be missing; names that are used again are there.
      const written = Math.min(Math.max(1, operations - concurrency), namesIn(Math.floor(seconds)));
      return readBack(subject, mode, { written, expected: body, keyOf: (i) => keyOf(run, i) });
    },
  };
}

interface Written {
  readonly written: number;
  readonly expected: Buffer;
  keyOf(i: number): string;
}

/** Reads a sample of what a run of PUTs has written, from the first to the last that was surely answered. */
async function readBack(subject: Subject, mode: Mode, { written, expected, keyOf }: Written): Promise<void> {
  if (subject.kind === "floor") return;
  const wanted = Math.min(SAMPLE, written, Math.max(2, Math.floor((128 * MIB) / expected.length)));
  for (let i = 0; i < wanted; i++) {
    const key = keyOf(Math.floor((i * (written - 1)) / Math.max(1, wanted - 1)));
    const { status, body } = await subject.client.send({ method: "GET", path: targetOf(mode, key), headers: headersOf(mode) });
    if (status !== 200 || !body.equals(expected)) throw new WrongAnswer(`${key}: ${status}, ${body.length} bytes come back`);
  }
}
