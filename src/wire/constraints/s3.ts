/**
 * What S3's decoder checks beyond the shapes. Enum values in bodies are MalformedXML (AWS validates them against its
 * schema), but not these: their rooms answer with a code of their own. Values in headers and query are checked by the
 * objects room after authorization. Sources: reference s3-api.md §1.5, §2; AWS answers observed.
 */

/** Body enums that the schema leaves open: `InvalidLocationConstraint`, `InvalidArgument` for events. */
export const OPEN_ENUMS: ReadonlySet<string> = new Set([
  "BucketLocationConstraint",
  "Event",
  "DataRedundancy",
  "BucketType",
  "LocationType",
]);

/** Operations whose malformed body has its own code. */
export const MALFORMED_CODES: Readonly<Record<string, string>> = {
  PutBucketAcl: "MalformedACLError",
  PutObjectAcl: "MalformedACLError",
};

/** Query parameters whose value is checked at once: message and permitted values. */
export const QUERY_ENUMS: Readonly<Record<string, { readonly values: readonly string[]; readonly message: string }>> = {
  "encoding-type": { values: ["url"], message: "Invalid Encoding Method specified in Request" },
};

/** Texts for query numbers that are none or out of range; `{name}` stands for the parameter. */
export const INTEGER_MESSAGES: Readonly<Record<string, string>> = {
  "partNumber": "Part number must be an integer between 1 and 10000, inclusive",
  "max-keys": "Provided max-keys not an integer or within integer range",
  "max-uploads": "Provided max-uploads not an integer or within integer range",
  "max-parts": "Provided max-parts not an integer or within integer range",
  "part-number-marker": "Provided part-number-marker not an integer or within integer range",
};

/** Inclusive bounds of query numbers; elsewhere 0 … 2³¹−1. */
export const INTEGER_BOUNDS: Readonly<Record<string, readonly [number, number]>> = { "partNumber": [1, 10_000] };
