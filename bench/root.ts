import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The compiled tree that this file is part of: `dist`, or any build folder with the same layout. */
export const build: string = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
/** The checkout. */
export const root: string = build.slice(0, Math.max(build.lastIndexOf("/dist"), build.lastIndexOf("/.build/")));
/** What wrk runs: not compiled, so taken from the checkout. */
export const WRK_SCRIPT = join(root, "bench", "wrk.lua");
