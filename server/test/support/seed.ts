/**
 * Seeds of random tests. Each run takes a new seed, so the suite keeps searching. A failing test prints its seed, and
 * SWAPSTATS_TEST_SEED=<seed> repeats it. SWAPSTATS_TEST_RUNS=<factor> multiplies the number of runs of the properties, for long runs by
 * hand.
 */
import { randomInt } from "node:crypto";
import { interruptAfterTimeLimit, type Plugin } from "fast-check";

const SEED_LIMIT = 2 ** 31;

/** The required part of node:test's context. */
type SeededTest = { after(run: () => void): void; diagnostic(message: string): void };

function numberFromEnvironment(name: string): number | undefined {
  const text = process.env[name];
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (!Number.isFinite(value)) throw new Error(`${name} must be a number, not "${text}"`);
  return value;
}

/** Returns the seed of this test: SWAPSTATS_TEST_SEED, or a new one. It is printed when the test fails. */
export function seedOf(t: SeededTest): number {
  const seed = numberFromEnvironment("SWAPSTATS_TEST_SEED") ?? randomInt(SEED_LIMIT);
  t.after(() => {
    // The context has `passed` after the test has ended. Its published type lacks it.
    if (!(t as SeededTest & { passed: boolean }).passed) t.diagnostic(`repeat with SWAPSTATS_TEST_SEED=${seed}`);
  });
  return seed;
}

/** A property that found a failure may search a smaller one for so long, within the limit of a test file. */
const PROPERTY_MS_MAX = 300_000;

type PropertyOptions = { seed: number; numRuns: number; plugins: Plugin<unknown>[] };

/** Returns parameters for `fc.assert(property, ...)`. fast-check's own report names the path and the counterexample. */
export function propertyOptions(t: SeededTest, numRuns: number): PropertyOptions {
  const factor = numberFromEnvironment("SWAPSTATS_TEST_RUNS") ?? 1;
  return {
    seed: seedOf(t),
    numRuns: Math.max(1, Math.round(numRuns * factor)),
    plugins: [interruptAfterTimeLimit(factor * PROPERTY_MS_MAX, { failOnInterrupt: true })],
  };
}

export type Random = {
  /** In [0, 1). */
  next(): number;
  /** An integer in [0, limit). `limit` is at most 2^32. */
  below(limit: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** A new array in random order. */
  shuffled<T>(items: readonly T[]): T[];
};

/** A small seeded generator (mulberry32) for tests without fast-check. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    below,
    chance: (probability) => next() < probability,
    pick: (items) => {
      if (items.length === 0) throw new Error("nothing to pick from");
      return items[below(items.length)]!;
    },
    shuffled: (items) => {
      const copy = [...items];
      for (let i = copy.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [copy[i], copy[j]] = [copy[j]!, copy[i]!];
      }
      return copy;
    },
  };
}
