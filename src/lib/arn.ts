/** Amazon resource names: `arn:partition:service:region:account:resource`. */
export interface Arn {
  readonly partition: string;
  readonly service: string;
  readonly region: string;
  readonly account: string;
  /** May itself contain `:` and `/`. */
  readonly resource: string;
}

const FIELDS = /^arn:([^:]*):([^:]*):([^:]*):([^:]*):(.*)$/s;

/** The six fields of an ARN, or undefined when `text` is none. */
export function parseArn(text: string): Arn | undefined {
  const [, partition, service, region, account, resource] = FIELDS.exec(text) ?? [];
  if (partition === undefined || service === undefined || region === undefined) return undefined;
  if (account === undefined || resource === undefined) return undefined;
  return { partition, service, region, account, resource };
}

export const bucketArn = (bucket: string): string => `arn:aws:s3:::${bucket}`;
export const objectArn = (bucket: string, key: string): string => `arn:aws:s3:::${bucket}/${key}`;
export const keyArn = (region: string, account: string, keyId: string): string => `arn:aws:kms:${region}:${account}:key/${keyId}`;
export const aliasArn = (region: string, account: string, alias: string): string => `arn:aws:kms:${region}:${account}:${alias}`;
export const rootArn = (account: string): string => `arn:aws:iam::${account}:root`;
/** @param path with both slashes, `/` for none */
export const userArn = (account: string, path: string, name: string): string => `arn:aws:iam::${account}:user${path}${name}`;
export const roleArn = (account: string, path: string, name: string): string => `arn:aws:iam::${account}:role${path}${name}`;
export const policyArn = (account: string, path: string, name: string): string => `arn:aws:iam::${account}:policy${path}${name}`;
