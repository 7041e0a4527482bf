/**
 * Requests that ask for much with little (attacks A.3 no. 16, A.6 no. 28–31, A.7 no. 32, A.8 no. 38): each is answered at once,
 * in AWS's words, and the server serves on. Times are of this process, server and client together.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { answers, ask, request, sha256, signerFor, startHere, Wire, type Attacked, type Sending } from "../server/support.js";

const code = (body: string): string => /<Code>(.*?)<\/Code>/.exec(body)?.[1] ?? "";
const MIB = 1024 * 1024;

describe("greedy requests", () => {
  let server: Attacked;
  before(async () => {
    server = await startHere();
    await ask(server, request(server, "PUT", "/greedy"));
    await ask(server, request(server, "PUT", "/greedy/x", { body: "0123456789".repeat(10_000) }));
  });
  after(() => server.stop());

  /** Processor time and memory that an exchange costs. */
  async function costOf(work: () => Promise<void>): Promise<{ ms: number; bytes: number }> {
    const { rss } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    await work();
    const used = process.cpuUsage();
    return { ms: (used.user + used.system - user - system) / 1000, bytes: process.memoryUsage().rss - rss };
  }

  const md5 = (body: string): Promise<string> =>
    import("node:crypto").then(({ createHash }) => createHash("md5").update(body).digest("base64"));
  const send = async (method: string, target: string, body: string, headers: Record<string, string> = {}) =>
    ask(server, request(server, method, target, { body, headers: { "content-md5": await md5(body), ...headers } }), 20_000);

  test("ten thousand ranges give the whole object, once", async () => {
    const range = `bytes=${Array.from({ length: 10_000 }, (_, at) => `${at}-${at}`).join(",")}`
      .slice(0, 60_000)
      .replace(/,[^,]*$/, "");
    const overlapping = `bytes=${"0-,".repeat(5000)}0-`;
    for (const value of [range, overlapping]) {
      const { ms } = await costOf(async () => {
        const { status, body } = await ask(server, request(server, "GET", "/greedy/x", { headers: { range: value } }));
        assert.deepEqual([status, body.length], [200, 100_000]);
      });
      assert.ok(ms < 1000, `${ms} ms`);
    }
  });

  test("a form of 100 000 fields is refused at the twenty kilobytes that fields may have", async () => {
    const field = (at: number): string => `--b\r\nContent-Disposition: form-data; name="x-amz-meta-${at}"\r\n\r\nv\r\n`;
    const fields = Array.from({ length: 100_000 }, (_, at) => field(at)).join("");
    const body = `${fields}--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n`;
    const head = { "content-type": "multipart/form-data; boundary=b" };
    const { ms } = await costOf(async () => {
      const { status, body: text } = await ask(
        server,
        request(server, "POST", "/greedy", { body, headers: head, anonymous: true }),
        20_000,
      );
      assert.deepEqual([status, code(text)], [400, "MaxPostPreDataLengthExceededError"]);
    });
    assert.ok(ms < 3000, `${ms} ms`);
  });

  test("documents of a million elements, of great depth, and with entities are refused", async () => {
    const objects = (count: number): string => `<Delete>${"<Object><Key>k</Key></Object>".repeat(count)}</Delete>`;
    const bomb = `<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><Delete><Object><Key>&b;</Key></Object></Delete>`;
    const outside = `<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&x;</Key></Object></Delete>`;
    const documents = [objects(1001), objects(60_000), objects(1_000_000), "<Delete>".repeat(100_000), bomb, outside];
    for (const document of documents) {
      const { ms } = await costOf(async () => {
        const { status, body } = await send("POST", "/greedy?delete", document);
        assert.equal(status, 400);
        assert.match(code(body), /^(MalformedXML|MaxMessageLengthExceeded)$/);
        assert.ok(!body.includes("root:"));
      });
      assert.ok(ms < 3000, `${ms} ms for ${document.length} bytes`);
    }
  });

  test("a policy of 20 KB is judged, one byte more and two megabytes are refused", async () => {
    const policy = (bytes: number): string => {
      const statement = { Sid: "", Effect: "Deny", Principal: "*", Action: "s3:DeleteBucket", Resource: "arn:aws:s3:::greedy" };
      const bare = JSON.stringify({ Version: "2012-10-17", Statement: [statement] }).length;
      return JSON.stringify({ Version: "2012-10-17", Statement: [{ ...statement, Sid: "a".repeat(bytes - bare) }] });
    };
    assert.equal((await send("PUT", "/greedy?policy", policy(20_480))).status, 204);
    for (const bytes of [20_481, 2 * MIB]) {
      const { status, body } = await send("PUT", "/greedy?policy", policy(bytes));
      assert.equal(status, 400, `${bytes}`);
      assert.match(code(body), /^(MalformedPolicy|PolicyTooLarge|MaxMessageLengthExceeded)$/);
    }
    assert.equal((await ask(server, request(server, "DELETE", "/greedy?policy"))).status, 204);
  });

  test("JSON of great depth or with members given twice in policies is refused", async () => {
    const kms = (body: string): Sending => ({
      body,
      signer: signerFor("kms"),
      headers: { "x-amz-target": "TrentService.Encrypt" },
    });
    const deep = await ask(server, request(server, "POST", "/", kms(`{"a":${"[".repeat(100_000)}`)), 20_000);
    assert.deepEqual([deep.status, JSON.parse(deep.body).__type], [400, "SerializationException"]);
    const rest = `"Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::greedy/*"`;
    const twice = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Effect":"Allow",${rest}}]}`;
    const { status, body } = await send("PUT", "/greedy?policy", twice);
    assert.deepEqual([status, code(body)], [400, "MalformedPolicy"]);
  });

  test("nothing is ever decompressed: a bomb is stored as it came, and in a document it is no document", async () => {
    const bomb = gzipSync(Buffer.alloc(64 * MIB));
    const stored = await costOf(async () => {
      const put = await ask(
        server,
        request(server, "PUT", "/greedy/bomb", { body: bomb, headers: { "content-encoding": "gzip" } }),
      );
      assert.equal(put.status, 200);
      const got = await ask(server, request(server, "GET", "/greedy/bomb"));
      assert.equal(sha256(Buffer.from(got.body, "latin1")), sha256(bomb));
      assert.equal(got.headers["content-encoding"], "gzip");
    });
    assert.ok(stored.bytes < 48 * MIB, `${stored.bytes} bytes`);
    const small = gzipSync("{}");
    const kms = {
      body: small,
      signer: signerFor("kms"),
      headers: { "x-amz-target": "TrentService.ListKeys", "content-encoding": "gzip" },
    };
    assert.match((await ask(server, request(server, "POST", "/", kms))).body, /SerializationException/);
    const xml = gzipSync("<Delete><Object><Key>x</Key></Object></Delete>");
    const digest = (await import("node:crypto")).createHash("md5").update(xml).digest("base64");
    const headers = { "content-md5": digest, "content-encoding": "gzip" };
    const refused = await ask(server, request(server, "POST", "/greedy?delete", { body: xml, headers }));
    assert.equal(code(refused.body), "MalformedXML");
    assert.equal((await ask(server, request(server, "GET", "/greedy/x"))).status, 200);
  });

  test("targets and headers up to 64 KiB are answered, larger ones cut off; nothing of either is an error of ours", async () => {
    for (const target of [
      `/greedy/${"a".repeat(60_000)}`,
      `/${"a".repeat(60_000)}`,
      `/greedy?list-type=2&prefix=${"%41".repeat(20_000)}`,
    ]) {
      const { status } = await ask(server, request(server, "GET", target));
      assert.ok(status >= 200 && status < 500, `${target.slice(0, 20)}: ${status}`);
    }
    const parameters = Array.from({ length: 2000 }, (_, at) => `p${at}`).join("&");
    assert.equal((await ask(server, request(server, "GET", `/greedy?${parameters}`))).status, 400);
    const long = await ask(server, `GET /${"a".repeat(70_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    assert.equal(long.status, 431);
  });

  test("a storm of KMS calls is answered call by call, or told to slow down; memory stays", async () => {
    const stormed = await startHere({ "max-requests-per-client": "64" });
    const kms = (operation: string, input: object): Buffer =>
      request(stormed, "POST", "/", {
        body: JSON.stringify(input),
        signer: signerFor("kms"),
        headers: { "x-amz-target": `TrentService.${operation}`, "content-type": "application/x-amz-json-1.1" },
      });
    const made = JSON.parse((await ask(stormed, kms("CreateKey", {}))).body) as { KeyMetadata: { KeyId: string } };
    const KeyId = made.KeyMetadata.KeyId;
    const generate = (): Buffer => kms("GenerateDataKey", { KeyId, KeySpec: "AES_256" });
    const seen = { ok: 0, slow: 0 };
    const { bytes } = await costOf(async () => {
      for (let wave = 0; wave < 2; wave += 1) {
        const wires = Array.from({ length: 200 }, () => new Wire(stormed).write(generate()));
        for (const wire of wires) await wire.until((text, ended) => ended || answers(text).length > 0, 20_000);
        for (const wire of wires) {
          const [answer] = answers(wire.text);
          if (answer?.status === 200) seen.ok += 1;
          else {
            assert.match(answer?.body ?? "", /"ThrottlingException"/);
            seen.slow += 1;
          }
          wire.close();
        }
      }
    });
    assert.equal(seen.ok + seen.slow, 400);
    assert.ok(seen.ok >= 2 * 64, JSON.stringify(seen));
    assert.ok(bytes < 256 * MIB, `${bytes} bytes`);
    assert.equal((await ask(stormed, generate())).status, 200);
    await stormed.stop();
  });

  test("a flood of open uploads, each with a part, costs little memory and is listed in pages", async (t) => {
    const flooded = await startHere();
    t.after(() => flooded.stop());
    await ask(flooded, request(flooded, "PUT", "/flooded"));
    const UPLOADS = 1010;
    let at = 0;
    const one = async (): Promise<void> => {
      const wire = new Wire(flooded);
      let seen = 0;
      const exchange = async (bytes: Buffer): Promise<string> => {
        wire.write(bytes);
        seen += 1;
        await wire.until((text) => answers(text).length === seen, 30_000);
        return answers(wire.text).at(-1)?.body ?? "";
      };
      while (at < UPLOADS && seen < 20) {
        at += 1;
        const begun = await exchange(request(flooded, "POST", `/flooded/${at}?uploads`));
        const uploadId = /<UploadId>(.*?)<\/UploadId>/.exec(begun)?.[1] ?? assert.fail(begun);
        await exchange(request(flooded, "PUT", `/flooded/${at}?partNumber=1&uploadId=${uploadId}`, { body: "p".repeat(1000) }));
      }
      wire.close();
    };
    const { heapUsed } = process.memoryUsage();
    while (at < UPLOADS) await Promise.all(Array.from({ length: 12 }, one));
    assert.ok(process.memoryUsage().heapUsed - heapUsed < 64 * MIB);
    const page = await ask(flooded, request(flooded, "GET", "/flooded?uploads"));
    assert.equal([...page.body.matchAll(/<Upload>/g)].length, 1000);
    assert.match(page.body, /<IsTruncated>true<\/IsTruncated>/);
    assert.equal((await ask(flooded, request(flooded, "DELETE", "/flooded"))).status, 204);
  });

  test("none of this was an error of ours", () => {
    assert.deepEqual(
      server.logged.filter((line) => line.includes('"level":"error"')),
      [],
    );
  });
});
