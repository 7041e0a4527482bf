/**
 * What is tried while files fail: each kind of operation, how it begins, and how to see afterwards whether it took place.
 * `see` answers "before" or "after", and throws for anything between: a torn or mixed state.
 */
import { createHash } from "node:crypto";
import { HOUR_MS } from "../../src/lib/clock.js";
import { pattern } from "../objects/world.js";
import { House, member, type Outcome } from "./house.js";

export type Seen = "before" | "after";

export interface Scene {
  /** State that the act needs; never under faults. */
  readonly setup?: (house: House, tag: string) => Promise<unknown>;
  readonly act: (house: House, tag: string, state: unknown) => Promise<Outcome>;
  readonly see: (house: House, tag: string, state: unknown) => Promise<Seen>;
}

export const BUCKET = "bucket";
export const VERSIONED = "versioned";
const SMALL = 1000;
const LARGE = 300_000;
const MIB = 1024 * 1024;

const at = (Key: string, Bucket = BUCKET): { Bucket: string; Key: string } => ({ Bucket, Key });
const bodyOf = (size: number, tag: string, seed = 1): Buffer => pattern(size, seed + 7 * Number(tag.replace(/\D/g, "")));

async function put(house: House, place: object, body: Buffer): Promise<Outcome> {
  return house.s3("PutObject", place, body);
}

/** Which of the bodies is there; undefined: no such key. Anything else is thrown. */
async function read(house: House, place: object, bodies: readonly Buffer[]): Promise<number | undefined> {
  const got = await house.s3("GetObject", place);
  if (!got.ok && got.status === 404) return undefined;
  if (!got.ok) throw new Error(`GetObject ${JSON.stringify(place)}: ${got.status} ${got.code}`);
  const found = bodies.findIndex((body) => body.equals(got.bytes));
  if (found < 0) throw new Error(`${JSON.stringify(place)} holds ${got.bytes.length} bytes that nobody wrote`);
  return found;
}

/** Listing and object agree on whether the key is there. */
async function listed(house: House, place: { Bucket: string; Key: string }): Promise<boolean> {
  const Contents = member<{ Key: string }[] | undefined>(
    await house.s3("ListObjectsV2", { Bucket: place.Bucket, Prefix: place.Key }), "Contents");
  return (Contents ?? []).some(({ Key }) => Key === place.Key);
}

async function expectListed(house: House, place: { Bucket: string; Key: string }, there: boolean): Promise<void> {
  if ((await listed(house, place)) !== there) throw new Error(`${place.Key} reads and lists differently`);
}

function newObject(size: number, input: object = {}): Scene {
  return {
    act: (house, tag) => put(house, { ...at(tag), ...input }, bodyOf(size, tag)),
    see: async (house, tag) => {
      const found = await read(house, { ...at(tag), ...customerOf(input) }, [bodyOf(size, tag)]);
      await expectListed(house, at(tag), found !== undefined);
      return found === undefined ? "before" : "after";
    },
  };
}

const customerOf = (input: object): object =>
  Object.fromEntries(Object.entries(input).filter(([name]) => name.startsWith("SSECustomer")));
const CUSTOMER_KEY = Buffer.alloc(32, 9);
const CUSTOMER = {
  SSECustomerAlgorithm: "AES256",
  SSECustomerKey: CUSTOMER_KEY.toString("base64"),
  SSECustomerKeyMD5: createHash("md5").update(CUSTOMER_KEY).digest("base64"),
};

/** Is there what was asked for? Anything but yes and no is thrown. */
function exists(outcome: Outcome): boolean {
  if (outcome.ok) return true;
  if (outcome.status === 404 || outcome.code === "NotFoundException") return false;
  throw new Error(`expected yes or no, not ${outcome.status} ${outcome.code}`);
}

interface Upload {
  readonly UploadId: string;
  readonly Parts: readonly { readonly PartNumber: number; readonly ETag: string }[];
}

const PART = 5 * MIB;

async function begin(house: House, tag: string, sizes: readonly number[]): Promise<Upload> {
  const UploadId = member<string>(await house.s3("CreateMultipartUpload", at(tag)), "UploadId");
  const Parts: { PartNumber: number; ETag: string }[] = [];
  for (const [index, size] of sizes.entries()) {
    const part = { ...at(tag), UploadId, PartNumber: index + 1 };
    Parts.push({ PartNumber: index + 1, ETag: member(await house.s3("UploadPart", part, bodyOf(size, tag, index)), "ETag") });
  }
  return { UploadId, Parts };
}

