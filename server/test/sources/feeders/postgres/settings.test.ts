/** What an entry of the configuration means, and which names and addresses are refused. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { originSettings } from "../../../../src/sources/feeders/postgres/settings.ts";
import { quoted, tableParts } from "../../../../src/sources/feeders/postgres/statements.ts";
import { propertyOptions } from "../../../support/seed.ts";
import { entryFor } from "./postgres-support.ts";

const NO_KEYS = { hosts: undefined, database: undefined, user: undefined, password: undefined } as const;
const entry = (changes: Parameters<typeof entryFor>[1]) => entryFor({ host: "db", port: 5432 }, changes);

suite("the settings of a Postgres feeder", () => {
  test("a URL gives address, login, TLS and kind of server", () => {
    const url = "postgresql://us%20er:p%40ss@one:1234,two,[::1]:5/my%2Fdb?sslmode=require&target_session_attrs=any";
    const { server } = originSettings(entry({ ...NO_KEYS, url }));
    assert.deepEqual(server.hosts, [
      { host: "one", port: 1234 },
      { host: "two", port: 5432 },
      { host: "::1", port: 5 },
    ]);
    assert.deepEqual([server.user, server.password, server.database], ["us er", "p@ss", "my/db"]);
    assert.equal(server.sessions, "any");
    assert.deepEqual(server.tls, { caPath: undefined, certPath: undefined, keyPath: undefined });
    assert.equal(originSettings(entry({ ...NO_KEYS, url: "postgres://u@h/d?sslmode=disable" })).server.tls, undefined);
  });

  const refusedCases: readonly [string, Parameters<typeof entryFor>[1], RegExp][] = [
    ["neither table nor query", { table: undefined }, /has neither table nor query; give one of them/],
    ["both table and query", { query: "SELECT 1 AS id" }, /has both table and query; give one of them/],
    ["a semicolon at the end of the query", { table: undefined, query: "SELECT 1 AS id;" }, /semicolon/],
    ["no address", NO_KEYS, /has no hosts and no database and no user/],
    ["a url beside keys", { url: "postgres://u@h/d" }, /keep one of the two/],
    ["a url of another scheme", { ...NO_KEYS, url: "mysql://secret@h/d" }, /has a url of another form/],
    ["a url without a database", { ...NO_KEYS, url: "postgres://secret@h" }, /has a url of another form/],
    ["a url without a user", { ...NO_KEYS, url: "postgres://h/secret" }, /without a user/],
    ["a url with a port above the last", { ...NO_KEYS, url: "postgres://secret@h:65536/d" }, /wrong host/],
    [
      "a url with an unknown parameter",
      { ...NO_KEYS, url: "postgres://secret@h/d?sslmode=prefer" },
      /the parameter sslmode/,
    ],
    ["a url with a wrong % code", { ...NO_KEYS, url: "postgres://u:secret%zz@h/d" }, /wrong % code/],
    [
      "a certificate without its key",
      { tls: { isOn: true, caPath: undefined, certPath: "c", keyPath: undefined } },
      /only one/,
    ],
    ["a table of three parts", { table: "a.b.c" }, /is not a table/],
  ];
  for (const [what, changes, message] of refusedCases) {
    test(`${what} is refused, and no message shows the url`, () => {
      const error = (() => {
        try {
          return originSettings(entry(changes));
        } catch (thrown) {
          return thrown as Error & { code: string };
        }
      })();
      assert.ok(error instanceof Error);
      assert.match(error.message, message);
      assert.equal(error.code, "bad_config");
      assert.doesNotMatch(error.message, /secret/);
    });
  }

  test("names of tables are split at dots outside quotes", () => {
    assert.deepEqual(tableParts("swaps"), ["swaps"]);
    assert.deepEqual(tableParts("public.Swaps"), ["public", "Swaps"]);
    assert.deepEqual(tableParts('"a.b"."c""d"'), ["a.b", 'c"d']);
    for (const text of ["", ".", "a.", ".a", "a..b", '"a', 'a"b', '"a"b', "a.b.c"]) {
      assert.throws(() => tableParts(text), { code: "bad_config" }, text);
    }
  });

  test("whatever a name holds, its quotes are closed by its own end alone", (t) => {
    const name = fc.string({
      unit: fc.constantFrom('"', "'", ";", "-", ".", "\\", "x", "é", " "),
      minLength: 1,
      maxLength: 30,
    });
    const property = fc.property(name, fc.option(name), (table, schema) => {
      const parts = schema === null ? [table] : [schema, table];
      const written = parts.map(quoted).join(".");
      assert.deepEqual(tableParts(written), parts);
    });
    fc.assert(property, propertyOptions(t, 500));
  });

  test("a name has at most 63 bytes and no NUL", () => {
    assert.equal(quoted("x".repeat(63)), `"${"x".repeat(63)}"`);
    for (const name of ["", "x".repeat(64), "é".repeat(32), "a\0b"])
      assert.throws(() => quoted(name), { code: "bad_config" });
  });
});
