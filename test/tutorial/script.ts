/**
 * A page with shell blocks and what they print, as a test reads it: the typed blocks are fenced as `sh`, a `text` block
 * directly behind one is its output. In it, `…` stands for any run of characters within a line, and a line of nothing but
 * `…` for any number of lines, none included. Empty lines and blanks at the ends of lines do not count.
 */

export interface Step {
  /** Heading of the section it stands in. */
  readonly section: string;
  /** Line of the page, for messages. */
  readonly line: number;
  readonly typed: string;
  readonly printed: string;
}

/** @throws Error for a `text` block without a `sh` block before it, and for a block that does not end */
export function stepsOf(page: string): Step[] {
  const steps: Step[] = [];
  const lines = page.split("\n");
  let section = "";
  let last: { typed: string; at: number } | undefined;
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    section = /^## (.+)/.exec(line)?.[1] ?? section;
    const fence = /^```(\w*)$/.exec(line)?.[1];
    if (fence === undefined) {
      if (line.trim() !== "") last = undefined;
      continue;
    }
    const end = lines.indexOf("```", at + 1);
    if (end < 0) throw new Error(`line ${at + 1}: the block does not end`);
    const text = `${lines.slice(at + 1, end).join("\n")}\n`;
    if (fence === "sh") {
      last = { typed: text, at: steps.length };
      steps.push({ section, line: at + 1, typed: text, printed: "" });
    } else if (fence === "text") {
      const step = last === undefined ? undefined : steps[last.at];
      if (step === undefined) throw new Error(`line ${at + 1}: output without a command`);
      steps[steps.length - 1] = { ...step, printed: text };
      last = undefined;
    }
    at = end;
  }
  return steps;
}

/** Was `actual` printed as `expected` says? @returns undefined, or the first line that is not there */
export function difference(expected: string, actual: string): string | undefined {
  const [wanted, got] = [linesOf(expected), linesOf(actual)];
  // INVARIANT: reach[n] is true when the patterns so far can have used up exactly n lines.
  let reach = new Set([0]);
  for (const pattern of wanted) {
    const next = new Set<number>();
    for (const at of reach) {
      if (pattern === "…") for (let to = at; to <= got.length; to++) next.add(to);
      else if (at < got.length && patternOf(pattern).test(got[at] ?? "")) next.add(at + 1);
    }
    if (next.size === 0) return `${pattern}\ninstead of\n${got[Math.min(...reach)] ?? "(nothing more)"}`;
    reach = next;
  }
  return reach.has(got.length) ? undefined : `(nothing more)\ninstead of\n${got[Math.max(...reach)] ?? ""}`;
}

const linesOf = (text: string): string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");

const patternOf = (line: string): RegExp =>
  new RegExp(`^${line.split("…").map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join(".*")}$`, "u");
