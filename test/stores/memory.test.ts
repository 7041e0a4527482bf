import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { memoryBlobStore } from "../../src/stores/memory-blobs.js";
import { memoryMetadataStore } from "../../src/stores/memory-metadata.js";
import { SortedMap } from "../../src/stores/sorted-map.js";
import { blobSuite } from "./blob-suite.js";
import { generator, metadataSuite } from "./metadata-suite.js";

metadataSuite("memory", async () => memoryMetadataStore());
blobSuite("memory", async () => memoryBlobStore());

describe("sorted map", () => {
  it("keeps order and finds every key through 50 000 inserts and deletes", () => {
    const random = generator(3);
    const map = new SortedMap<number>();
    const model = new Map<string, number>();
    for (let i = 0; i < 50_000; i++) {
      const key = Buffer.from(String(Math.floor(random() * 20_000)));
      if (random() < 0.3) {
        map.delete(key);
        model.delete(key.toString());
      } else {
        map.set(key, i);
        model.set(key.toString(), i);
      }
    }
    const keys = [...model.keys()].sort();
    assert.deepEqual([...map.ascend(Buffer.alloc(1), undefined)].map((item) => item.key.toString()), keys);
    assert.deepEqual([...map.descend(Buffer.alloc(1), Buffer.from([255]))].map((item) => item.key.toString()), keys.reverse());
    for (const [key, value] of model) assert.equal(map.get(Buffer.from(key)), value);
    for (const key of model.keys()) map.delete(Buffer.from(key));
    assert.deepEqual([...map.ascend(Buffer.alloc(1), undefined)], []);
  });
});
