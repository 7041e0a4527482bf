/** Calls that move no body: HEAD, DELETE, and KMS's GenerateDataKey and Decrypt. */
import { randomBytes } from "node:crypto";
import { expectOk } from "../src/wire/client.js";
import { inParallel, KIB, type Case, type Group } from "./contract.js";
import { WrongAnswer, type Load } from "./load.js";
import { makeBuckets, targetOf } from "./modes.js";
import { headOf, noPayload, payload, type Payload } from "./requests.js";
import type { Subject } from "./server.js";
import { runSockets } from "./sockets.js";

const CONCURRENCIES = [1, 16];
const HEAD_OBJECTS = 500;
/** Objects a second that are there to be deleted. */
const DELETED_A_SECOND = 3000;
/** 32 bytes in base64. Read by Lua and JavaScript alike. */
const RANDOM = "[A-Za-z0-9+/]+=";

export const smallGroups = (): Group[] => [headGroup(), deleteGroup(), kmsGroup()];

const atEach = (make: (concurrency: number) => Case): Case[] => CONCURRENCIES.map(make);

function headGroup(): Group {
  const body = randomBytes(4 * KIB);
  const keys = Array.from({ length: HEAD_OBJECTS }, (_, i) => `object-${i}`);
  return {
    name: "HEAD",
    async prepare(subject) {
      await makeBuckets(subject, ["default"]);
      await inParallel(keys, 16, async (key) => {
        expectOk(await subject.client.send({ method: "PUT", path: targetOf("default", key), body }));
      });
    },
    cases: atEach((concurrency) => ({
      name: `HEAD · c=${concurrency}`,
      floor: `HEAD · c=${concurrency}`,
      sizeBytes: 0,
      client: "sockets",
      quick: concurrency > 1,
      load(subject, _run, seconds): Load {
        const heads = keys.map((key) => headOf(subject, { method: "HEAD", target: targetOf("default", key) }));
        return { heads, body: noPayload.bytes, concurrency, seconds, status: 200, head: true };
      },
    })),
  };
}

function deleteGroup(): Group {
  const sent = payload("unsigned", randomBytes(4 * KIB));
  const targetsOf = (run: string, seconds: number): string[] =>
    Array.from({ length: DELETED_A_SECOND * seconds }, (_, i) => targetOf("default", `${run}/${i}`));
  return {
    name: "DELETE",
    prepare: (subject) => makeBuckets(subject, ["default"]),
    cases: atEach((concurrency) => ({
      name: `DELETE 4 KiB · c=${concurrency}`,
      floor: `DELETE 4 KiB · c=${concurrency}`,
      sizeBytes: 0,
      client: "sockets",
      quick: concurrency > 1,
      async load(subject, run, seconds): Promise<Load> {
        // A single connection gets through fewer.
        const targets = targetsOf(run, seconds).slice(0, concurrency === 1 ? 1000 * seconds : undefined);
        const puts = targets.map((target) => headOf(subject, { method: "PUT", target }, sent));
        await writeAll(subject, puts, sent);
        const heads = targets.map((target) => headOf(subject, { method: "DELETE", target }));
        return { heads, body: noPayload.bytes, concurrency, seconds, once: true, status: 204 };
      },
      async check(subject, run, { operations }) {
        if (subject.kind === "floor") return;
        for (const i of [0, Math.floor(operations / 2)]) {
          const { status } = await subject.client.send({ method: "HEAD", path: targetOf("default", `${run}/${i}`) });
          if (status !== 404) throw new WrongAnswer(`deleted object ${i} is answered with ${status}`);
        }
      },
    })),
  };
}

/** Each once, over many connections. */
async function writeAll(subject: Subject, heads: readonly string[], sent: Payload): Promise<void> {
  await runSockets(subject, { heads, body: sent.bytes, concurrency: 64, seconds: 600, once: true, status: 200 });
}

interface Generated {
  readonly KeyId: string;
  readonly Plaintext: string;
  readonly CiphertextBlob: string;
}

/** The floor answers with a row as long as KMS's answer. */
const FLOOR_KEY: Generated = { Plaintext: `${"A".repeat(43)}=`, CiphertextBlob: "A".repeat(240), KeyId: "A".repeat(75) };

function kmsGroup(): Group {
  /** By the subject's name: its key and a ciphertext. */
  const made = new Map<string, Generated>();
  const first = async (subject: Subject): Promise<Generated> => {
    const { client } = subject;
    const { KeyMetadata } = (await client.json("kms", "TrentService.CreateKey", {})) as { KeyMetadata: { Arn: string } };
    const input = { KeyId: KeyMetadata.Arn, KeySpec: "AES_256" };
    const key = (await client.json("kms", "TrentService.GenerateDataKey", input)) as Generated;
    const opened = (await client.json("kms", "TrentService.Decrypt", { CiphertextBlob: key.CiphertextBlob })) as Generated;
    if (opened.Plaintext !== key.Plaintext) throw new WrongAnswer("Decrypt does not give what GenerateDataKey gave");
    return key;
  };
  const call = (operation: string, input: (of: Generated) => object, plaintext: (of: Generated) => string): Case[] =>
    atEach((concurrency) => ({
      name: `KMS ${operation} · c=${concurrency}`,
      floor: `KMS ${operation} · c=${concurrency}`,
      sizeBytes: 0,
      client: "wrk",
      quick: concurrency > 1,
      load(subject, _run, seconds): Load {
        const of = made.get(subject.name) ?? FLOOR_KEY;
        const sent = payload("signed", Buffer.from(JSON.stringify(input(of))));
        const headers = { "content-type": "application/x-amz-json-1.1", "x-amz-target": `TrentService.${operation}` };
        const heads = [headOf(subject, { method: "POST", target: "/", headers, service: "kms" }, sent)];
        return { heads, body: sent.bytes, concurrency, seconds, status: 200, pattern: `"Plaintext":"${plaintext(of)}"` };
      },
    }));
  return {
    name: "KMS",
    async prepare(subject) {
      if (subject.kind !== "floor") made.set(subject.name, await first(subject));
      else expectOk(await subject.client.send({ method: "PUT", path: "/", body: JSON.stringify(FLOOR_KEY) }));
    },
    cases: [
      ...call("GenerateDataKey", ({ KeyId }) => ({ KeyId, KeySpec: "AES_256" }), () => RANDOM),
      ...call("Decrypt", ({ CiphertextBlob }) => ({ CiphertextBlob }), ({ Plaintext }) => Plaintext.replaceAll("+", "[+]")),
    ],
  };
}
