/** `npm start -- FLAGS`: sets a fresh clone up, then serves in this very process, so that Ctrl-C reaches the server. */
// Before the first use of the thread pool: see bin/coffer.cjs.
process.env.UV_THREADPOOL_SIZE ??= "16";
import("./setup.mjs").then(({ setup }) => {
  setup();
  process.argv.splice(2, 0, "serve");
  require("../bin/coffer.cjs");
});
