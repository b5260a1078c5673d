import assert from "node:assert/strict";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { DeadLetterBuffer } from "../../src/pipeline/dead-letter-buffer.ts";
import type { DeadLetterRecord } from "../../src/stores/dead-letter-store.ts";
import {
  DEAD_LETTER_DATABASE_NAME,
  DEAD_LETTER_RAW_BYTES_MAX,
  DEAD_LETTERS_MAX,
  DeadLetterStore,
} from "../../src/stores/dead-letter-store.ts";
import { START_MS } from "../sources/embedded/log-support.ts";
import { randomFrom, seedOf } from "../support/seed.ts";
import { tempDir } from "../support/tmp.ts";

function letter(offset: number, raw: string | Uint8Array = `raw ${offset}`, partition = 0): DeadLetterRecord {
  const bytes = typeof raw === "string" ? new TextEncoder().encode(raw) : raw;
  return { code: "malformed_json", message: "why", partition, offset, arrival: START_MS + offset, raw: bytes };
}

test("dead letters of all partitions are listed once, newest first, also after a restart", (t) => {
  const dataDir = tempDir(t);
  let store = new DeadLetterStore(dataDir, () => START_MS);
  store.put([letter(1), letter(2, "two", 1), letter(3)]);
  store.put([letter(3, "again"), letter(4)]);
  store.close();
  store = new DeadLetterStore(dataDir, () => START_MS);
  const kept = store.newest(3).map(({ partition, offset, raw }) => [partition, offset, raw]);
  assert.deepEqual(kept, [
    [0, 4, "raw 4"],
    [0, 3, "raw 3"],
    [1, 2, "two"],
  ]);
  assert.deepEqual(store.newest(1)[0], {
    code: "malformed_json",
    message: "why",
    partition: 0,
    offset: 4,
    arrival: START_MS + 4,
    raw: "raw 4",
  });
  assert.equal(store.problem, undefined);
  store.close();
});

test("a text is cut between characters, and invalid UTF-8 is replaced", (t) => {
  const store = new DeadLetterStore(tempDir(t), () => START_MS);
  t.after(() => store.close());
  const euros = "€".repeat(2000);
  store.put([letter(1, euros), letter(2, Uint8Array.of(0x61, 0xff, 0xe2, 0x82)), letter(3, "a\u0000b")]);
  const [third, second, first] = store.newest(3);
  assert.equal(third!.raw, "a\u0000b");
  assert.equal(second!.raw, "a\ufffd\ufffd");
  assert.equal(first!.raw, "€".repeat(Math.floor(DEAD_LETTER_RAW_BYTES_MAX / 3)));
});

test("bytes that are not UTF-8 are kept in base64 too, up to the limit", (t) => {
  const dataDir = tempDir(t);
  let store = new DeadLetterStore(dataDir, () => START_MS);
  const marked = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61);
  const long = new Uint8Array(DEAD_LETTER_RAW_BYTES_MAX + 10).fill(0xff);
  const kept = [Uint8Array.of(0x61, 0xff, 0xe2, 0x82), marked, long];
  store.put([
    ...kept.map((bytes, i) => letter(i, bytes)),
    letter(3, "\ufffd"),
    letter(4, "€".repeat(2000)),
    letter(5, ""),
  ]);
  store.close();
  store = new DeadLetterStore(dataDir, () => START_MS);
  t.after(() => store.close());
  const found = store.newest(6).reverse();
  assert.deepEqual(
    found.map(({ raw_base64 }) => (raw_base64 === undefined ? undefined : [...Buffer.from(raw_base64, "base64")])),
    [[...kept[0]!], [...marked], [...long.subarray(0, DEAD_LETTER_RAW_BYTES_MAX)], undefined, undefined, undefined],
  );
});

