import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { bindColumns, mappingOfHeader } from "../../../src/cli/replay/columns.ts";
import { DisorderWatch } from "../../../src/cli/replay/disorder.ts";
import { ExternalSort } from "../../../src/cli/replay/external-sort.ts";
import { LineReader } from "../../../src/cli/replay/line-reader.ts";
import type { Batch } from "../../../src/cli/replay/rows.ts";
import { RECORD_BYTES_MAX } from "../../../src/codecs/limits.ts";
import { SwapEvent } from "../../../src/engine/swaps/swap-event.ts";
import { MappedEvents } from "../../../src/mapping/mapper.ts";
import { parseMapping } from "../../../src/mapping/reading/read-mapping.ts";
import { RowMapper } from "../../../src/mapping/row-mapper.ts";
import { seedOf } from "../../support/seed.ts";
import { tempDir } from "../../support/tmp.ts";

function linesOf(chunks: Iterable<Buffer | Batch>): string[] {
  const reader = new LineReader();
  const lines: string[] = [];
  const take = (): void => void lines.push(reader.bytes.toString("latin1", reader.start, reader.end));
  for (const chunk of chunks) {
    reader.push(Buffer.isBuffer(chunk) ? { file: 0, bytes: chunk } : chunk);
    while (reader.next()) take();
  }
  if (reader.last()) take();
  return lines;
}

describe("lines", () => {
  test("lines are returned whole, however the bytes are split into chunks", (t) => {
    const cut = fc.record({
      lines: fc.array(fc.string({ unit: fc.constantFrom("a", "b", "{", " ", "\r"), maxLength: 30 }), { maxLength: 20 }),
      ends: fc.boolean(),
      sizes: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
    });
    fc.assert(
      fc.property(cut, ({ lines, ends, sizes }) => {
        const bytes = Buffer.from(lines.join("\n") + (ends && lines.length > 0 ? "\n" : ""));
        const chunks: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] as number;
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        const expected = bytes.toString().split("\n");
        if (expected.at(-1) === "") expected.pop();
        assert.deepEqual(linesOf(chunks), expected);
      }),
      { seed: seedOf(t) },
    );
  });

  test("a line above the size limit of a record is cut just above it, within a chunk and across chunks", () => {
    const long = Buffer.alloc(RECORD_BYTES_MAX + 500, "x");
    const tail = Buffer.from("\nnext\n");
    for (const chunks of [[Buffer.concat([long, tail])], [long, long, tail]]) {
      const [first, second] = linesOf(chunks);
      assert.equal(first?.length, RECORD_BYTES_MAX + 1);
      assert.equal(second, "next");
    }
  });
});

const PLACE = { timeMs: 0, block: 0, txIndex: 0, logIndex: 0, file: 0, row: 0 };

