import assert from "node:assert/strict";
import { test } from "node:test";
import { ServiceError } from "../../src/lib/errors.js";
import { decodeInput, encodeError, encodeOutput } from "../../src/wire/codec.js";
import type { RoutedForm } from "../../src/wire/contract.js";
import { route, routeForm } from "../../src/wire/route.js";
import { headOf, parse } from "./sdk.js";

const IDS = { requestId: "R1", hostId: "H1" };
const HEAD = headOf("POST", "/", { "content-type": "application/x-www-form-urlencoded" });

function decode(body: string, service: "iam" | "sts" = "iam"): Record<string, unknown> {
  const form = route(HEAD, { domains: ["localhost"] }) as RoutedForm;
  const version = service === "iam" ? "2010-05-08" : "2011-06-15";
  return decodeInput(routeForm(form, Buffer.from(`Version=${version}&${body}`), service), HEAD, new Uint8Array()) as Record<
    string,
    unknown
  >;
}
const messageOf = (body: string, service: "iam" | "sts" = "iam"): string => {
  try {
    decode(body, service);
  } catch (error) {
    assert.ok(error instanceof ServiceError);
    return `${error.code}: ${error.message}`;
  }
  return "accepted";
};

test("lists, structures, numbers and booleans decode from dotted names, in index order", () => {
  const input = decode(
    "Action=CreateRole&RoleName=r&AssumeRolePolicyDocument=%7B%22a%22%3A%22%253A%22%7D&MaxSessionDuration=3600" +
      "&Tags.member.2.Key=b&Tags.member.2.Value=2&Tags.member.10.Key=c&Tags.member.10.Value=&Tags.member.1.Key=a&Tags.member.1.Value=1%2B1",
  );
  assert.deepEqual(input, {
    RoleName: "r",
    AssumeRolePolicyDocument: '{"a":"%3A"}',
    MaxSessionDuration: 3600,
    Tags: [
      { Key: "a", Value: "1+1" },
      { Key: "b", Value: "2" },
      { Key: "c", Value: "" },
    ],
  });
  assert.deepEqual(decode("Action=UntagUser&UserName=u&TagKeys="), { UserName: "u", TagKeys: [] });
  assert.deepEqual(decode("Action=UntagUser&UserName=u&TagKeys.member.1=k"), { UserName: "u", TagKeys: ["k"] });
  assert.equal(
    decode("Action=CreatePolicyVersion&PolicyArn=arn:aws:iam::123456789012:policy/p&PolicyDocument=x&SetAsDefault=true")[
      "SetAsDefault"
    ],
    true,
  );
  assert.deepEqual(
    decode(
      "Action=AssumeRole&RoleArn=arn:aws:iam::123456789012:role/r&RoleSessionName=ss&PolicyArns.member.1.arn=arn:aws:iam::aws:policy/X",
      "sts",
    )["PolicyArns"],
    [{ arn: "arn:aws:iam::aws:policy/X" }],
  );
});

test("unknown and hostile names are ignored or refused", () => {
  assert.deepEqual(decode("Action=GetUser&UserName=u&__proto__.x=1&constructor=2&UserName.member.1=3"), { UserName: "u" });
  assert.match(messageOf(`Action=GetUser&${"a.".repeat(16)}b=1`), /^MalformedInput/);
  assert.equal(messageOf(`Action=GetUser&${"a.".repeat(15)}b=1`), "accepted");
  assert.match(messageOf("Action=ListUsers&MaxItems=ten"), /^MalformedInput/);
  assert.match(
    messageOf("Action=CreatePolicyVersion&PolicyArn=arn:aws:iam::123456789012:policy/p&PolicyDocument=x&SetAsDefault=maybe"),
    /^MalformedInput/,
  );
});

