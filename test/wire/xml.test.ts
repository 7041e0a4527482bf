import assert from "node:assert/strict";
import { test } from "node:test";
import { cpuMs } from "../cpu-time.js";
import type { DeleteObjectsRequest, PutBucketEncryptionRequest } from "../../src/wire/tables/s3-types.js";
import { parseXml, XML_LIMITS, XmlError } from "../../src/wire/xml-parse.js";
import { code, decode, textOf, XMLNS } from "./s3-codec.js";

const deleteObjects = (xml: string): DeleteObjectsRequest => decode("POST", "/b?delete", xml) as DeleteObjectsRequest;

test("a name with an empty half, or with two colons, is no XML name", () => {
  for (const name of [":b", "a:", "a:b:c", ":"]) {
    assert.throws(() => parseXml(Buffer.from(`<${name}/>`)), XmlError, name);
    assert.throws(() => parseXml(Buffer.from(`<a ${name}=""/>`)), XmlError, name);
  }
});

test("a document is read with S3's namespace, with another, with a prefix and with none", () => {
  const expected = { Objects: [{ Key: "k" }], Quiet: true };
  for (const xml of [
    `<Delete ${XMLNS}><Object><Key>k</Key></Object><Quiet>true</Quiet></Delete>`,
    `<?xml version="1.0" encoding="UTF-8"?>\n<Delete>\n <Object><Key>k</Key></Object><!-- c --><Quiet>1</Quiet>\n</Delete>\n`,
    `<Delete xmlns="http://doc.s3.amazonaws.com/2006-03-01/"><Quiet>true</Quiet><Object><Key>k</Key></Object></Delete>`,
    `<s:Delete xmlns:s="http://s3.amazonaws.com/doc/2006-03-01/"><s:Object><s:Key>k</s:Key></s:Object><s:Quiet>true</s:Quiet></s:Delete>`,
    `\ufeff<Delete><Unknown><Deep/></Unknown><Object><Key>k</Key></Object><Quiet>true</Quiet></Delete>`,
  ])
    assert.deepEqual(deleteObjects(xml).Delete, expected, xml);
});

test("keys come out of XML byte-exact: white space, CDATA, references, control characters", () => {
  const keys: [string, string][] = [
    [" k ", " k "],
    ["a&amp;b&lt;c&gt;&quot;&apos;", "a&b<c>\"'"],
    ["<![CDATA[<&]]>x", "<&x"],
    ["&#13;&#10;&#x9;", "\r\n\t"],
    ["&#x1;a&#31;b&#x0B;", "\u0001a\u001fb\u000b"],
    ["&amp;#x1;", "&#x1;"],
    ["\u2028\u0085", "\u2028\u0085"],
    ["😀&#x1F600;", "😀😀"],
    ["", ""],
  ];
  for (const [xml, key] of keys)
    assert.equal(deleteObjects(`<Delete><Object><Key>${xml}</Key></Object></Delete>`).Delete.Objects[0]?.Key, key, xml);
});

test("what AWS calls malformed is MalformedXML", () => {
  const bad = [
    "<Delete>",
    "<Delete></Wrong>",
    "nonsense",
    " ",
    "<Wrong><Object><Key>k</Key></Object></Wrong>",
    "<Delete/>",
    "<Delete><Object/></Delete>",
    "<Delete><Object><Key>k</Key><Key>l</Key></Object></Delete>",
    "<Delete><Object><Key><b/></Key></Object></Delete>",
    "<Delete><Object><Key>k</Key></Object><Quiet>yes</Quiet></Delete>",
    "<Delete><Object><Key>k</Key><Size>x</Size></Object></Delete>",
    "<Delete><Object><Key>k</Key><LastModifiedTime>soon</LastModifiedTime></Object></Delete>",
    "<Delete><Object><Key>a\u0000b</Key></Object></Delete>",
    "<Delete><Object><Key>&#0;</Key></Object></Delete>",
    "<Delete><Object><Key>&nbsp;</Key></Object></Delete>",
    "<Delete><Object><Key>a\u0001</Key></Object></Delete>",
    "<Delete a='1' a='2'><Object><Key>k</Key></Object></Delete>",
    "<Delete><Object><Key>k</Key></Object></Delete><Delete/>",
    "<?xml version='1.0' encoding='UTF-16'?>",
  ];
  for (const xml of bad) assert.throws(() => deleteObjects(xml), code("MalformedXML"), xml);
  assert.throws(() => decode("POST", "/b?delete", Buffer.from([0x3c, 0xff, 0x3e])), code("MalformedXML"));
});

test("an empty body where one is required is MissingRequestBodyError, elsewhere it is absent", () => {
  assert.throws(() => decode("PUT", "/b?encryption", ""), code("MissingRequestBodyError"));
  assert.deepEqual(decode("PUT", "/b", ""), { Bucket: "b" });
});

test("a bad ACL document has its own code", () => {
  assert.throws(() => decode("PUT", "/b?acl", "<Nope/>"), code("MalformedACLError"));
});

