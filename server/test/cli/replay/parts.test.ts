import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { describe, test } from "node:test";
import fc from "fast-check";
import { bindMapping, mappingOfHeader } from "../../../src/cli/replay/binding.ts";
import { DisorderWatch } from "../../../src/cli/replay/disorder.ts";
import { ExternalSort } from "../../../src/cli/replay/external-sort.ts";
import { LineReader } from "../../../src/cli/replay/line-reader.ts";
import { parseMapping } from "../../../src/cli/replay/mapping.ts";
import type { Batch } from "../../../src/cli/replay/rows.ts";
import { RECORD_BYTES_MAX } from "../../../src/codecs/limits.ts";
import { SwapEvent } from "../../../src/engine/swaps/swap-event.ts";
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

describe("mapping", () => {
  const rowOf = (yaml: string, header: string[], cells: string[]): unknown[] =>
    bindMapping(parseMapping(yaml, "m.yaml"), header, "t.csv")(cells).map((text) => JSON.parse(text));

  test("one row gives several swaps, from columns and constants", () => {
    const yaml = `
swaps:
  - { chain_id: { value: 1 }, side: { value: buy }, token: in, amount: in_amount }
  - { chain_id: { value: 1 }, side: { value: sell }, token: out, amount: out_amount }`;
    assert.deepEqual(rowOf(yaml, ["in", "in_amount", "out", "out_amount"], ["A", "1.50", "B", "2e3"]), [
      { chain_id: 1, side: "buy", token: "A", amount: "1.50" },
      { chain_id: 1, side: "sell", token: "B", amount: "2e3" },
    ]);
  });

  test("cells get the JSON type of their field, empty cells are absent, and invalid ones are passed on", () => {
    const yaml =
      "swaps: [{ block_number: b, log_index: l, removed: r, token: t, side: { column: s, values: { B: buy } } }]";
    const read = (...cells: string[]): unknown => rowOf(yaml, ["b", "l", "r", "t", "s"], cells)[0];
    assert.deepEqual(read("007", "3.0", "TRUE", ' "x" ', "B"), {
      block_number: 7,
      log_index: 3,
      removed: true,
      token: '"x"',
      side: "buy",
    });
    assert.deepEqual(read("", " ", "0", "", "S"), { removed: false, side: "S" });
    assert.deepEqual(read("x", "-1", "maybe", "t", ""), {
      block_number: "x",
      log_index: "-1",
      removed: "maybe",
      token: "t",
    });
    assert.deepEqual(read("1"), { block_number: 1 });
  });

  test("times are read in all their forms", () => {
    const read = (form: string, cell: string): unknown =>
      (rowOf(`swaps: [{ event_time: { column: t, time: ${form} } }]`, ["t"], [cell])[0] as { event_time: unknown })
        .event_time;
    assert.equal(read("utc", "2023-08-08 17:13:59.000 UTC"), "2023-08-08T17:13:59.000Z");
    assert.equal(read("utc", "2023-08-08T17:13:59"), "2023-08-08T17:13:59Z");
    assert.equal(read("utc", "2023-08-08 17:13:59+02:00"), "2023-08-08 17:13:59+02:00");
    assert.equal(read("seconds", "1691514839"), 1_691_514_839_000);
    assert.equal(read("seconds", "1691514839.1239"), 1_691_514_839_123);
    assert.equal(read("milliseconds", "1691514839123"), 1_691_514_839_123);
    assert.equal(read("microseconds", "1691514839123999"), 1_691_514_839_123);
    assert.equal(read("nanoseconds", "1691514839123999999"), 1_691_514_839_123);
    assert.equal(read("seconds", "soon"), "soon");
    assert.equal(read("rfc3339", "2023-08-08T17:13:59+02:00"), "2023-08-08T17:13:59+02:00");
  });

  test("all problems of a mapping are reported at once", () => {
    const yaml = `
delimiter: ";;"
colour: red
swaps:
  - { chain: c, token: 5, side: { column: s, time: utc }, amount: { value: 1, column: a }, usd: { values: {} }, ts: { column: t, time: unix } }
  - nothing`;
    assert.throws(
      () => parseMapping(yaml, "m.yaml"),
      (error: Error) => {
        for (const part of [
          "colour",
          "delimiter",
          "swaps[0].chain:",
          ".token:",
          ".side:",
          ".amount:",
          ".usd:",
          ".ts:",
          "swaps[1]:",
        ]) {
          assert.ok(error.message.includes(part), `${part}\n${error.message}`);
        }
        return true;
      },
    );
    assert.throws(() => parseMapping("a: [", "m.yaml"), /not valid YAML/);
    assert.throws(() => parseMapping("swaps: []", "m.yaml"), /1 to 64/);
  });

  test("missing columns are named, and a table with the names of the event needs no mapping", () => {
    const mapping = parseMapping("swaps: [{ token: a, pool: b, who: c }]", "m.yaml");
    assert.throws(() => bindMapping(mapping, ["b", "x"], "t.csv"), /t\.csv has no column a, c; its columns are b, x/);
    const header = ["chain_id", "tx_hash", "token", "side", "ts", "note"];
    const [event] = bindMapping(
      mappingOfHeader(header, "t.csv"),
      header,
      "t.csv",
    )(["1", "0x1", "T", "buy", "1691514839123", "n"]);
    assert.deepEqual(JSON.parse(event as string), {
      chain_id: 1,
      tx_hash: "0x1",
      token: "T",
      side: "buy",
      ts: 1_691_514_839_123,
    });
    assert.throws(() => mappingOfHeader(["time", "price"], "t.csv"), /--map/);
  });
});