test("a store of an earlier version gets the columns that it lacks", (t) => {
  const dataDir = tempDir(t);
  const db = new DatabaseSync(join(dataDir, DEAD_LETTER_DATABASE_NAME));
  db.exec(`CREATE TABLE dead_letters (
    "partition" INTEGER NOT NULL, "offset" INTEGER NOT NULL, arrival INTEGER NOT NULL,
    code TEXT NOT NULL, message TEXT NOT NULL, raw TEXT NOT NULL, PRIMARY KEY ("partition", "offset")
  ) STRICT, WITHOUT ROWID;
  INSERT INTO dead_letters VALUES (0, 1, ${START_MS}, 'malformed_json', 'why', 'old')`);
  db.close();
  const store = new DeadLetterStore(dataDir, () => START_MS);
  t.after(() => store.close());
  store.put([letter(2, Uint8Array.of(0xff))]);
  const kept = store.newest(2).map(({ raw, raw_base64, feeder }) => [raw, raw_base64, feeder]);
  assert.deepEqual(kept, [
    ["\ufffd", "/w==", undefined],
    ["old", undefined, undefined],
  ]);
});

test("the oldest dead letters are removed at the limit", (t) => {
  const dataDir = tempDir(t);
  const store = new DeadLetterStore(dataDir, () => START_MS);
  for (let i = 0; i < 12; i++) store.put(Array.from({ length: 1000 }, (_, k) => letter(i * 1000 + k, "x")));
  store.put(Array.from({ length: DEAD_LETTERS_MAX + 5 }, (_, k) => letter(k, "x", 3)));
  store.put(Array.from({ length: 1000 }, (_, k) => letter(50_000 + k, "x")));
  const kept = store.newest(1_000_000);
  assert.equal(kept.length, DEAD_LETTERS_MAX);
  assert.equal(kept[0]!.offset, 50_999);
  store.close();
});

test("a damaged store is set aside and reported, and no call fails", (t) => {
  const random = randomFrom(seedOf(t));
  for (let round = 0; round < 12; round++) {
    const dataDir = tempDir(t);
    const store = new DeadLetterStore(dataDir, () => START_MS);
    store.put(Array.from({ length: 50 }, (_, i) => letter(i, "x".repeat(500))));
    store.close();
    const path = join(dataDir, DEAD_LETTER_DATABASE_NAME);
    writeFileSync(
      path,
      Uint8Array.from({ length: 1 + random.below(40_000) }, () => random.below(256)),
    );
    const again = new DeadLetterStore(dataDir, () => START_MS + 1);
    assert.match(again.problem ?? "", /was damaged; it is kept as .*damaged-/);
    assert.ok(readdirSync(dataDir).includes(`${DEAD_LETTER_DATABASE_NAME}.damaged-${START_MS + 1}`));
    again.put([letter(1)]);
    assert.equal(again.newest(10).length, 1);
    again.close();
  }
});

test("a store that cannot be opened reports it, retries with each call, and opens when that is possible", (t) => {
  const dataDir = tempDir(t);
  // A folder in the place of the file: whatever the rights, no database can be opened there.
  mkdirSync(join(dataDir, DEAD_LETTER_DATABASE_NAME));
  const store = new DeadLetterStore(dataDir, () => START_MS);
  t.after(() => store.close());
  assert.match(store.problem ?? "", /store of dead letters .* failed: .*kept in memory/);
  const buffer = new DeadLetterBuffer(store);
  buffer.add(letter(1), letter(1).raw, 0, 3);
  buffer.add(letter(2), letter(2).raw, 0, 3);
  assert.equal(buffer.flush(), false);
  assert.match(buffer.problem ?? "", /failed/);
  assert.deepEqual(
    buffer.newest(10).map(({ offset }) => offset),
    [2, 1],
  );
  rmSync(join(dataDir, DEAD_LETTER_DATABASE_NAME), { recursive: true });
  store.tryOpen();
  assert.equal(store.problem, undefined);
  assert.equal(buffer.flush(), true);
  assert.equal(buffer.problem, undefined);
  assert.deepEqual(
    store.newest(10).map(({ offset }) => offset),
    [2, 1],
  );
});
