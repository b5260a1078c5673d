import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Status } from "@swapstats/client";
import fc from "fast-check";
import {
  lagsOf,
  rateNow,
  ratesOf,
  SAMPLES_MAX,
  type Sample,
  SPAN_MS,
  sampleOf,
  withSample,
} from "../../src/operations/status-history.ts";

const T0 = 1_760_000_000_000;
const NONE = { accepted: 0, applied: 0, duplicates: 0, late: 0, removed: 0, quarantined: 0, dead_letters: 0 };

const sample = (atMs: number, applied: number, change: Partial<Sample> = {}): Sample => ({
  ...{ atMs: T0 + atMs, instance: "a", serverMs: T0 + atMs, lag: 0, sums: { ...NONE, applied } },
  ...change,
});
const historyOf = (...samples: readonly Sample[]): readonly Sample[] =>
  samples.reduce<readonly Sample[]>((all, one) => withSample(all, one), []);
const valuesOf = (samples: readonly Sample[]): (number | undefined)[] =>
  ratesOf(samples, "applied").map(({ value }) => value);

describe("rates of counters", () => {
  test("a rate is the growth in a second, on the clock of the instance", () => {
    const late = sample(2_300, 20, { serverMs: T0 + 2_000 });
    assert.deepEqual(valuesOf(historyOf(sample(0, 0), late)), [10]);
  });

  test("samples of two instances, and of one whose clock was set back, are taken on the page's clock", () => {
    const other = sample(2_000, 20, { instance: "b", serverMs: T0 + 90_000 });
    assert.deepEqual(valuesOf(historyOf(sample(0, 0), other)), [10]);
    const back = sample(2_000, 20, { serverMs: T0 - 5_000 });
    assert.deepEqual(valuesOf(historyOf(sample(0, 0), back)), [10]);
    const unknown = sample(2_000, 20, { serverMs: undefined });
    assert.deepEqual(valuesOf(historyOf(sample(0, 0), unknown)), [10]);
  });

  test("a sum that went back has no rate, and the next one has", () => {
    assert.deepEqual(valuesOf(historyOf(sample(0, 50), sample(2_000, 20), sample(4_000, 24))), [undefined, 2]);
  });

  test("a pause of the page has its mean", () => {
    assert.deepEqual(valuesOf(historyOf(sample(0, 0), sample(60_000, 600))), [10]);
  });

  test("the present rate is that of ten seconds, or of what there is", () => {
    assert.equal(rateNow([], "applied"), undefined);
    assert.equal(rateNow(historyOf(sample(0, 5)), "applied"), undefined);
    const steps = [0, 2, 4, 6, 8, 10, 12].map((second) => sample(second * 1_000, second < 12 ? 0 : 100));
    assert.equal(rateNow(historyOf(...steps), "applied"), 10);
    assert.equal(rateNow(historyOf(sample(0, 0), sample(60_000, 600)), "applied"), 10);
  });

  test("samples of ten minutes are kept, and no more than the limit", () => {
    let samples: readonly Sample[] = [];
    for (let at = 0; at <= SPAN_MS; at += 2_000) samples = withSample(samples, sample(at, at));
    assert.equal(samples.length, SPAN_MS / 2_000);
    assert.equal(samples[0]?.atMs, T0 + 2_000);
    for (let i = 1; i <= 2 * SAMPLES_MAX; i++) samples = withSample(samples, sample(SPAN_MS + i, i));
    assert.equal(samples.length, SAMPLES_MAX);
    // The same answer is rendered more than once.
    assert.equal(withSample(samples, samples.at(-1) as Sample).length, SAMPLES_MAX);
  });

  test("rates times their spans sum up to the growth of the counter", () => {
    const steps = fc.array(fc.record({ ms: fc.integer({ min: 1, max: 5_000 }), more: fc.nat(1_000) }), {
      ...{ minLength: 2, maxLength: 50 },
    });
    fc.assert(
      fc.property(steps, (all) => {
        let [atMs, applied] = [0, 0];
        const samples = historyOf(
          ...all.map(({ ms, more }) => {
            atMs += ms;
            applied += more;
            return sample(atMs, applied);
          }),
        );
        const sum = ratesOf(samples, "applied").reduce((total, { value }, i) => {
          const [from, to] = [samples[i] as Sample, samples[i + 1] as Sample];
          return total + ((value as number) * (to.atMs - from.atMs)) / 1_000;
        }, 0);
        assert.ok(Math.abs(sum - (applied - (samples[0] as Sample).sums.applied)) < 1e-6);
      }),
    );
  });
});

test("a sample has the sums of all partitions and codes", () => {
  const partitions = [{ lag: 3 }, { lag: 4 }];
  const counters = { ...NONE, accepted: 9, dead_letters: { bad_side: 2, too_deep: 1 } };
  const status = { instance: "a", time: T0, counters, partitions } as unknown as Status;
  const made = sampleOf(status, T0 + 5);
  assert.deepEqual(made, {
    ...{ atMs: T0 + 5, instance: "a", serverMs: T0, lag: 7 },
    sums: { ...NONE, accepted: 9, dead_letters: 3 },
  });
  assert.deepEqual(lagsOf([made]), [{ atMs: T0 + 5, value: 7 }]);
});
