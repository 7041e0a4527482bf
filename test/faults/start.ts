/**
 * One start of the server's parts on a directory, under the fault that was armed for its n-th file operation:
 * `start.js DIRECTORY CONTROL NTH`. Prints `served`, or the error that an operator would read.
 */
import { StoreError } from "../../src/stores/contract.js";
import { KeyFileProblem } from "../../src/keys/key-file.js";
import { ANY_WRITE, Calls, FileFaults } from "./file-faults.js";
import { House } from "./house.js";

/** Errors that a start may end with: their messages say what is wrong. */
const isTold = (error: unknown): boolean =>
  error instanceof StoreError || error instanceof KeyFileProblem || (error instanceof Error && "syscall" in error);

const [directory, control, nth] = process.argv.slice(2);
if (directory !== undefined && control !== undefined) {
  const house = new House(directory);
  const faults = new FileFaults(control, directory);
  faults.arm({ calls: ANY_WRITE | Calls.read, action: "fail", error: "EIO", nth: Number(nth) });
  let answer = "served";
  try {
    await house.open();
  } catch (error) {
    answer = isTold(error) ? `refused: ${(error as Error).message}` : `unclear: ${String(error)}`;
  }
  const met = faults.disarm();
  process.stdout.write(`${JSON.stringify({ answer, hits: met.hits, call: met.call })}\n`);
  await house.close();
}
