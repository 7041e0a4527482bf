/** Both stores of one place, opened together: a data directory on disk, or memory. */
import { newStoreId } from "@coffer/seal";
import { StoreError, type BlobStore, type MetadataStore } from "./contract.js";
import { blobsPath, metadataPath, readDataDirectory, syncDirectory } from "./data-directory.js";
import { filesBlobStore } from "./files-blobs.js";
import { lmdbMetadataStore } from "./lmdb-metadata.js";
import { memoryBlobStore } from "./memory-blobs.js";
import { memoryMetadataStore } from "./memory-metadata.js";

export interface Stores {
  readonly metadata: MetadataStore;
  readonly blobs: BlobStore;
  /** 32 lower-case hex digits. */
  readonly storeId: string;
  close(): Promise<void>;
}

/**
 * Opens the store that `createDataDirectory` made. Any number of processes of one host may have it open at once.
 * @throws StoreError when there is none, or it cannot be opened
 */
export async function openStores(directory: string): Promise<Stores> {
  const found = await readDataDirectory(directory);
  if (found === undefined) throw new StoreError("the data directory holds no store");
  const metadata = await lmdbMetadataStore(metadataPath(directory));
  try {
    const blobs = await filesBlobStore(blobsPath(directory));
    await syncDirectory(directory);
    return together(metadata, blobs, found.storeId);
  } catch (error) {
    await metadata.close();
    throw error;
  }
}

/** An empty store in memory, with an id of its own: nothing is written, nothing outlives the process. */
export function memoryStores(): Stores {
  return together(memoryMetadataStore(), memoryBlobStore(), newStoreId());
}

function together(metadata: MetadataStore, blobs: BlobStore, storeId: string): Stores {
  return {
    metadata,
    blobs,
    storeId,
    close: async () => {
      await metadata.close();
      await blobs.close();
    },
  };
}
