/**
 * Turns for calls that decide often: each decision has its budget of work, but a call may ask for thousands (an entry of
 * DeleteObjects is a decision or two), and nobody else is served while they follow each other without a pause.
 */
import { workDone } from "../policy/work.js";

/** Some 5 ms. */
const TURN_WORK = 1_000_000;

let atLastTurn = 0;
let last: Promise<void> = Promise.resolve();

/**
 * To be asked before a decision. Those who wait go on one at a time, each in a turn of the event loop of its own.
 * @returns what to wait for; undefined while decisions have not held the process up
 */
export function decisionTurn(): Promise<void> | undefined {
  if (workDone() - atLastTurn < TURN_WORK) return undefined;
  last = last.then(nextTurn);
  return last;
}

async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  atLastTurn = workDone();
}