describe("external sort", () => {
  test("the result equals a stable sort in memory with any number of runs, and no file remains", (t) => {
    const record = fc.record({
      timeMs: fc.integer({ min: 0, max: 20 }),
      block: fc.integer({ min: 0, max: 3 }),
      txIndex: fc.integer({ min: 0, max: 2 }),
      logIndex: fc.integer({ min: 0, max: 3 }),
      length: fc.integer({ min: 0, max: 300 }),
    });
    const tempFolder = tempDir(t);
    fc.assert(
      fc.property(fc.array(record, { maxLength: 300 }), fc.constantFrom(2, 3, 64), (records, fanIn) => {
        // Below 40 KiB of keys and 8 KiB of lines a run is full after a few dozen lines.
        const sort = new ExternalSort({ runBytesMax: 48 * 1024, fanIn, tempDir: tempFolder });
        const lines = records.map(({ length }, index) => `${index}`.padEnd(length, "."));
        records.forEach(({ timeMs, block, txIndex, logIndex }, index) => {
          const bytes = Buffer.from(`<${lines[index]}>`);
          sort.add(bytes, 1, bytes.length - 1, { timeMs, block, txIndex, logIndex, file: index % 3, row: index });
        });
        const order = records
          .map((_, index) => index)
          .sort((a, b) => {
            const [left, right] = [records[a] as (typeof records)[0], records[b] as (typeof records)[0]];
            const [time, block] = [left.timeMs - right.timeMs, left.block - right.block];
            return time || block || left.txIndex - right.txIndex || left.logIndex - right.logIndex || a - b;
          });
        try {
          const places: [number, number][] = [];
          const batches = function* (): Generator<Batch> {
            for (const batch of sort.sorted()) {
              for (let i = 0; i < (batch.rows?.length ?? 0); i++) {
                places.push([batch.files?.[i] as number, batch.rows?.[i] as number]);
              }
              yield batch;
            }
          };
          assert.deepEqual(
            linesOf(batches()),
            order.map((index) => lines[index]),
          );
          assert.deepEqual(
            places,
            order.map((index) => [index % 3, index]),
          );
        } finally {
          sort.dispose();
        }
        assert.deepEqual(readdirSync(tempFolder), []);
      }),
      { seed: seedOf(t), numRuns: 60 },
    );
  });

  test("many runs are merged in steps", (t) => {
    const sort = new ExternalSort({ runBytesMax: 41 * 1024, fanIn: 3, tempDir: tempDir(t) });
    const count = 2_000;
    for (let index = 0; index < count; index++) {
      const bytes = Buffer.from(`${(index * 7_919) % count}`.padEnd(100, "."));
      sort.add(bytes, 0, bytes.length, { ...PLACE, timeMs: (index * 7_919) % count });
    }
    assert.ok(sort.runs > 27, `${sort.runs} runs`);
    assert.deepEqual(
      linesOf(sort.sorted()).map(Number.parseFloat),
      Array.from({ length: count }, (_, index) => index),
    );
    sort.dispose();
  });

  test("the error about a folder that is not writable contains a solution", () => {
    const sort = new ExternalSort({ runBytesMax: 41 * 1024, tempDir: "/nowhere" });
    const bytes = Buffer.alloc(800);
    assert.throws(() => {
      for (let index = 0; index < 40; index++) sort.add(bytes, 0, 800, PLACE);
    }, /TMPDIR/);
  });
});

describe("disorder", () => {
  test("disorder is measured by the grace of each chain", () => {
    const watch = new DisorderWatch((chainId) => (chainId === 2 ? 10 : 100));
    const event = new SwapEvent();
    const inOrder = (chainId: number, timeMs: number): boolean => {
      event.chainId = chainId;
      event.eventTimeMs = timeMs;
      return watch.inOrder(event);
    };
    assert.ok(inOrder(1, 1_000));
    assert.ok(inOrder(2, 5_000));
    assert.ok(inOrder(1, 900));
    assert.ok(!inOrder(1, 899));
    assert.ok(inOrder(2, 4_990));
    assert.ok(!inOrder(2, 4_989));
    assert.ok(inOrder(1, 900));
  });
});

