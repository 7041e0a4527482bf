/** `npm start -- FLAGS`: sets a fresh clone up, then serves in this very process, so that Ctrl-C reaches the server. */
import { setup } from "./setup.mjs";

setup();
const { main } = await import("../dist/src/cli/main.js");
await main(["serve", ...process.argv.slice(2)]);