test("validation speaks as IAM and STS do", () => {
  assert.equal(
    messageOf("Action=CreateUser"),
    "ValidationError: 1 validation error detected: Value null at 'userName' failed to satisfy constraint: Member must not be null",
  );
  assert.equal(
    messageOf(`Action=CreateUser&UserName=${"a".repeat(65)}`),
    `ValidationError: 1 validation error detected: Value '${"a".repeat(65)}' at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64`,
  );
  assert.equal(messageOf(`Action=CreateUser&UserName=${"a".repeat(64)}`), "accepted");
  assert.equal(messageOf(`Action=GetUser&UserName=${"a".repeat(128)}`), "accepted");
  assert.equal(
    messageOf("Action=AssumeRole&RoleArn=arn:aws:iam::123456789012:role/r&RoleSessionName=a%20b", "sts"),
    "ValidationError: 1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
  );
  assert.match(
    messageOf("Action=UpdateAccessKey&AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=Gone"),
    /Value 'Gone' at 'status' failed to satisfy constraint: Member must satisfy enum value set: \[/,
  );
  assert.match(
    messageOf("Action=GetSessionToken&DurationSeconds=899", "sts"),
    /Value '899' at 'durationSeconds' .* greater than or equal to 900/,
  );
  assert.equal(messageOf("Action=GetSessionToken&DurationSeconds=129600", "sts"), "accepted");
  assert.match(
    messageOf("Action=CreateUser&UserName=u&Tags.member.1.Key=&Tags.member.1.Value=v"),
    /^ValidationError: 2 validation errors detected: Value '' at 'tags\.1\.member\.key'/,
  );
});

test("answers: result, member lists, maps, times without milliseconds, request id", () => {
  const text = (operation: string, output: object | undefined): string =>
    Buffer.from(encodeOutput("iam", operation, output, IDS).body as Uint8Array).toString();
  assert.equal(
    text("CreateUser", {
      User: {
        UserName: "a&b",
        Path: "/",
        Arn: "arn",
        UserId: "AIDA",
        CreateDate: new Date(1_700_000_000_999),
        Tags: [{ Key: "k", Value: "v" }],
      },
    }),
    '<CreateUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><CreateUserResult><User><Path>/</Path><UserName>a&amp;b</UserName><UserId>AIDA</UserId><Arn>arn</Arn>' +
      "<CreateDate>2023-11-14T22:13:20Z</CreateDate><Tags><member><Key>k</Key><Value>v</Value></member></Tags></User></CreateUserResult>" +
      "<ResponseMetadata><RequestId>R1</RequestId></ResponseMetadata></CreateUserResponse>",
  );
  assert.equal(
    text("DeleteUser", undefined),
    '<DeleteUserResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ResponseMetadata><RequestId>R1</RequestId></ResponseMetadata></DeleteUserResponse>',
  );
  assert.match(
    text("GetAccountSummary", { SummaryMap: { Users: 2 } }),
    /<SummaryMap><entry><key>Users<\/key><value>2<\/value><\/entry><\/SummaryMap>/,
  );
  assert.match(text("ListUsers", { Users: [], IsTruncated: false }), /<Users><\/Users><IsTruncated>false<\/IsTruncated>/);
  assert.equal(encodeOutput("iam", "DeleteUser", undefined, IDS).headers["content-type"], "text/xml");
});

test("errors: code on the wire, type, status; the SDK names the exception", async () => {
  const error = encodeError("iam", new ServiceError("NoSuchEntityException", "The user with name x cannot be found."), {
    ...IDS,
    isHead: false,
  });
  assert.equal(error.status, 404);
  assert.equal(
    Buffer.from(error.body as Uint8Array).toString(),
    '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>NoSuchEntity</Code>' +
      "<Message>The user with name x cannot be found.</Message></Error><RequestId>R1</RequestId></ErrorResponse>",
  );
  await assert.rejects(parse("iam", "GetUser", { UserName: "x" }, error), { name: "NoSuchEntityException" });
  const status = (service: "iam" | "sts", code: string): number =>
    encodeError(service, new ServiceError(code, ""), { ...IDS, isHead: false }).status;
  assert.deepEqual(
    [
      status("iam", "NoSuchEntity"),
      status("iam", "EntityAlreadyExists"),
      status("iam", "LimitExceeded"),
      status("iam", "MalformedPolicyDocument"),
      status("iam", "ServiceFailure"),
    ],
    [404, 409, 409, 400, 500],
  );
  assert.deepEqual(
    [
      status("sts", "AccessDenied"),
      status("sts", "ValidationError"),
      status("sts", "InvalidClientTokenId"),
      status("sts", "IDPRejectedClaim"),
      status("sts", "InvalidAction"),
    ],
    [403, 400, 403, 403, 400],
  );
});
