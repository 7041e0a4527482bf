import { fileURLToPath } from "node:url";

/** The checkout, seen from dist/test/ (or any build folder two levels below it). */
export const root: string = findRoot();

function findRoot(): string {
  const here = fileURLToPath(import.meta.url);
  const at = Math.max(here.lastIndexOf("/dist/test/"), here.lastIndexOf("/.build/"));
  return here.slice(0, at);
}
