/**
 * Settings that one client each changes, one call after the other: state of a KMS key, aim of an alias, text of a bucket
 * policy, users. After a restart a setting is what the last acknowledged call made it, or what the one call that was cut
 * off would have made it.
 */
import { ServiceError } from "../../src/lib/errors.js";
import { decodeAnswer, encodeRequest } from "../../src/wire/client-codec.js";
import { answerError, type WireClient } from "../../src/wire/client.js";
import type { Service } from "../../src/wire/types.js";

type Values = Readonly<Record<string, unknown>>;

/** @throws ServiceError what the service refused; any other Error: not answered */
export async function callService(client: WireClient, service: Service, operation: string, input: object): Promise<Values> {
  const answer = await client.send(encodeRequest(service, operation, input));
  if (answer.status >= 300) throw answerError(answer);
  return decodeAnswer(service, operation, answer) as Values;
}

interface Register {
  readonly name: string;
  /** What it holds, or undefined. */
  read(client: WireClient): Promise<string | undefined>;
  /** Makes it hold the `turn`-th value. @returns the value */
  valueOf(turn: number): string;
  write(client: WireClient, turn: number): Promise<void>;
}

const POLICY_BUCKET = "policies";
const NEVER = `arn:aws:s3:::${POLICY_BUCKET}/never`;
const USERS = 500;

async function registersOf(client: WireClient): Promise<Register[]> {
  const kms = async (operation: string, input: object, by = client): Promise<Values> => callService(by, "kms", operation, input);
  const keyId = async (): Promise<string> => ((await kms("CreateKey", {}))["KeyMetadata"] as { readonly KeyId: string }).KeyId;
  const [one, two, third] = [await keyId(), await keyId(), await keyId()];
  await kms("CreateAlias", { AliasName: "alias/aim", TargetKeyId: one });
  const metadata = async (by: WireClient, KeyId: string): Promise<Values> =>
    (await kms("DescribeKey", { KeyId }, by))["KeyMetadata"] as Values;
  const policy = (turn: number): string =>
    JSON.stringify({
      Version: "2012-10-17",
      Statement: [{ Sid: `t${turn}`, Effect: "Deny", Principal: "*", Action: "s3:GetObject", Resource: NEVER }],
    });
  return [
    {
      name: "state of a key",
      valueOf: (turn) => (turn % 2 === 1 ? "Disabled" : "Enabled"),
      read: async (by) => String((await metadata(by, third))["KeyState"]),
      write: async (by, turn) => void (await kms(turn % 2 === 1 ? "DisableKey" : "EnableKey", { KeyId: third }, by)),
    },
    {
      name: "aim of an alias",
      valueOf: (turn) => (turn % 2 === 1 ? two : one),
      read: async (by) => String((await metadata(by, "alias/aim"))["KeyId"]),
      write: async (by, turn) =>
        void (await kms("UpdateAlias", { AliasName: "alias/aim", TargetKeyId: turn % 2 === 1 ? two : one }, by)),
    },
    {
      name: "bucket policy",
      valueOf: (turn) => (turn === 0 ? "" : policy(turn)),
      read: async (by) => {
        const found = await absentIs({ Policy: "" }, () => callService(by, "s3", "GetBucketPolicy", { Bucket: POLICY_BUCKET }));
        return String(found["Policy"]);
      },
      write: async (by, turn) => {
        await callService(by, "s3", "PutBucketPolicy", { Bucket: POLICY_BUCKET, Policy: policy(turn) });
      },
    },
    {
      name: "last user",
      valueOf: (turn) => String(turn),
      read: async (by) => {
        const { Users } = await callService(by, "iam", "ListUsers", { MaxItems: USERS * 2 });
        const numbers = (Users as readonly { readonly UserName: string }[]).map(({ UserName }) => Number(UserName.slice(1)));
        return String(Math.max(0, ...numbers));
      },
      write: async (by, turn) => {
        await callService(by, "iam", "CreateUser", { UserName: `u${turn}` });
      },
    },
  ];
}

async function absentIs(value: Values, read: () => Promise<Values>): Promise<Values> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof ServiceError && error.code.startsWith("NoSuch")) return value;
    throw error;
  }
}

/** A worker that died has been replaced by then. */
const PATIENCE_MS = 30_000;

/** Again where the connection was one to a worker that is dead, or none listens yet. */
async function patiently<T>(read: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await read();
    } catch (error) {
      if (error instanceof ServiceError || performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

export class Registers {
  readonly #registers: readonly Register[];
  /** Turns: of the last call that was acknowledged, and of the last that was sent. */
  readonly #acknowledged: number[];
  readonly #sent: number[];
  calls = 0;
  acknowledged = 0;

  private constructor(registers: readonly Register[]) {
    this.#registers = registers;
    this.#acknowledged = registers.map(() => 0);
    this.#sent = registers.map(() => 0);
  }

  /** Makes what is changed later. */
  static async create(client: WireClient): Promise<Registers> {
    await callService(client, "s3", "CreateBucket", { Bucket: POLICY_BUCKET });
    return new Registers(await registersOf(client));
  }

  /** Changes each setting over and over, one by one, until the first call that is not answered, or `isOver`. */
  async work(client: WireClient, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      for (const [at, register] of this.#registers.entries()) {
        const turn = (this.#sent[at] ?? 0) + 1;
        if (isOver() || (register.name === "last user" && turn > USERS)) continue;
        this.#sent[at] = turn;
        this.calls++;
        try {
          await register.write(client, turn);
        } catch (error) {
          if (error instanceof ServiceError && (error.detail.status ?? 500) < 500) throw error;
          return;
        }
        this.#acknowledged[at] = turn;
        this.acknowledged++;
      }
    }
  }

  /** @throws Error naming a setting that is not what it must be */
  async compare(client: WireClient): Promise<void> {
    for (const [at, register] of this.#registers.entries()) {
      const found = await patiently(() => register.read(client));
      const [last = 0, sent = 0] = [this.#acknowledged[at], this.#sent[at]];
      const turn = [last, sent].find((each) => register.valueOf(each) === found);
      if (turn === undefined) {
        const may = [...new Set([last, sent])].map((each) => register.valueOf(each)).join(" or ");
        throw new Error(`${register.name} is ${String(found)}, not ${may}`);
      }
      this.#acknowledged[at] = turn;
      this.#sent[at] = turn;
    }
  }
}
