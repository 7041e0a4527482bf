/** Results as a Markdown table. */

export interface Row {
  readonly name: string;
  readonly operationsPerSecond: number;
  /** Plaintext bytes that an operation moves. */
  readonly sizeBytes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of all server processes for one operation: hardly moves when others use the machine too. */
  readonly processorMs: number;
  /** Operations per second of the floor and of the cryptography alone. */
  readonly floorPerSecond?: number | undefined;
  readonly floorProcessorMs?: number | undefined;
  readonly cryptoPerSecond?: number | undefined;
}

const HEAD = ["case", "ops/s", "MB/s", "p50 ms", "p99 ms", "server CPU ms/op", "× floor", "CPU × floor", "× crypto limit"];

export function table(rows: readonly Row[]): string {
  return markdown(HEAD, rows.map(cells));
}

export function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]): string => `| ${row.join(" | ")} |`;
  const rule = head.map((_, i) => (i === 0 ? "---" : "---:"));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

function cells(row: Row): string[] {
  const { operationsPerSecond: rate, sizeBytes } = row;
  const ratio = (value: number, of: number | undefined): string => (of === undefined ? "" : figure(value / of));
  return [
    row.name,
    figure(rate),
    sizeBytes === 0 ? "" : figure((rate * sizeBytes) / 1e6),
    figure(row.p50Ms),
    figure(row.p99Ms),
    figure(row.processorMs),
    ratio(rate, row.floorPerSecond),
    ratio(row.processorMs, row.floorProcessorMs),
    ratio(rate, row.cryptoPerSecond),
  ];
}

export const mibText = (bytes: number): string => String(Math.round(bytes / 1024 / 1024));

/** Three digits that count: more would pretend. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "";
  if (value >= 1000) return String(Math.round(value / 10 ** (digits(value) - 3)) * 10 ** (digits(value) - 3));
  if (value === 0) return "0";
  return String(Number(value.toPrecision(value >= 100 ? 3 : 2)));
}

const digits = (value: number): number => Math.floor(Math.log10(value)) + 1;
