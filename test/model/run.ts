/** Runs a program against the real thing, clients side by side, and writes down what each saw and when. */
import type { Observed } from "./history.js";
import { FIRST, resolveStep, type Step } from "./program.js";
import type { Answer } from "./state.js";
import type { Target } from "./target.js";

/** Counts beginnings and ends of calls: all clients are in this process. */
export class Counter {
  #now = 0;
  next(): number {
    return ++this.#now;
  }
}

export async function runProgram(program: readonly Step[], target: Target, counter = new Counter()): Promise<Observed[]> {
  const seen: Observed[] = [];
  const answers = new Map<number, Answer>();
  const clients = [...new Set(program.map(({ client }) => client))].filter((client) => client !== FIRST);
  const runClient = async (client: number): Promise<void> => {
    for (const step of program) {
      if (step.client !== client) continue;
      const action = resolveStep(step, answers);
      const start = counter.next();
      const { answer, next } = await target(action);
      seen.push({ id: step.id, client, action, answer, start, end: counter.next() });
      answers.set(step.id, typeof answer === "object" && "ok" in answer ? { ok: { ...answer.ok, ...next } } : answer);
    }
  };
  await runClient(FIRST);
  await Promise.all(clients.map(runClient));
  return seen;
}
