import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MetadataStore } from "../../src/stores/contract.js";
import { lmdbMetadataStore } from "../../src/stores/lmdb-metadata.js";
import { metadataSuite } from "./metadata-suite.js";

/** A store in a fresh directory that goes with it. */
async function temporary(): Promise<MetadataStore> {
  const directory = await mkdtemp(join(tmpdir(), "coffer-lmdb-"));
  const store = await lmdbMetadataStore(join(directory, "metadata"));
  const close = store.close.bind(store);
  store.close = async () => {
    await close();
    await rm(directory, { recursive: true, force: true });
  };
  return store;
}

metadataSuite("lmdb", temporary);
