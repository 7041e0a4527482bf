/**
 * The limit that cryptography sets: AES-256-GCM over the same bytes in the same chunks, by one thread that does nothing
 * else, in buffers that it uses again. Measured in the same run as what is compared with it.
 */
import { createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto";
import type { CryptoWork } from "./contract.js";

const CHUNK_BYTES = 64 * 1024;
const RUN_MS = 200;

/** @returns operations a second */
export function cryptoLimit({ direction, sizeBytes, layers }: CryptoWork): number {
  const key = createSecretKey(randomBytes(32));
  const nonce = randomBytes(12);
  const plain = randomBytes(Math.min(sizeBytes, CHUNK_BYTES));
  const { sealed, tag } = seal();
  const chunks = Math.ceil(sizeBytes / CHUNK_BYTES) * layers;
  const once = direction === "seal" ? seal : open;
  const until = performance.now() + RUN_MS;
  const began = process.cpuUsage();
  let operations = 0;
  do {
    for (let chunk = 0; chunk < chunks; chunk++) once();
    operations++;
  } while (performance.now() < until);
  // Processor time: others on the machine do not count.
  const { user, system } = process.cpuUsage(began);
  return (operations * 1e6) / (user + system);

  function seal(): { sealed: Buffer; tag: Buffer } {
    const cipher = createCipheriv("aes-256-gcm", key, nonce);
    const bytes = cipher.update(plain);
    cipher.final();
    return { sealed: bytes, tag: cipher.getAuthTag() };
  }
  function open(): void {
    const decipher = createDecipheriv("aes-256-gcm", key, nonce);
    decipher.setAuthTag(tag);
    decipher.update(sealed);
    decipher.final();
  }
}
