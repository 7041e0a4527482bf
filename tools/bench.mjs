/** `npm run bench [-- FILTER…]`: sets a fresh clone up, then measures it; what and how: bench/main.ts, docs/performance.md. */
import { setup } from "./setup.mjs";

setup();
await import("../dist/bench/main.js");