describe("columns of a mapping", () => {
  const rest = "chain_id: 1, tx_hash: h, log_index: 0, amount: a, usd: a, ts: t, side: s";
  const read = (yaml: string, header: string[], cells: string[]): unknown[] => {
    const mapping = parseMapping(yaml, "m.yaml");
    const events = new MappedEvents();
    new RowMapper(mapping, bindColumns(mapping, header, "t.csv")).map(cells, 7, events);
    const ends = [...events.ends.subarray(0, events.count)];
    return ends.map((end, index) =>
      JSON.parse(Buffer.from(events.bytes.subarray(ends[index - 1] ?? 0, end)).toString()),
    );
  };

  test("one row gives several swaps, from columns and constants", () => {
    const yaml = `
swaps:
  - { chain_id: 1, tx_hash: h, log_index: 0, side: { value: buy }, token: in, amount: in_amount, usd: u, ts: t }
  - { chain_id: 1, tx_hash: h, log_index: "@row", side: { value: sell }, token: out, amount: out_amount, usd: u, ts: t }`;
    const header = ["h", "in", "in_amount", "out", "out_amount", "u", "t"];
    const event = { chain_id: 1, tx_hash: "0x1", usd: "5", ts: 1_691_514_839_123 };
    assert.deepEqual(read(yaml, header, ["0x1", "A", "1.50", "B", "2e3", "5", "1691514839123"]), [
      { ...event, log_index: 0, side: "buy", token: "A", amount: "1.50" },
      { ...event, log_index: 7, side: "sell", token: "B", amount: "2e3" },
    ]);
  });

  test("missing columns are named; one may be missing where the mapping has another value", () => {
    const mapping = parseMapping(`swaps: [{ ${rest}, token: x, pool: b, who: c }]`, "m.yaml");
    assert.throws(
      () => bindColumns(mapping, ["b", "h", "a", "t", "s"], "t.csv"),
      /t\.csv has no column x, c; its columns are b, h, a, t, s/,
    );
    for (const [token, fits] of [
      ["{ first: [x, b] }", true],
      ["{ first: [x, y] }", false],
      ["{ path: x, default: T }", true],
      ["{ concat: [b, x] }", false],
      ["{ choose: [{ when: x exists, then: b }, { else: b }] }", true],
      ["{ choose: [{ when: b exists, then: x }] }", false],
      ["{ hash: [x, b] }", true],
      ["{ lower: x }", false],
    ] as const) {
      const made = parseMapping(`swaps: [{ ${rest}, token: ${token} }]`, "m.yaml");
      const bind = (): number[] => bindColumns(made, ["b", "h", "a", "t", "s"], "t.csv");
      if (fits) bind();
      else assert.throws(bind, /has no column/, token);
    }
  });

  test("a column is found by its exact name, else by the only name that differs in case; $ names it too", () => {
    const yaml = `swaps: [{ ${rest}, token: $.Coin, who: "$['a b']", pool: pOOL }]`;
    const header = ["h", "a", "t", "s", "coin", "a b", "Coin", "Pool"];
    const [swap] = read(yaml, header, ["0x1", "1", "1", "buy", "x", "w", "X", "p"]) as Record<string, unknown>[];
    assert.deepEqual([swap?.token, swap?.who, swap?.pool], ["X", "w", "p"]);
  });

  test("rows have no lists, but a row is its own element", () => {
    const mapping = (each: string) => parseMapping(`each: ${each}\nswaps: [{ ${rest}, token: a }]`, "m.yaml");
    const header = ["h", "a", "t", "s"];
    assert.throws(() => bindColumns(mapping("$.x[*]"), header, "t.csv"), /rows have no lists; remove `each`/);
    assert.ok(bindColumns(mapping("$[*]"), header, "t.csv").length > 0);
  });

  test("a table with the names of the event needs no mapping", () => {
    const header = ["chain_id", "tx_hash", "Log Index", "token", "side", "amount", "usd", "ts", "note"];
    const mapping = mappingOfHeader(header, "t.csv");
    const events = new MappedEvents();
    const cells = ["1", "0x1", "3", "T", "buy", "2", "10", "1691514839123", "n"];
    new RowMapper(mapping, bindColumns(mapping, header, "t.csv")).map(cells, 1, events);
    assert.equal(
      Buffer.from(events.bytes.subarray(0, events.ends[0])).toString(),
      '{"chain_id":1,"tx_hash":"0x1","log_index":3,"token":"T","side":"buy","amount":"2","usd":"10","ts":1691514839123}',
    );
    assert.throws(() => mappingOfHeader(["time", "price"], "t.csv"), /not named like the fields.*--map/);
    const lacking = header.filter((name) => name !== "side");
    assert.throws(() => mappingOfHeader(lacking, "t.csv"), /t\.csv is a table without a column named side; .*--map/);
  });
});
