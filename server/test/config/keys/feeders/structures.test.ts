/** Values of feeders that have a form of their own: addresses, headers, pools, paths, messages. */
import { strict as assert } from "node:assert";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { url } from "../../../../src/config/keys/feeders/addresses.ts";
import { HEADERS } from "../../../../src/config/keys/feeders/headers.ts";
import { JSON_PATH } from "../../../../src/config/keys/feeders/json-paths.ts";
import { POOLS } from "../../../../src/config/keys/feeders/pools.ts";
import { loadConfig } from "../../../../src/config/load.ts";
import { tempDir } from "../../../support/tmp.ts";

const A = `0x${"ab".repeat(20)}`;
const B = `0x${"CD".repeat(20)}`;
const POOL = { address: A, version: "v3", dollar: "token0" };
const noSecret = (): never => assert.fail("no reference was given");

type Read = { readonly value: unknown } | { readonly problem: string };

function problemOf(read: Read): string {
  assert.ok("problem" in read, JSON.stringify(read));
  return read.problem;
}

test("pools: what is given is read, and addresses are in lower case", () => {
  const through = {
    address: B,
    version: "v2",
    dollar: { through: A },
    report: "both",
    token0: { symbol: "X", decimals: 77 },
  };
  assert.deepEqual(POOLS.read([POOL, through]), {
    value: [
      { address: A, version: "v3", tokens: [{}, {}], dollar: 0, report: undefined },
      {
        ...{ address: B.toLowerCase(), version: "v2", dollar: { through: A }, report: "both" },
        tokens: [{ address: undefined, symbol: "X", decimals: 77 }, {}],
      },
    ],
  });
});

test("pools: each mistake is named", () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [undefined, /is no list of pools/],
    [[], /is no list of pools/],
    [Array.from({ length: 201 }, () => POOL), /has 201 pools; give at most 200/],
    [[5], /pool 1 one that is no section/],
    [[{ ...POOL, fee: 5 }], /has `fee`/],
    [[{ ...POOL, address: "0x12" }], /has no `address`/],
    [[{ ...POOL, address: 5 }], /has no `address`/],
    [[{ ...POOL, version: "v4" }], /has no `version`/],
    [[{ ...POOL, dollar: "USDC" }], /has no `dollar`/],
    [[{ ...POOL, dollar: { through: "x" } }], /has no `dollar`/],
    [[{ ...POOL, report: "none" }], /has another `report`/],
    [[{ ...POOL, token0: 5 }], /token0 that is no section/],
    [[{ ...POOL, token0: { decimals: 78 } }], /token0 that has `decimals`/],
    [[{ ...POOL, token1: { decimals: 1.5 } }], /token1 that has `decimals`/],
    [[{ ...POOL, token1: { symbol: "" } }], /token1 that has a `symbol`/],
    [[{ ...POOL, token1: { name: "x" } }], /token1 that has `name`/],
    [[{ ...POOL, token1: { address: "x" } }], /token1 that has an `address`/],
    [[POOL, { ...POOL, address: A.toUpperCase().replace("0X", "0x") }], /has the pool 0xab.* twice/],
    [[{ ...POOL, dollar: { through: B } }], /goes through 0xcd/],
    [[{ ...POOL, dollar: { through: A } }], /goes through 0xab/],
  ];
  for (const [raw, message] of cases) assert.match(problemOf(POOLS.read(raw)), message);
});

test("addresses: only of their protocols, without users, and shown without what may be a key", () => {
  const kind = url(["https://", "wss://"]);
  assert.deepEqual(kind.read("https://a.example/v2/key?x=y", noSecret), { value: "https://a.example/v2/key?x=y" });
  assert.equal(kind.show("https://a.example/v2/key?x=y"), "https://a.example/***");
  assert.equal(kind.show("https://a.example/"), "https://a.example/");
  assert.deepEqual(
    kind.read("env:X", () => ({ value: "wss://b/x" })),
    { value: "wss://b/x" },
  );
  assert.match(problemOf(kind.read("env:X", () => ({ problem: "is not set" }))), /is not set/);
  for (const bad of ["", 5, "x", "http://a", "ftp://a", `https://a/${"x".repeat(4096)}`]) {
    assert.match(problemOf(kind.read(bad, noSecret)), /https:\/\/ or wss:\/\//);
  }
  const told = problemOf(kind.read("https://user:pass@a", noSecret));
  assert.match(told, /holds a user or a password/);
  assert.doesNotMatch(told, /pass@/);
});

test("headers: secrets are references, and are not shown", () => {
  const resolve = (reference: string) => ({ value: `secret of ${reference}` });
  const read = HEADERS.read({ authorization: "env:TOKEN", accept: "text/plain", "x-n": 5 }, resolve);
  assert.deepEqual(read, { value: { authorization: "secret of env:TOKEN", accept: "text/plain", "x-n": "5" } });
  assert.ok("value" in read);
  assert.deepEqual(HEADERS.show(read.value), { authorization: "***", accept: "text/plain", "x-n": "5" });
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [[], /is no section/],
    ["x", /is no section/],
    [{ authorization: "Bearer abc" }, /secret in clear for authorization/],
    [{ "x-api-key": "abc" }, /secret in clear/],
    [{ accept: "Bearer abcdefgh" }, /secret in clear/],
    [{ "a b": "x" }, /a name with signs/],
    [{ a: { b: 1 } }, /no single value/],
    [{ a: "x\r\ny: z" }, /not one line/],
    [{ a: "x".repeat(8193) }, /not one line/],
    [Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`h${i}`, "x"])), /has 33 names/],
  ];
  for (const [raw, message] of cases) {
    const problem = problemOf(HEADERS.read(raw, noSecret));
    assert.match(problem, message);
    assert.doesNotMatch(problem, /abc/);
  }
});

test("paths: members and indexes; a list may end in [*]", () => {
  assert.deepEqual(JSON_PATH.read("$"), { value: [] });
  assert.deepEqual(JSON_PATH.read("$.data[0]['odd name'][\"b\"].c[*]"), { value: ["data", 0, "odd name", "b", "c"] });
  for (const bad of [
    "",
    "data",
    "$data",
    "$..a",
    "$.a[*].b",
    "$.a[x]",
    5,
    `$${".a".repeat(17)}`,
    `$.${"a".repeat(511)}`,
  ]) {
    assert.match(problemOf(JSON_PATH.read(bad)), /is no path/, String(bad));
  }
  assert.deepEqual(JSON_PATH.read(`$${".a".repeat(16)}`), { value: Array.from({ length: 16 }, () => "a") });
});

test("an address without quotes keeps its digits, in the file and in what is shown", (t) => {
  const path = join(tempDir(t), "config.yaml");
  const pool = "0x00e6A0c2dDD26FEEb64F039a2c41296FcB3f5640";
  const feeder = `type: evm_rpc, name: a, url: "https://n.example/key", chain_id: 1`;
  writeFileSync(
    path,
    `ingest: { feeders: [{ ${feeder}, pools: [{ address: ${pool}, version: v2, dollar: token1 }] }] }`,
  );
  const { config } = loadConfig({ filePath: path, env: {} });
  assert.ok(config.ingest.source !== "kafka");
  const [entry] = config.ingest.feeders;
  assert.ok(entry?.type === "evm_rpc");
  assert.equal(entry.pools[0]?.address, pool.toLowerCase());
});
