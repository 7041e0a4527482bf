/**
 * Five GiB in and out, as one PUT and as a multipart upload, with the private memory of all processes beside it: it must
 * not grow with the object. Every MiB carries its number, and every byte that comes back is compared.
 */
import { randomBytes } from "node:crypto";
import { expectOk } from "../src/wire/client.js";
import type { Settings } from "./arguments.js";
import { inParallel, MIB } from "./contract.js";
import { inDirectory } from "./directories.js";
import { WrongAnswer } from "./load.js";
import { makeBuckets, targetOf } from "./modes.js";
import { MemoryWatch, privateMemory, processorMs } from "./processes.js";
import { startCoffer, type Subject } from "./server.js";
import { figure, markdown, mibText } from "./table.js";

const SIZE_MIB = 5 * 1024;
const PART_MIB = 64;
const PARTS_AT_ONCE = 4;

/** @returns a Markdown table */
export function largeObject(settings: Settings): Promise<string> {
  return inDirectory(settings.directory, async (directory) => {
    const subject = await startCoffer({ name: "coffer", directory, workers: settings.workers });
    const rows = await walk(subject).finally(() => subject.stop());
    return markdown(["5 GiB, SSE-S3", "MB/s", "server CPU s", "peak MiB", "of it anonymous", "MiB before"], rows);
  });
}

async function walk(subject: Subject): Promise<string[][]> {
  await makeBuckets(subject, ["default"]);
  const block = randomBytes(MIB);
  return [
    await timed(subject, "one PUT in", () => putWhole(subject, block)),
    await timed(subject, "one GET out", () => getWhole(subject, "whole", block)),
    await timed(subject, `multipart in, ${PARTS_AT_ONCE} parts of ${PART_MIB} MiB at once`, () => putParts(subject, block)),
    await timed(subject, "multipart out", () => getWhole(subject, "parts", block)),
  ];
}

async function timed({ pid }: Subject, name: string, work: () => Promise<void>): Promise<string[]> {
  const idle = privateMemory(pid);
  const used = processorMs(pid);
  const watch = new MemoryWatch(pid);
  const began = performance.now();
  let peak = idle;
  await work().finally(() => (peak = watch.stop()));
  const seconds = (performance.now() - began) / 1000;
  const memory = [peak.bytes, peak.anonymousBytes, idle.bytes].map(mibText);
  const row = [name, figure((SIZE_MIB * MIB) / 1e6 / seconds), figure((processorMs(pid) - used) / 1000), ...memory];
  // Each takes long: what is known is told.
  process.stderr.write(`bench: ${row.join(" · ")}\n`);
  return row;
}

/** MiB `from` to `end` of the object: the block, numbered. */
async function* bytesOf(block: Buffer, from: number, end: number): AsyncGenerator<Buffer> {
  for (let i = from; i < end; i++) yield numbered(block, i);
}

function numbered(block: Buffer, i: number): Buffer {
  const piece = Buffer.from(block);
  piece.writeUInt32BE(i);
  return piece;
}

async function putWhole({ client }: Subject, block: Buffer): Promise<void> {
  const headers = { "content-length": String(SIZE_MIB * MIB) };
  expectOk(await client.send({ method: "PUT", path: targetOf("default", "whole"), headers, body: bytesOf(block, 0, SIZE_MIB) }));
}

async function putParts({ client }: Subject, block: Buffer): Promise<void> {
  const path = targetOf("default", "parts");
  const created = expectOk(await client.send({ method: "POST", path, query: { uploads: "" } })).body.toString("utf8");
  const uploadId = /<UploadId>([^<]+)<\/UploadId>/.exec(created)?.[1] ?? "";
  const etags: string[] = [];
  const numbers = Array.from({ length: SIZE_MIB / PART_MIB }, (_, i) => i);
  await inParallel(numbers, PARTS_AT_ONCE, async (i) => {
    const query = { partNumber: String(i + 1), uploadId };
    const headers = { "content-length": String(PART_MIB * MIB) };
    const body = bytesOf(block, i * PART_MIB, (i + 1) * PART_MIB);
    etags[i] = expectOk(await client.send({ method: "PUT", path, query, headers, body })).headers.etag ?? "";
  });
  const parts = etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`).join("");
  const completed = `<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`;
  const answer = expectOk(await client.send({ method: "POST", path, query: { uploadId }, body: completed }));
  if (!answer.body.includes("<CompleteMultipartUploadResult")) throw new WrongAnswer(answer.body.toString("utf8"));
}

async function getWhole({ client }: Subject, key: string, block: Buffer): Promise<void> {
  const { status, stream } = await client.open({ method: "GET", path: targetOf("default", key) });
  if (status !== 200) throw new WrongAnswer(`5 GiB: ${status}`);
  let at = 0;
  const expected = numbered(block, 0);
  for await (const piece of stream as AsyncIterable<Buffer>) {
    for (let offset = 0; offset < piece.length; ) {
      const within = at % MIB;
      if (within === 0) expected.writeUInt32BE(at / MIB);
      const length = Math.min(MIB - within, piece.length - offset);
      if (expected.compare(piece, offset, offset + length, within, within + length) !== 0) {
        throw new WrongAnswer(`5 GiB: a byte between ${at} and ${at + length} is wrong`);
      }
      offset += length;
      at += length;
    }
  }
  if (at !== SIZE_MIB * MIB) throw new WrongAnswer(`5 GiB: ${at} bytes come back`);
}
