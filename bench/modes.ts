/** The five ways in which an object can be encrypted, each as a bucket of its own. */
import { createHash, randomBytes } from "node:crypto";
import { expectOk } from "../src/wire/client.js";
import type { Subject } from "./server.js";

export const MODES = ["default", "SSE-KMS", "bucket key", "DSSE-KMS", "SSE-C"] as const;
export type Mode = (typeof MODES)[number];

const customerKey = randomBytes(32);
const CUSTOMER_HEADERS = {
  "x-amz-server-side-encryption-customer-algorithm": "AES256",
  "x-amz-server-side-encryption-customer-key": customerKey.toString("base64"),
  "x-amz-server-side-encryption-customer-key-md5": createHash("md5").update(customerKey).digest("base64"),
};

export const bucketOf = (mode: Mode): string => `bench-${mode.toLowerCase().replaceAll(" ", "-")}`;
/** What every request for an object must send besides. */
export const headersOf = (mode: Mode): Record<string, string> => (mode === "SSE-C" ? CUSTOMER_HEADERS : {});
export const targetOf = (mode: Mode, key: string): string => `/${bucketOf(mode)}/${key}`;

/** Makes the buckets, their default encryption and a KMS key. The floor knows neither: a path is a path. */
export async function makeBuckets({ kind, client }: Subject, modes: readonly Mode[]): Promise<void> {
  if (kind === "floor") return;
  const made = (await client.json("kms", "TrentService.CreateKey", {})) as { KeyMetadata: { Arn: string } };
  for (const mode of modes) {
    const path = `/${bucketOf(mode)}`;
    expectOk(await client.send({ method: "PUT", path }));
    const rule = defaultEncryption(mode, made.KeyMetadata.Arn);
    if (rule === undefined) continue;
    const headers = { "content-md5": createHash("md5").update(rule).digest("base64") };
    expectOk(await client.send({ method: "PUT", path, query: { encryption: "" }, headers, body: rule }));
  }
}

function defaultEncryption(mode: Mode, keyArn: string): string | undefined {
  if (mode === "default" || mode === "SSE-C") return undefined;
  const algorithm = mode === "DSSE-KMS" ? "aws:kms:dsse" : "aws:kms";
  return (
    '<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule>' +
    `<ApplyServerSideEncryptionByDefault><SSEAlgorithm>${algorithm}</SSEAlgorithm>` +
    `<KMSMasterKeyID>${keyArn}</KMSMasterKeyID></ApplyServerSideEncryptionByDefault>` +
    `<BucketKeyEnabled>${mode === "bucket key"}</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>`
  );
}
