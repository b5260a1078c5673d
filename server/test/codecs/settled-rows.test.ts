import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { settledChunkOf } from "../../src/codecs/settled-form.ts";
import { readSettledRows } from "../../src/codecs/settled-rows.ts";
import { SettledRun } from "../engine/settled-run.ts";
import { itemOf, plainEvent } from "../model/plain-events.ts";
import { buildStream, plainStream } from "../model/streams.ts";
import { defaultConfig } from "../model/vectors.ts";
import { randomFrom, seedOf } from "../support/seed.ts";

const start = Date.UTC(2026, 0, 1);

function marketRun(seed: number): SettledRun {
  const items = buildStream({ ...plainStream, seed, count: 3_000, spanMs: 3 * 3_600_000, chainIds: [1, 10] });
  return new SettledRun(defaultConfig).takeAll(items);
}

describe("chunks of settled rows", () => {
  test("a chunk tells its sequences, and rows below one can be left out", (t) => {
    const seed = seedOf(t);
    const random = randomFrom(seed);
    const run = marketRun(seed);
    const rows = run.settled();
    const [chunk] = run.chunks;
    assert.ok(chunk !== undefined && chunk.count === rows.length && rows.length > 1_000);
    const padded = new Uint8Array(chunk.bytes.length + 24);
    padded.set(chunk.bytes, 24);
    const moved = padded.subarray(24);
    const { fromSequence, count } = settledChunkOf(moved);
    assert.deepEqual([fromSequence, count], [chunk.fromSequence, chunk.count]);
    for (const from of [0, 1, rows.length - 1, rows.length, rows.length + 1, random.below(rows.length)]) {
      assert.deepEqual([...readSettledRows(moved, from)], rows.slice(from));
    }
  });

  test("rows of one token alone can be read", (t) => {
    const run = marketRun(seedOf(t));
    const rows = run.settled();
    const bytes = run.chunks[0]!.bytes;
    const ids = new Set(rows.map(({ chainId, token }) => JSON.stringify({ chainId, token })));
    assert.ok(ids.size > 20);
    for (const id of ids) {
      const only = JSON.parse(id) as { chainId: number; token: string };
      const wanted = rows.filter(({ chainId, token }) => chainId === only.chainId && token === only.token);
      assert.deepEqual([...readSettledRows(bytes, 0, only)], wanted);
    }
    assert.deepEqual([...readSettledRows(bytes, 0, { chainId: 1, token: "0x" })], []);
  });

  test("a bucket with thousands of swaps is written whole, also when the buffer must grow", () => {
    const run = new SettledRun(defaultConfig);
    const long = (text: string, i: number) => `${text}${i}`.padEnd(128, text);
    const count = 5_000;
    for (let i = 0; i < count; i++) {
      const texts = { who: long("w", i), pool: long("p", i), txHash: long("h", i), eventId: long("e", i) };
      run.run.take(itemOf(plainEvent(i, start + (i % 1_000), { ...texts, blockHash: long("b", i) })));
    }
    run.run.take(itemOf(plainEvent(count, start + 86_400_000, { token: "0xother" })));
    for (let i = 1; i < 10; i++) run.run.take(itemOf(plainEvent(count + i, start + 86_400_000 + i * 60_000)));
    const rows = run.settled();
    assert.equal(new Set(rows.map(({ eventId }) => eventId)).size, count);
    for (const { eventId, who, pool, txHash, blockHash } of rows) {
      const i = Number.parseInt(eventId.slice(1), 10);
      assert.deepEqual([who, pool, txHash, blockHash], [long("w", i), long("p", i), long("h", i), long("b", i)]);
    }
  });

  test("texts of other scripts and with NUL, and numbers at their limits", () => {
    const run = new SettledRun(defaultConfig);
    const texts = { who: "чужой\u0000", pool: "池", symbol: "🚀", txHash: "0xABC", token: "ŧøķ€ñ", blockHash: "" };
    const limits = {
      ...{ amount: 10n ** 38n - 1n, usd: BigInt(Number.MAX_SAFE_INTEGER), logIndex: 2 ** 32 - 1, chainId: 2 ** 32 - 1 },
      ...{ txIndex: 2 ** 32 - 1, blockNumber: Number.MAX_SAFE_INTEGER, revision: 2 ** 32 - 1 },
    };
    run.run.take(itemOf(plainEvent(1, 253_402_300_000_000, { ...texts, blockHash: undefined, ...limits })));
    const [row] = run.unsettled({ chainId: limits.chainId, token: texts.token });
    assert.ok(row !== undefined);
    const { who, pool, symbol, txHash, token, eventTimeMs } = row;
    assert.deepEqual({ who, pool, symbol, txHash, token, blockHash: "" }, texts);
    assert.equal(eventTimeMs, 253_402_300_000_000);
    const { amountUnits, usdMicro, logIndex, chainId, txIndex, blockNumber, revision } = row;
    assert.deepEqual(
      { logIndex, chainId, txIndex, blockNumber, revision },
      {
        logIndex: limits.logIndex,
        chainId: limits.chainId,
        txIndex: limits.txIndex,
        blockNumber: limits.blockNumber,
        revision: limits.revision,
      },
    );
    assert.deepEqual([amountUnits, BigInt(usdMicro)], [limits.amount, limits.usd]);
  });

  test("other bytes are refused", (t) => {
    const run = marketRun(seedOf(t));
    run.cut();
    const { bytes } = run.chunks[0]!;
    const otherForm = Uint8Array.from(bytes);
    otherForm[0] = 2;
    const otherGroup = Uint8Array.from(bytes);
    otherGroup.fill(255, 20, 24);
    for (const other of [new Uint8Array(), otherForm, otherGroup, bytes.slice(0, -4)]) {
      assert.throws(() => [...readSettledRows(other)], RangeError);
    }
  });
});
