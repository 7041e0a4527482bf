/** XML documents as S3 clients send them. */
import assert from "node:assert/strict";
import { decodeInput } from "../../../src/wire/codec.js";
import { route } from "../../../src/wire/route.js";
import { parseXml, XML_LIMITS, XmlError, type XmlNode } from "../../../src/wire/xml-parse.js";
import { escapeXml } from "../../../src/wire/xml-write.js";
import { requestHead } from "../../wire/signing.js";
import { told, type Target } from "../target.js";

/** Query parameter of the operation, and a body that it takes. */
const DOCUMENTS: readonly (readonly [query: string, method: string, body: string])[] = [
  ["uploadId=u", "POST",
    "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>&quot;e&quot;</ETag></Part></CompleteMultipartUpload>"],
  ["delete=", "POST", "<Delete><Quiet>true</Quiet><Object><Key>a&amp;b</Key><VersionId>v</VersionId></Object></Delete>"],
  ["tagging=", "PUT",
    '<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet>' +
      "<Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"],
  ["encryption=", "PUT",
    "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm>" +
      "</ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled></Rule>" +
      "</ServerSideEncryptionConfiguration>"],
  ["lifecycle=", "PUT",
    "<LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status><Filter><And><Prefix>p</Prefix><Tag><Key>k</Key>" +
      "<Value>v</Value></Tag></And></Filter><Expiration><Days>3</Days></Expiration></Rule></LifecycleConfiguration>"],
  ["versioning=", "PUT", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"],
  ["acl=", "PUT",
    "<AccessControlPolicy><Owner><ID>o</ID></Owner><AccessControlList><Grant>" +
      '<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>i</ID></Grantee>' +
      "<Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>"],
];
const OBJECT_QUERIES = new Set(["uploadId=u"]);

export const xml: Target = {
  name: "xml",
  claim: "any bytes are parsed within the limits or refused in the caller's terms; what was parsed reads the same when written",
  seeds: DOCUMENTS.map(([, , body]) => Buffer.from(body)),
  words: [
    "<![CDATA[", "]]>", "<!--", "-->", '<?xml version="1.0"?>', '<!DOCTYPE a [<!ENTITY b "c">]>', "&#x0;", "&#13;", "&b;", "&lt;",
    'xmlns=""', 'xmlns:x="y"', "</", "/>", "<a>", "\xef\xbb\xbf", "\u0000", "<Part>", "<Key>", "99999999999999999999", "true",
  ],
  maxBytes: 4096,
  run(input) {
    const tree = told(() => parseXml(input), XmlError);
    if (tree !== undefined) {
      assert.ok(measure(tree).depth <= XML_LIMITS.maxDepth && measure(tree).elements <= XML_LIMITS.maxElements);
      assert.deepEqual(parseXml(Buffer.from(written(tree))), tree);
    }
    for (const [query, method] of DOCUMENTS) {
      const path = OBJECT_QUERIES.has(query) ? "/bucket/key" : "/bucket";
      const head = requestHead(method, `${path}?${query}`, { host: "localhost" });
      const routed = route(head, { domains: ["localhost"] });
      assert.equal(routed.kind, "operation");
      if (routed.kind === "operation") told(() => decodeInput(routed, head, input));
    }
  },
};

function measure(node: XmlNode): { readonly depth: number; readonly elements: number } {
  let depth = 0;
  let elements = 1;
  for (const child of node.children) {
    const below = measure(child);
    depth = Math.max(depth, below.depth);
    elements += below.elements;
  }
  return { depth: depth + 1, elements };
}

/** Text before children: a tree does not say where between them it stood. */
function written({ name, attributes, children, text }: XmlNode): string {
  const shown = [...(attributes ?? [])].map(([key, value]) => ` ${key}="${attribute(value)}"`).join("");
  return `<${name}${shown}>${escapeXml(text)}${children.map(written).join("")}</${name}>`;
}

/** White space in attribute values is kept only as references. */
const attribute = (value: string): string => escapeXml(value).replaceAll("\n", "&#10;").replaceAll("\t", "&#9;");