async function uploads(house: House, tag: string): Promise<string[]> {
  const found = member<{ UploadId: string; Key: string }[] | undefined>(
    await house.s3("ListMultipartUploads", { Bucket: BUCKET, Prefix: tag }), "Uploads");
  return (found ?? []).filter(({ Key }) => Key === tag).map(({ UploadId }) => UploadId);
}

const seenKms = async (house: House, KeyId: unknown): Promise<string> =>
  member<{ KeyState: string }>(await house.call("kms", "DescribeKey", { KeyId }), "KeyMetadata").KeyState;
const newKey = async (house: House): Promise<string> =>
  member<{ Arn: string }>(await house.call("kms", "CreateKey"), "KeyMetadata").Arn;

export const SCENES: Readonly<Record<string, Scene>> = {
  "PutObject small": newObject(SMALL),
  "PutObject large": newObject(LARGE),
  "PutObject of 3 MiB": newObject(3 * MIB + 1),
  "PutObject SSE-C": newObject(LARGE, CUSTOMER),
  "PutObject over another": {
    setup: (house, tag) => put(house, at(tag), bodyOf(LARGE, tag, 1)),
    act: (house, tag) => put(house, at(tag), bodyOf(LARGE, tag, 2)),
    see: async (house, tag) => {
      const found = await read(house, at(tag), [bodyOf(LARGE, tag, 1), bodyOf(LARGE, tag, 2)]);
      if (found === undefined) throw new Error("an object that was there is gone");
      return found === 0 ? "before" : "after";
    },
  },
  "PutObject, a new version": {
    setup: async (house, tag) => member<string>(await put(house, at(tag, VERSIONED), bodyOf(SMALL, tag, 1)), "VersionId"),
    act: (house, tag) => put(house, at(tag, VERSIONED), bodyOf(LARGE, tag, 2)),
    see: async (house, tag, VersionId) => {
      await read(house, { ...at(tag, VERSIONED), VersionId }, [bodyOf(SMALL, tag, 1)]);
      return (await read(house, at(tag, VERSIONED), [bodyOf(SMALL, tag, 1), bodyOf(LARGE, tag, 2)])) === 0 ? "before" : "after";
    },
  },
  "CreateMultipartUpload": {
    act: (house, tag) => house.s3("CreateMultipartUpload", at(tag)),
    see: async (house, tag) => ((await uploads(house, tag)).length === 0 ? "before" : "after"),
  },
  "UploadPart over another": {
    setup: (house, tag) => begin(house, tag, [LARGE]),
    act: (house, tag, state) =>
      house.s3("UploadPart", { ...at(tag), UploadId: (state as Upload).UploadId, PartNumber: 1 }, bodyOf(LARGE, tag, 5)),
    see: async (house, tag, state) => {
      const { UploadId, Parts } = state as Upload;
      const parts = member<{ ETag: string }[]>(await house.s3("ListParts", { ...at(tag), UploadId }), "Parts");
      return parts[0]?.ETag === Parts[0]?.ETag ? "before" : "after";
    },
  },
  "CompleteMultipartUpload": {
    setup: (house, tag) => begin(house, tag, [PART, SMALL]),
    act: (house, tag, state) => {
      const { UploadId, Parts } = state as Upload;
      return house.s3("CompleteMultipartUpload", { ...at(tag), UploadId, MultipartUpload: { Parts } });
    },
    see: async (house, tag) => {
      const whole = Buffer.concat([bodyOf(PART, tag, 0), bodyOf(SMALL, tag, 1)]);
      const found = await read(house, at(tag), [whole]);
      await expectListed(house, at(tag), found !== undefined);
      return found === undefined ? "before" : "after";
    },
  },
  "AbortMultipartUpload": {
    setup: (house, tag) => begin(house, tag, [LARGE, SMALL]),
    act: (house, tag, state) => house.s3("AbortMultipartUpload", { ...at(tag), UploadId: (state as Upload).UploadId }),
    see: async (house, tag) => ((await uploads(house, tag)).length === 1 ? "before" : "after"),
  },
  "CopyObject": {
    setup: (house, tag) => put(house, at(`${tag}-source`), bodyOf(LARGE, tag)),
    act: (house, tag) => house.s3("CopyObject", { ...at(tag), CopySource: `${BUCKET}/${tag}-source` }),
    see: async (house, tag) => {
      await read(house, at(`${tag}-source`), [bodyOf(LARGE, tag)]);
      return (await read(house, at(tag), [bodyOf(LARGE, tag)])) === undefined ? "before" : "after";
    },
  },
  "DeleteObject": {
    setup: (house, tag) => put(house, at(tag), bodyOf(LARGE, tag)),
    act: (house, tag) => house.s3("DeleteObject", at(tag)),
    see: async (house, tag) => {
      const found = await read(house, at(tag), [bodyOf(LARGE, tag)]);
      await expectListed(house, at(tag), found !== undefined);
      return found === undefined ? "after" : "before";
    },
  },
  "DeleteObject, a marker": {
    setup: (house, tag) => put(house, at(tag, VERSIONED), bodyOf(SMALL, tag)),
    act: (house, tag) => house.s3("DeleteObject", at(tag, VERSIONED)),
    see: async (house, tag) => ((await read(house, at(tag, VERSIONED), [bodyOf(SMALL, tag)])) === undefined ? "after" : "before"),
  },
  "DeleteObject of one version": {
    setup: async (house, tag) => {
      const VersionId = member<string>(await put(house, at(tag, VERSIONED), bodyOf(LARGE, tag, 1)), "VersionId");
      await put(house, at(tag, VERSIONED), bodyOf(SMALL, tag, 2));
      return VersionId;
    },
    act: (house, tag, VersionId) => house.s3("DeleteObject", { ...at(tag, VERSIONED), VersionId }),
    see: async (house, tag, VersionId) => {
      await read(house, at(tag, VERSIONED), [bodyOf(SMALL, tag, 2)]);
      const older = await read(house, { ...at(tag, VERSIONED), VersionId }, [bodyOf(LARGE, tag, 1)]);
      return older === undefined ? "after" : "before";
    },
  },
  "PutObjectTagging": {
    setup: (house, tag) => put(house, at(tag), bodyOf(SMALL, tag)),
    act: (house, tag) => house.s3("PutObjectTagging", { ...at(tag), Tagging: { TagSet: [{ Key: "a", Value: "b" }] } }),
    see: async (house, tag) => {
      await read(house, at(tag), [bodyOf(SMALL, tag)]);
      const tags = member<object[] | undefined>(await house.s3("GetObjectTagging", at(tag)), "TagSet");
      return (tags ?? []).length === 0 ? "before" : "after";
    },
  },
  "CreateBucket": {
    act: (house, tag) => house.s3("CreateBucket", { Bucket: `made-${tag}` }),
    see: async (house, tag) => {
      const there = exists(await house.s3("HeadBucket", { Bucket: `made-${tag}` }));
      const all = member<{ Name: string }[]>(await house.s3("ListBuckets", {}), "Buckets");
      if (all.some(({ Name }) => Name === `made-${tag}`) !== there) throw new Error("bucket and list of buckets disagree");
      return there ? "after" : "before";
    },
  },
  "DeleteBucket": {
    setup: (house, tag) => house.s3("CreateBucket", { Bucket: `gone-${tag}` }),
    act: (house, tag) => house.s3("DeleteBucket", { Bucket: `gone-${tag}` }),
    see: async (house, tag) => (exists(await house.s3("HeadBucket", { Bucket: `gone-${tag}` })) ? "before" : "after"),
  },
  "PutBucketPolicy": {
    setup: (house, tag) => house.s3("CreateBucket", { Bucket: `policy-${tag}` }),
    act: (house, tag) => {
      const statement = { Effect: "Deny", Principal: "*", Action: "s3:GetObject", Resource: `arn:aws:s3:::policy-${tag}/*` };
      const Policy = JSON.stringify({ Version: "2012-10-17", Statement: [statement] });
      return house.s3("PutBucketPolicy", { Bucket: `policy-${tag}`, Policy });
    },
    see: async (house, tag) =>
      (exists(await house.s3("GetBucketPolicy", { Bucket: `policy-${tag}` })) ? "after" : "before"),
  },
  "KMS CreateAlias": {
    setup: (house) => newKey(house),
    act: (house, tag, TargetKeyId) => house.call("kms", "CreateAlias", { AliasName: `alias/${tag}`, TargetKeyId }),
    see: async (house, tag) => (exists(await house.call("kms", "DescribeKey", { KeyId: `alias/${tag}` })) ? "after" : "before"),
  },
  "KMS CreateKey": {
    act: (house, tag) => house.call("kms", "CreateKey", { Description: tag }),
    see: async (house, tag) => {
      const keys = member<{ KeyId: string }[]>(await house.call("kms", "ListKeys", { Limit: 1000 }), "Keys");
      for (const { KeyId } of keys) {
        const { Description } = member<{ Description: string }>(await house.call("kms", "DescribeKey", { KeyId }), "KeyMetadata");
        if (Description === tag) return "after";
      }
      return "before";
    },
  },
  "KMS Encrypt": {
    setup: (house) => newKey(house),
    act: (house, _tag, KeyId) => house.call("kms", "Encrypt", { KeyId, Plaintext: Buffer.from("secret") }),
    see: async () => "after",
  },
  "KMS Decrypt": {
    setup: async (house) => {
      const KeyId = await newKey(house);
      return member(await house.call("kms", "Encrypt", { KeyId, Plaintext: Buffer.from("secret") }), "CiphertextBlob");
    },
    act: (house, _tag, CiphertextBlob) => house.call("kms", "Decrypt", { CiphertextBlob }),
    see: async () => "after",
  },
  "KMS ScheduleKeyDeletion": {
    setup: (house) => newKey(house),
    act: (house, _tag, KeyId) => house.call("kms", "ScheduleKeyDeletion", { KeyId, PendingWindowInDays: 7 }),
    see: async (house, _tag, KeyId) => ((await seenKms(house, KeyId)) === "Enabled" ? "before" : "after"),
  },
  "IAM CreateUser": {
    act: (house, tag) => house.call("iam", "CreateUser", { UserName: tag }),
    see: async (house, tag) => (exists(await house.call("iam", "GetUser", { UserName: tag })) ? "after" : "before"),
  },
  "IAM CreateAccessKey": {
    setup: (house, tag) => house.call("iam", "CreateUser", { UserName: tag }),
    act: (house, tag) => house.call("iam", "CreateAccessKey", { UserName: tag }),
    see: async (house, tag) => {
      const listing = await house.call("iam", "ListAccessKeys", { UserName: tag });
      const keys = member<object[] | undefined>(listing, "AccessKeyMetadata");
      return (keys ?? []).length === 0 ? "before" : "after";
    },
  },
};

