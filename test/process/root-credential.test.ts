/** The root credential: given for one run, or stored and reset; a running server obeys at once. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { GetCallerIdentityCommand } from "@aws-sdk/client-sts";
import { failure, startServer, stsClient, type Credentials, type TestServer } from "../e2e/server.js";
import { ACCOUNT, coffer, filesBelow, inDirectory, mode, placeFlags, storedRoot, withServer } from "./support.js";

const GIVEN: Credentials = { accessKeyId: "AKIAGIVENROOT0000001", secretAccessKey: "given-for-this-run-only/0000000000001" };
const whoAmI = async (server: TestServer, credentials: Credentials): Promise<string | undefined> =>
  (await stsClient(server, { credentials }).send(new GetCallerIdentityCommand({}))).Arn;
const refusal = async (server: TestServer, credentials: Credentials): Promise<string> =>
  (await failure(stsClient(server, { credentials }).send(new GetCallerIdentityCommand({})))).code;
const ROOT_ARN = `arn:aws:iam::${ACCOUNT}:root`;

for (const source of ["flags", "environment", "files", "configuration file"] as const) {
  test(`a root credential given by ${source} holds for the run and is not stored`, () =>
    inDirectory(async (directory) => {
      const secretFile = join(directory, "secret.txt");
      writeFileSync(secretFile, `${GIVEN.secretAccessKey}\n`);
      const configFile = join(directory, "coffer.yaml");
      writeFileSync(configFile, `root-access-key-id: ${GIVEN.accessKeyId}\nroot-secret-access-key: ${GIVEN.secretAccessKey}\n`);
      const flags = {
        flags: ["--root-access-key-id", GIVEN.accessKeyId, "--root-secret-access-key", GIVEN.secretAccessKey],
        files: ["--root-access-key-id", GIVEN.accessKeyId, "--root-secret-access-key-file", secretFile],
        environment: [],
        "configuration file": ["--config", configFile],
      }[source];
      const environment =
        source === "environment"
          ? { COFFER_ROOT_ACCESS_KEY_ID: GIVEN.accessKeyId, COFFER_ROOT_SECRET_ACCESS_KEY: GIVEN.secretAccessKey }
          : {};
      await withServer(startServer({ disk: true, directory, rootByFlag: false, flags, environment }), async (server) => {
        assert.equal(await whoAmI(server, GIVEN), ROOT_ARN);
        assert.equal(await server.stop(), 0);
      });
      assert.equal(existsSync(join(directory, "config", "root-credential.json")), false);
      // The next run was not given it: it makes one of its own, and the given one is unknown.
      await withServer(startServer({ disk: true, directory, rootByFlag: false }), async (server) => {
        assert.equal(await refusal(server, GIVEN), "InvalidClientTokenId");
        assert.equal(await whoAmI(server, storedRoot(join(directory, "config"))), ROOT_ARN);
      });
    }));
}

for (const workers of ["1", "2"]) {
  test(`\`coffer root reset\` ends the old credential on a running server of ${workers} worker${workers === "1" ? "" : "s"}, at its next request`, () =>
    inDirectory(async (directory) => {
      const config = join(directory, "config");
      await withServer(
        startServer({ disk: true, directory, rootByFlag: false, flags: ["--workers", workers] }),
        async (server) => {
          const old = storedRoot(config);
          // On kept-alive connections, so that each worker has seen the old credential.
          const clients = Array.from({ length: 6 }, () => stsClient(server, { credentials: old }));
          const ask = (client: (typeof clients)[number]) => client.send(new GetCallerIdentityCommand({}));
          for (const client of clients) assert.equal((await ask(client)).Arn, ROOT_ARN);
          const { code, stdout } = await coffer(["root", "reset", ...placeFlags(directory)]);
          assert.equal(code, 0);
          const fresh = storedRoot(config);
          assert.notEqual(fresh.accessKeyId, old.accessKeyId);
          assert.equal(stdout.includes(fresh.secretAccessKey), false, "not into a pipe");
          assert.equal(mode(join(config, "root-credential.json")), 0o600);
          for (const client of clients) assert.equal((await failure(ask(client))).code, "InvalidClientTokenId");
          for (let tries = 0; tries < 4; tries += 1) assert.equal(await whoAmI(server, fresh), ROOT_ARN);
        },
      );
    }));
}

test("`coffer root reset` without a store makes nothing", () =>
  inDirectory(async (directory) => {
    const { code, stderr } = await coffer(["root", "reset", ...placeFlags(directory)]);
    assert.equal(code, 1);
    assert.match(stderr, /^coffer: root reset: no store in /);
    assert.deepEqual(filesBelow(directory), []);
  }));
