/** `npm run fuzz -- TARGET …`: compiles what is needed, then runs test/fuzz/main.ts. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root, setup } from "./setup.mjs";

setup();
await import(pathToFileURL(join(root, "dist", "test", "fuzz", "main.js")).href);