/** Reads under failing reads: what arrives is right, or the answer is an error. */
export const READS: Readonly<Record<string, Scene>> = {
  "GetObject large": {
    setup: (house, tag) => put(house, at(tag), bodyOf(3 * MIB, tag)),
    act: async (house, tag) => {
      const got = await house.s3("GetObject", at(tag));
      if (got.ok && !got.bytes.equals(bodyOf(3 * MIB, tag))) throw new Error("GetObject answered 200 with wrong bytes");
      return got;
    },
    see: async () => "after",
  },
  "GetObject range": {
    setup: (house, tag) => put(house, at(tag), bodyOf(3 * MIB, tag)),
    act: async (house, tag) => {
      const got = await house.s3("GetObject", { ...at(tag), Range: "bytes=100000-250000" });
      if (got.ok && !got.bytes.equals(bodyOf(3 * MIB, tag).subarray(100_000, 250_001))) throw new Error("wrong bytes of a range");
      return got;
    },
    see: async () => "after",
  },
  "CopyObject": SCENES["CopyObject"] as Scene,
};

interface Named {
  readonly Key: string;
  readonly VersionId: string;
  readonly UploadId: string;
}

/** Removes all that the scenes have made of objects and uploads. */
export async function deleteAll(house: House): Promise<void> {
  // The fence of a Complete that could not be taken back ends by itself.
  house.letTimePass(HOUR_MS);
  const buckets = member<{ Name: string }[]>(await house.s3("ListBuckets", {}), "Buckets");
  const list = async (operation: string, Bucket: string, names: readonly string[]): Promise<Named[]> => {
    const page = await house.s3(operation, { Bucket });
    return names.flatMap((name) => member<Named[] | undefined>(page, name) ?? []);
  };
  for (const { Name: Bucket } of buckets) {
    for (let all: Named[]; (all = await list("ListObjectVersions", Bucket, ["Versions", "DeleteMarkers"])).length > 0; ) {
      for (const { Key, VersionId } of all) member(await house.s3("DeleteObject", { Bucket, Key, VersionId }), "");
    }
    for (const { Key, UploadId } of await list("ListMultipartUploads", Bucket, ["Uploads"])) {
      member(await house.s3("AbortMultipartUpload", { Bucket, Key, UploadId }), "");
    }
  }
}
