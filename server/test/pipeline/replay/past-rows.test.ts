import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { pastRows } from "../../../src/pipeline/replay/past-rows.ts";
import type { HistoryReader, SettledRow, Span } from "../../../src/ports/history-store.ts";
import { propertyOptions, randomFrom } from "../../support/seed.ts";

type Reader = Pick<HistoryReader, "rows">;

const rowAt = (eventTimeMs: number): SettledRow => ({ eventTimeMs }) as SettledRow;

/** Rows at these times, ascending, in batches of a random length. `asked` gets the spans that are read. */
function readerOf(times: readonly number[], seed: number, asked: Span[] = []): Reader {
  const random = randomFrom(seed);
  return {
    rows: async function* (span) {
      asked.push(span);
      const found = times.filter((ms) => ms >= span.fromMs && ms < span.toMs).map(rowAt);
      while (found.length > 0) yield found.splice(0, 1 + random.below(4));
    },
  };
}

const inputs = fc.tuple(
  fc.array(fc.nat(200), { maxLength: 60 }).map((times) => times.sort((a, b) => a - b)),
  fc.nat(100),
  fc.nat(250),
  fc.integer({ min: 1, max: 300 }),
  fc.nat(),
);

describe("settled swaps in the order of time", () => {
  test("come each once, and all of a time before the time is passed", async (t) => {
    const check = async ([times, fromMs, endMs, spanMs, seed]: [number[], number, number, number, number]) => {
      const { signal } = new AbortController();
      const history = readerOf(times, seed);
      const wanted = times.filter((ms) => ms >= fromMs && ms < endMs);
      const found: number[] = [];
      let reachedMs = fromMs - 1;
      for await (const { rows, toMs } of pastRows({ history, fromMs, endMs: () => endMs, spanMs, signal })) {
        for (const { eventTimeMs: ms } of rows) {
          assert.ok(ms > reachedMs && ms <= toMs, `${ms} is in (${reachedMs}, ${toMs}]`);
          found.push(ms);
        }
        assert.deepEqual(
          found,
          wanted.filter((ms) => ms <= toMs),
        );
        reachedMs = toMs;
      }
      assert.deepEqual(found, wanted);
      assert.equal(reachedMs, Math.max(fromMs, endMs) - 1);
    };
    await fc.assert(fc.asyncProperty(inputs, check), propertyOptions(t, 300));
  });

  test("go on when more has settled meanwhile", async () => {
    const { signal } = new AbortController();
    const asked: Span[] = [];
    let endMs = 100;
    const found: number[] = [];
    const history = readerOf([10, 150], 1, asked);
    for await (const { rows, toMs } of pastRows({ history, fromMs: 0, endMs: () => endMs, spanMs: 80, signal })) {
      found.push(...rows.map((row) => row.eventTimeMs));
      if (toMs === 79) endMs = 200;
    }
    assert.deepEqual(found, [10, 150]);
    assert.equal(asked.at(-1)?.toMs, 200);
  });

  test("end with the reason of the signal, and with the error of the store", async () => {
    const abort = new AbortController();
    const take = async (history: Reader): Promise<void> => {
      for await (const _ of pastRows({ history, fromMs: 0, endMs: () => 1e9, spanMs: 10, signal: abort.signal })) {
        abort.abort(new Error("closed"));
      }
    };
    await assert.rejects(take(readerOf([], 1)), /closed/);
    const broken: Reader = {
      // biome-ignore lint/correctness/useYield: it fails before its first row
      rows: async function* () {
        throw new Error("away");
      },
    };
    await assert.rejects(take(broken), /away/);
  });
});
