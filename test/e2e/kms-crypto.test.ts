/** Encrypt, Decrypt, ReEncrypt, data keys and random bytes through the AWS SDK. Source: KMS reference §4, §8, §10.5. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DecryptCommand,
  DisableKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateDataKeyWithoutPlaintextCommand,
  GenerateRandomCommand,
  ReEncryptCommand,
  type KMSClient,
} from "@aws-sdk/client-kms";
import { failure, kmsClient } from "./server.js";
import { AWAY_ROOT, openWorld } from "./world.js";

const world = await openWorld();
const { kms } = world;
const tls = kmsClient(world.server, { https: true });
type Sendable = Parameters<KMSClient["send"]>[0];
const codeOf = async (command: unknown, client = kms): Promise<string> => (await failure(client.send(command as Sendable))).code;
const text = (value: string): Uint8Array => Buffer.from(value);

test("Encrypt, Decrypt: with and without the key id; the context in any order, exact otherwise", async () => {
  const KeyId = await world.key();
  const EncryptionContext = { a: "bc", z: "1" };
  for (const size of [1, 4096]) {
    const Plaintext = Buffer.alloc(size, 7);
    const { CiphertextBlob, EncryptionAlgorithm } = await kms.send(new EncryptCommand({ KeyId, Plaintext, EncryptionContext }));
    assert.equal(EncryptionAlgorithm, "SYMMETRIC_DEFAULT");
    const opened = await kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext: { z: "1", a: "bc" } }));
    assert.deepEqual([Buffer.from(opened.Plaintext ?? []), opened.KeyId], [Plaintext, KeyId]);
    assert.match(opened.KeyMaterialId ?? "", /^[0-9a-f]{64}$/);
    await tls.send(new DecryptCommand({ CiphertextBlob, EncryptionContext, KeyId }));
    for (const wrong of [
      undefined,
      {},
      { a: "bc" },
      { ab: "c", z: "1" },
      { A: "bc", z: "1" },
      { ...EncryptionContext, more: "" },
    ]) {
      const error = await failure(kms.send(new DecryptCommand({ CiphertextBlob, EncryptionContext: wrong })));
      assert.deepEqual([error.code, error.status], ["InvalidCiphertextException", 400], JSON.stringify(wrong));
    }
  }
});

test("Plaintext of 0 or 4097 bytes is a ValidationException; a ciphertext over 6144 too", async () => {
  const KeyId = await world.key();
  for (const size of [0, 4097])
    assert.equal(await codeOf(new EncryptCommand({ KeyId, Plaintext: Buffer.alloc(size) })), "ValidationException");
  const long = await failure(kms.send(new EncryptCommand({ KeyId, Plaintext: Buffer.alloc(4097) })));
  assert.match(
    long.message,
    /1 validation error detected: Value at 'plaintext' failed to satisfy constraint: Member must have length less than or equal to 4096/,
  );
  assert.equal(await codeOf(new DecryptCommand({ CiphertextBlob: Buffer.alloc(6145) })), "ValidationException");
});

test("Decrypt, in the order of its rule: damaged blob, another key named, a key that is gone, a key disabled", async () => {
  const [KeyId, other] = [await world.key(), await world.key()];
  const { CiphertextBlob } = await kms.send(new EncryptCommand({ KeyId, Plaintext: text("x") }));
  const blob = Buffer.from(CiphertextBlob ?? []);
  for (const at of [0, 1, Math.floor(blob.length / 2), blob.length - 1]) {
    const damaged = Buffer.from(blob);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    const { code } = await failure(kms.send(new DecryptCommand({ CiphertextBlob: damaged })));
    assert.ok(["InvalidCiphertextException", "AccessDeniedException"].includes(code), `byte ${at}: ${code}`);
  }
  for (const CiphertextBlob of [text("garbage"), blob.subarray(0, blob.length - 1), Buffer.concat([blob, blob])]) {
    assert.equal(await codeOf(new DecryptCommand({ CiphertextBlob })), "InvalidCiphertextException");
  }
  assert.deepEqual(await failure(kms.send(new DecryptCommand({ CiphertextBlob, KeyId: other }))), {
    code: "IncorrectKeyException",
    status: 400,
    message: "The key ID in the request does not identify a CMK that can perform this operation.",
  });
  const hidden = await failure(kmsClient(world.server, { credentials: AWAY_ROOT }).send(new DecryptCommand({ CiphertextBlob })));
  assert.deepEqual(hidden, {
    code: "AccessDeniedException",
    status: 400,
    message:
      "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.",
  });
  await kms.send(new DisableKeyCommand({ KeyId }));
  assert.deepEqual(await failure(kms.send(new DecryptCommand({ CiphertextBlob }))), {
    code: "DisabledException",
    status: 400,
    message: `${KeyId} is disabled.`,
  });
});

test("ReEncrypt moves a ciphertext from key and context to key and context", async () => {
  const [from, to] = [await world.key(), await world.key()];
  const sealed = await kms.send(new EncryptCommand({ KeyId: from, Plaintext: text("secret"), EncryptionContext: { a: "1" } }));
  const moved = await kms.send(
    new ReEncryptCommand({
      CiphertextBlob: sealed.CiphertextBlob,
      SourceEncryptionContext: { a: "1" },
      DestinationKeyId: to,
      DestinationEncryptionContext: { b: "2" },
    }),
  );
  assert.deepEqual([moved.SourceKeyId, moved.KeyId], [from, to]);
  const opened = await kms.send(new DecryptCommand({ CiphertextBlob: moved.CiphertextBlob, EncryptionContext: { b: "2" } }));
  assert.equal(Buffer.from(opened.Plaintext ?? []).toString(), "secret");
  const input = { CiphertextBlob: sealed.CiphertextBlob, DestinationKeyId: to };
  assert.equal(await codeOf(new ReEncryptCommand(input)), "InvalidCiphertextException", "the source context is missing");
  assert.equal(
    await codeOf(new ReEncryptCommand({ ...input, SourceEncryptionContext: { a: "1" }, SourceKeyId: to })),
    "IncorrectKeyException",
  );
});

test("GenerateDataKey: AES_256, AES_128, 1 to 1024 bytes; exactly one size; the blob opens to the plaintext", async () => {
  const KeyId = await world.key();
  for (const [input, length] of [
    [{ KeySpec: "AES_256" }, 32],
    [{ KeySpec: "AES_128" }, 16],
    [{ NumberOfBytes: 1 }, 1],
    [{ NumberOfBytes: 1024 }, 1024],
  ] as const) {
    const made = await kms.send(new GenerateDataKeyCommand({ KeyId, ...input, EncryptionContext: { p: "1" } }));
    assert.equal(made.Plaintext?.length, length);
    const opened = await kms.send(new DecryptCommand({ CiphertextBlob: made.CiphertextBlob, EncryptionContext: { p: "1" } }));
    assert.deepEqual(opened.Plaintext, made.Plaintext);
    const sealed = await kms.send(new GenerateDataKeyWithoutPlaintextCommand({ KeyId, ...input }));
    assert.equal((sealed as { Plaintext?: unknown }).Plaintext, undefined);
    assert.equal((await kms.send(new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob }))).Plaintext?.length, length);
  }
  for (const input of [
    {},
    { KeySpec: "AES_256", NumberOfBytes: 32 },
    { NumberOfBytes: 0 },
    { NumberOfBytes: 1025 },
    { KeySpec: "AES_512" as "AES_256" },
  ] as const) {
    assert.equal(
      await codeOf(new GenerateDataKeyCommand({ KeyId, ...(input as object) })),
      "ValidationException",
      JSON.stringify(input),
    );
  }
});

test("GenerateRandom: 1 to 1024 bytes, never the same", async () => {
  const made = await Promise.all(
    [1, 32, 32, 1024].map(async (NumberOfBytes) => (await kms.send(new GenerateRandomCommand({ NumberOfBytes }))).Plaintext),
  );
  assert.deepEqual(
    made.map((bytes) => bytes?.length),
    [1, 32, 32, 1024],
  );
  assert.notDeepEqual(made[1], made[2]);
  assert.deepEqual(await failure(kms.send(new GenerateRandomCommand({}))), {
    code: "ValidationException",
    status: 400,
    message: "NumberOfBytes is required.",
  });
  assert.match(
    (await failure(kms.send(new GenerateRandomCommand({ NumberOfBytes: 0 })))).message,
    /^1 validation error detected: Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than or equal to 1/,
  );
});