test("enum values in bodies are checked, but not those with an answer of their own", () => {
  const encryption = (algorithm: string): string =>
    `<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>${algorithm}</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>`;
  const input = decode("PUT", "/b?encryption", encryption("aws:kms")) as PutBucketEncryptionRequest;
  assert.equal(input.ServerSideEncryptionConfiguration.Rules[0]?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm, "aws:kms");
  assert.throws(() => decode("PUT", "/b?encryption", encryption("aes")), code("MalformedXML"));
  assert.deepEqual(
    decode("PUT", "/b", "<CreateBucketConfiguration><LocationConstraint>moon-1</LocationConstraint></CreateBucketConfiguration>"),
    { Bucket: "b", CreateBucketConfiguration: { LocationConstraint: "moon-1" } },
  );
  const blocked =
    "<ServerSideEncryptionConfiguration><Rule><BlockedEncryptionTypes><EncryptionType>SSE-D</EncryptionType></BlockedEncryptionTypes></Rule></ServerSideEncryptionConfiguration>";
  assert.throws(() => decode("PUT", "/b?encryption", blocked), code("MalformedXML"));
});

test("xsi:type of a grantee is read and written", () => {
  const acl = `<AccessControlPolicy ${XMLNS}><Owner><ID>o</ID></Owner><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>o</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>`;
  const input = decode("PUT", "/b?acl", acl) as { AccessControlPolicy: object };
  assert.deepEqual(input.AccessControlPolicy, {
    Owner: { ID: "o" },
    Grants: [{ Grantee: { Type: "CanonicalUser", ID: "o" }, Permission: "FULL_CONTROL" }],
  });
  const text = textOf("GetBucketAcl", input.AccessControlPolicy);
  assert.match(
    text,
    /<Grantee xmlns:xsi="http:\/\/www.w3.org\/2001\/XMLSchema-instance" xsi:type="CanonicalUser"><ID>o<\/ID><\/Grantee>/,
  );
});

// ---- Attacks -------------------------------------------------------------------------------------------------------

test("entity bombs and document types are refused at once", () => {
  const bomb = `<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]><Delete>&b;</Delete>`;
  const external = `<!DOCTYPE d SYSTEM "file:///etc/passwd"><Delete/>`;
  for (const xml of [bomb, external]) assert.throws(() => deleteObjects(xml), code("MalformedXML"));
});

test("nesting is bounded: 20 deep is read, 21 is refused, 100 000 neither hangs nor overflows", () => {
  const nested = (depth: number): Buffer => Buffer.from("<a>".repeat(depth) + "</a>".repeat(depth));
  assert.equal(parseXml(nested(XML_LIMITS.maxDepth)).name, "a");
  assert.throws(() => parseXml(nested(XML_LIMITS.maxDepth + 1)), XmlError);
  assert.throws(() => parseXml(nested(100_000)), XmlError);
  assert.throws(() => parseXml(Buffer.from("<a>".repeat(1_000_000))), XmlError);
});

test("the number of elements is bounded", () => {
  const limits = { maxDepth: 20, maxElements: 100 };
  assert.equal(parseXml(Buffer.from(`<a>${"<b/>".repeat(99)}</a>`), limits).children.length, 99);
  assert.throws(() => parseXml(Buffer.from(`<a>${"<b/>".repeat(100)}</a>`), limits), XmlError);
  const started = cpuMs();
  assert.throws(() => parseXml(Buffer.from(`<Delete>${"<Object/>".repeat(1_000_000)}</Delete>`)), XmlError);
  assert.ok(cpuMs() - started < 3000);
});

test("huge attributes, names and text are read in linear time", () => {
  const mebibyte = "x".repeat(1 << 20);
  const started = cpuMs();
  assert.equal(parseXml(Buffer.from(`<a b="${mebibyte}"/>`)).attributes?.get("b")?.length, 1 << 20);
  assert.equal(parseXml(Buffer.from(`<a>${mebibyte}</a>`)).text.length, 1 << 20);
  assert.equal(parseXml(Buffer.from(`<a>${"&amp;".repeat(200_000)}</a>`)).text.length, 200_000);
  assert.throws(() => parseXml(Buffer.from(`<a ${attributes(17)}/>`)), XmlError);
  assert.equal(parseXml(Buffer.from(`<a ${attributes(16)}><b ${attributes(16)}/></a>`)).children.length, 1);
  assert.throws(() => parseXml(Buffer.from(`<a ${attributes(500_000)}/>`)), XmlError);
  assert.ok(cpuMs() - started < 3000);
});

const attributes = (count: number): string => Array.from({ length: count }, (_, index) => `a${index}="1"`).join(" ");

test("names of JavaScript's own properties are ordinary names", () => {
  const input = decode(
    "PUT",
    "/b?tagging",
    "<Tagging><TagSet><Tag><Key>__proto__</Key><Value>v</Value></Tag></TagSet><__proto__>x</__proto__><constructor/></Tagging>",
  );
  assert.deepEqual((input as { Tagging: object }).Tagging, { TagSet: [{ Key: "__proto__", Value: "v" }] });
  const metadata = decode("PUT", "/b/k", "", { "x-amz-meta-__proto__": "v" }) as { Metadata: Record<string, string> };
  assert.deepEqual(Object.entries(metadata.Metadata), [["__proto__", "v"]]);
});
