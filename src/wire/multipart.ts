/**
 * Streaming reader of `multipart/form-data`: one part at a time, nothing kept but a boundary's length of bytes.
 *
 * Source: RFC 7578, RFC 2046 §5.1.1.
 */
import { ServiceError } from "../lib/errors.js";

/** All header lines of one part. */
const PART_HEAD_LIMIT = 8 * 1024;
const CRLF = "\r\n";

export const malformedPost = (): ServiceError =>
  new ServiceError("MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.", {
    status: 400,
  });

/** Boundary of a multipart/form-data content type, or undefined where it is none. */
export function formBoundary(contentType: string | undefined): string | undefined {
  const match = /^multipart\/form-data\s*;(.*)$/i.exec(contentType?.trim() ?? "");
  const boundary = /(?:^|;)\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(match?.[1] ?? "");
  return boundary?.[1] ?? boundary?.[2];
}

/** Head of a part. */
export interface FormPart {
  /** Field name, lower case. */
  readonly name: string;
  readonly fileName: string | undefined;
  readonly contentType: string | undefined;
}

/** Pull parser. Call `next`, then read `bytes` to its end, then `next` again. */
export class MultipartReader {
  readonly #source: AsyncIterator<Buffer>;
  readonly #delimiter: Buffer;
  /** The stream begins as if a line had ended: a boundary at the very start is found like any other. */
  #buffer: Buffer = Buffer.from(CRLF);
  #open = true;
  #overheadBytes = 0;

  constructor(source: AsyncIterable<Buffer>, boundary: string) {
    this.#source = source[Symbol.asyncIterator]();
    this.#delimiter = Buffer.from(`${CRLF}--${boundary}`, "latin1");
  }

  /** Bytes read so far that were not part content: headers, boundaries, preamble. */
  get overheadBytes(): number {
    return this.#overheadBytes;
  }

  /** Head of the next part; undefined after the last. @throws ServiceError MalformedPOSTRequest */
  async next(): Promise<FormPart | undefined> {
    if (this.#open) await this.#skipPreamble();
    await this.#need(2);
    if (this.#buffer.toString("latin1", 0, 2) === "--") return undefined;
    const line = await this.#until(CRLF, 100);
    if (line.trim() !== "") throw malformedPost();
    let head = "";
    for (;;) {
      const headerLine = await this.#until(CRLF, PART_HEAD_LIMIT - head.length);
      if (headerLine === "") return partHead(head);
      head += `${headerLine}\n`;
    }
  }

  /** Content of the current part. @throws ServiceError MalformedPOSTRequest where the body ends inside it */
  async *bytes(): AsyncGenerator<Buffer, void, void> {
    for (;;) {
      const at = this.#buffer.indexOf(this.#delimiter);
      if (at >= 0) {
        const last = this.#buffer.subarray(0, at);
        this.#take(at + this.#delimiter.length);
        this.#overheadBytes -= at;
        if (last.length > 0) yield last;
        return;
      }
      // What may be the beginning of a boundary stays.
      const safe = this.#buffer.length - this.#delimiter.length + 1;
      if (safe > 0) {
        const piece = this.#buffer.subarray(0, safe);
        this.#buffer = this.#buffer.subarray(safe);
        yield piece;
      }
      if (!(await this.#fill())) throw malformedPost();
    }
  }

  /** Reads and drops what follows the last boundary. @returns false where more than `limit` bytes follow */
  async drain(limit: number): Promise<boolean> {
    let rest = this.#buffer.length;
    for (;;) {
      const next = await this.#source.next();
      if (next.done === true) return true;
      rest += next.value.length;
      if (rest > limit) return false;
    }
  }

  async #skipPreamble(): Promise<void> {
    this.#open = false;
    let skipped = 0;
    for await (const piece of this.bytes()) {
      skipped += piece.length;
      this.#overheadBytes += piece.length;
      if (skipped > PART_HEAD_LIMIT) throw malformedPost();
    }
  }

  async #fill(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done === true) return false;
    this.#buffer = this.#buffer.length === 0 ? next.value : Buffer.concat([this.#buffer, next.value]);
    return true;
  }

  #take(bytes: number): void {
    this.#buffer = this.#buffer.subarray(bytes);
    this.#overheadBytes += bytes;
  }

  async #need(bytes: number): Promise<void> {
    while (this.#buffer.length < bytes) if (!(await this.#fill())) throw malformedPost();
  }

  async #until(mark: string, limit: number): Promise<string> {
    let from = 0;
    for (;;) {
      const at = this.#buffer.indexOf(mark, from, "latin1");
      if (at > limit || (at < 0 && this.#buffer.length > limit + mark.length)) throw malformedPost();
      if (at >= 0) {
        const text = this.#buffer.toString("latin1", 0, at);
        this.#take(at + mark.length);
        return text;
      }
      from = Math.max(0, this.#buffer.length - mark.length + 1);
      if (!(await this.#fill())) throw malformedPost();
    }
  }
}

/** Text of UTF-8 bytes. @throws ServiceError MalformedPOSTRequest */
export function formText(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformedPost();
  }
}

function partHead(lines: string): FormPart {
  let disposition: string | undefined;
  let contentType: string | undefined;
  for (const line of lines.split("\n")) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    if (name === "content-disposition") disposition = line.slice(colon + 1).trim();
    else if (name === "content-type") contentType = line.slice(colon + 1).trim();
  }
  const name = disposition === undefined || !/^form-data\s*;/i.test(disposition) ? undefined : parameter(disposition, "name");
  if (disposition === undefined || name === undefined || name === "") throw malformedPost();
  return { name: name.toLowerCase(), fileName: parameter(disposition, "filename"), contentType };
}

/** Parameter of a Content-Disposition. Browsers write `"` as %22, others as `\"`; a backslash alone belongs to a Windows path. */
function parameter(disposition: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}=(?:"((?:\\\\"|[^"])*)"|([^\\s;"]+))`, "i").exec(disposition);
  const value = match?.[1] ?? match?.[2];
  return value === undefined ? undefined : formText(Buffer.from(value.replaceAll('\\"', '"').replaceAll("%22", '"'), "latin1"));
}
