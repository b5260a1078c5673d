import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { POSITION_BYTES_MAX } from "../../../src/sources/feeders/origin.ts";
import { PositionFile } from "../../../src/sources/feeders/position-file.ts";
import { tempDir } from "../../support/tmp.ts";

const OWNER = { type: "file", identity: "/data/trades.ndjson" };
const KEPT = { position: { offset: 17, row: 2 }, counts: { records: 2, swaps: 1, rejected: 1, skipped: 0 } };

test("a position is kept with its counts, and replaces the one before", async (t) => {
  const folder = tempDir(t);
  const file = new PositionFile(folder, "trades", OWNER);
  assert.equal(file.read(), undefined);
  await file.keep(KEPT);
  const later = { ...KEPT, position: [3, { "10": null, "9": "x" }] };
  await file.keep(later);
  assert.deepEqual(new PositionFile(folder, "trades", OWNER).read(), later);
  assert.deepEqual(readdirSync(folder), ["trades.json"]);
  assert.doesNotMatch(readFileSync(join(folder, "trades.json"), "utf8"), /data/, "the identity may hold a secret");
});

test("a crash while the next position is written leaves the one before", async (t) => {
  const folder = tempDir(t);
  const file = new PositionFile(folder, "trades", OWNER);
  await file.keep(KEPT);
  writeFileSync(join(folder, "trades.json.new"), '{"crc":"00');
  assert.deepEqual(file.read(), KEPT);
  await file.keep(KEPT);
  assert.deepEqual(readdirSync(folder), ["trades.json"]);
});

test("a damaged position is never read as another one, or as none", async (t) => {
  const folder = tempDir(t);
  const path = join(folder, "trades.json");
  const file = new PositionFile(folder, "trades", OWNER);
  await file.keep(KEPT);
  const whole = readFileSync(path);
  for (let at = 0; at < whole.length - 1; at++) {
    const damaged = Buffer.from(whole);
    damaged[at] = damaged[at]! ^ 1;
    writeFileSync(path, damaged);
    assert.throws(() => file.read(), { message: /position of the feeder trades|is that of/ }, `byte ${at}`);
    writeFileSync(path, whole.subarray(0, at));
    assert.throws(() => file.read(), { code: "storage_failed", message: /trades\.json.*remove it/ }, `cut at ${at}`);
  }
  for (const text of ["null", "7", "[]", "{}", `{"format":2}`, " ".repeat(2 * POSITION_BYTES_MAX)]) {
    writeFileSync(path, text);
    assert.throws(() => file.read(), { code: "storage_failed" }, text.slice(0, 20));
  }
  rmSync(path);
  mkdirSync(path);
  assert.throws(() => file.read(), { code: "storage_failed", message: /folder/ });
});

test("the position of another origin is refused", async (t) => {
  const folder = tempDir(t);
  await new PositionFile(folder, "trades", OWNER).keep(KEPT);
  const other = new PositionFile(folder, "trades", { ...OWNER, identity: "/data/others.ndjson" });
  assert.throws(() => other.read(), { code: "bad_config", message: /another origin of type file/ });
  const table = new PositionFile(folder, "trades", { type: "postgres", identity: "x" });
  assert.throws(() => table.read(), { code: "bad_config", message: /is of type postgres.*an origin of type file/ });
});

test("the largest position is kept, and a larger one is a fault of the program", async (t) => {
  const file = new PositionFile(tempDir(t), "trades", OWNER);
  const largest = { ...KEPT, position: "x".repeat(POSITION_BYTES_MAX - 2) };
  await file.keep(largest);
  assert.deepEqual(file.read(), largest);
  const larger = { ...KEPT, position: "x".repeat(2 * POSITION_BYTES_MAX) };
  await assert.rejects(file.keep(larger), { code: "internal" });
});

test("a folder that cannot be written is a problem that passes", async (t) => {
  const folder = tempDir(t);
  const file = new PositionFile(folder, "trades", OWNER);
  mkdirSync(join(folder, "trades.json.new"));
  await assert.rejects(file.keep(KEPT), { code: "storage_failed", retryable: true, message: /cannot be written/ });
  rmSync(join(folder, "trades.json.new"), { recursive: true });
  await file.keep(KEPT);
  assert.deepEqual(file.read(), KEPT);
});
