/** A metadata store that does some things otherwise: for tests of what comes between, or goes wrong. */
import type { MetadataStore } from "../../src/stores/contract.js";

/** @param methods instead of those of `inner` */
export function changedStore(inner: MetadataStore, methods: Partial<MetadataStore>): MetadataStore {
  return {
    get: (keys) => inner.get(keys),
    range: (query) => inner.range(query),
    groups: (query) => inner.groups(query),
    commit: (batch) => inner.commit(batch),
    close: () => inner.close(),
    ...methods,
  };
}
