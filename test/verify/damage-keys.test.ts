/** Damage of KMS keys, grants, aliases and identities, planted and named. Source: docs/reference/verify.md. */
import { iamTables } from "../../src/iam/records.js";
import { firstRow, flipBase64, must, testDamage, type Damage } from "./damage.js";
import { Space } from "./house.js";

const KEY_DAMAGE: readonly Damage[] = [
  {
    what: "key material that is gone: the key, and the objects under it",
    plant: async (house, arn) => {
      const keyId = must(arn.split("/")[1]);
      const rows = await house.keys.tables.materials.list({ prefix: ["us-east-1", keyId], limit: 10 });
      await house.store.commit({ deletes: rows.map(({ key }) => key) });
    },
    found: [
      { fault: "key-material-missing", subject: /^KMS key us-east-1 /, detail: /current material/ },
      { fault: "key-material-missing", subject: /^KMS key us-east-1 /, detail: /2 materials/ },
      { fault: "*", subject: /does-not-open/ },
    ],
  },
  {
    what: "wrapped material that was changed",
    plant: async (house, arn) => {
      const { tables } = house.keys;
      const keyId = must(arn.split("/")[1]);
      const rows = await tables.materials.list({ prefix: ["us-east-1", keyId], limit: 10 });
      const old = must(rows.find(({ clear }) => clear.sequence === 0));
      await house.store.commit({ puts: [tables.materials.put(
        old.key, { clear: { ...old.clear, wrapped: flipBase64(old.clear.wrapped) } },
      )] });
    },
    found: [{ fault: "material-does-not-open", subject: /^KMS key material us-east-1 / }],
  },
  {
    what: "an alias that is gone, and one that leads nowhere",
    plant: async (house) => {
      const { aliases } = house.keys.tables;
      const row = must((await aliases.list({ limit: 1 }))[0]);
      const key = aliases.key("111122223333", "us-east-1", "alias/other");
      await house.store.commit({
        deletes: [row.key], puts: [aliases.put(key, { clear: { ...row.clear, name: "alias/other", keyId: "none" } })],
      });
    },
    found: [
      { fault: "alias-missing", subject: /^KMS key us-east-1 /, detail: /alias\/letters/ },
      { fault: "alias-dangling", subject: /^KMS alias 111122223333 us-east-1 alias\/other$/ },
    ],
  },
  {
    what: "a grant that is gone: what leads to it, and the key's count",
    plant: async (house) => void (await house.store.commit({ deletes: [await firstRow(house, Space.kmsGrants)] })),
    found: [
      { fault: "grant-count-wrong", subject: /^KMS key us-east-1 / },
      { fault: "grant-missing", subject: /^KMS grant by grantee / },
      { fault: "grant-missing", subject: /^KMS grant by name / },
    ],
  },
  {
    what: "the row that decisions read a grant by",
    plant: async (house) => void (await house.store.commit({ deletes: [await firstRow(house, Space.kmsGrantees)] })),
    found: [{ fault: "index-row-missing", subject: /^KMS grant us-east-1 /, repairable: true }],
  },
  {
    what: "a key that its account's list lacks",
    plant: async (house, arn) => {
      const { byAccount } = house.keys.tables;
      await house.store.commit({ deletes: [byAccount.key("111122223333", "us-east-1", must(arn.split("/")[1]))] });
    },
    found: [{ fault: "index-row-missing", subject: /^KMS key us-east-1 /, repairable: true }],
  },
  {
    what: "identities that do not agree",
    plant: async (house) => {
      const tables = iamTables(house.room.records);
      const clear = { accountId: "111122223333", name: "Ada", path: "/", id: "AIDAADA", createdMs: 1, attached: [
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
      ], groups: ["AGPANONE"], accessKeys: ["AKIANONE"] };
      const user = tables.user.put(tables.user.key("111122223333", "ada"), { clear });
      const stray = tables.accessKeys.put(tables.accessKeys.key("AKIASTRAY"), {
        clear: {
          accessKeyId: "AKIASTRAY", accountId: "111122223333", status: "Active", createdMs: 1,
        }, sealed: Buffer.from("secret"),
      });
      const id = tables.uniqueIds.put(
        tables.uniqueIds.key("AROANONE"), { clear: { kind: "role", accountId: "111122223333", name: "none" } },
      );
      await house.store.commit({ puts: [user, stray, id] });
    },
    found: [
      { fault: "index-row-missing", subject: /^user 111122223333 ada$/, detail: /unique id/, repairable: true },
      { fault: "access-key-missing", subject: /^user 111122223333 ada$/, detail: /AKIANONE/ },
      { fault: "policy-missing", subject: /^user 111122223333 ada$/, detail: /ReadOnlyAccess/ },
      { fault: "index-row-missing", subject: /^user 111122223333 ada$/, detail: /group AGPANONE/ },
      { fault: "owner-missing", subject: /^access key AKIASTRAY$/ },
      { fault: "entity-missing", subject: /^unique id AROANONE$/ },
    ],
  },
  {
    what: "a row under another's key",
    plant: async (house) => {
      const tables = iamTables(house.room.records);
      const row = must((await tables.accounts.list({ limit: 1 }))[0]);
      await house.store.commit({ puts: [tables.accounts.put(tables.accounts.key("999999999999"), { clear: row.clear })] });
    },
    found: [{ fault: "row-misplaced", subject: /^account 999999999999$/ }],
  },
];

testDamage(KEY_DAMAGE);
