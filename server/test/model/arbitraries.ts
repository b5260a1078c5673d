import fc from "fast-check";
import {
  amountMax,
  type Command,
  changesCount,
  type SwapSpec,
  SYMBOL_DROPPED,
  type TimeSpec,
  usdMax,
} from "./log-builder.ts";
import type { ModelConfig } from "./naive-model.ts";
import { windowsOf } from "./window-rules.ts";

/** Generated configurations and commands. Small pools make collisions likely; shrinking leads to the simplest command. */
export type TestConfig = ModelConfig & { readonly exactTraders: number };

const windowLists: readonly (readonly [names: readonly string[], bucketStepMs?: number])[] = [
  [["1m", "5m", "15m", "30m", "1h", "6h", "24h"]],
  [["1m"]],
  [["5m", "1h", "24h"], 5_000],
  [["10s", "1m"]],
  [["70s", "14m", "42m"], 7_000],
  [["7m", "1h", "2h"]],
  [["10s", "1m", "1d", "30d"]],
  [["90s", "3m", "181s", "6m"]],
  [["6h", "24h"]],
  [["10s", "20s", "30s", "1m", "2m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "24h"]],
];

export const configs: fc.Arbitrary<TestConfig> = fc
  .record({
    list: fc.constantFrom(...windowLists),
    limits: fc.constantFrom(
      { graceMs: 120_000, reorgHorizonMs: 900_000 },
      { graceMs: 2_000, reorgHorizonMs: 5_000 },
      { graceMs: 0, reorgHorizonMs: 0 },
      { graceMs: 30_000, reorgHorizonMs: 10_000 },
      { graceMs: 1_000, reorgHorizonMs: 7_200_000 },
    ),
    chain: fc.constantFrom(
      undefined,
      { graceMs: 5_000, reorgHorizonMs: 60_000 },
      { graceMs: 600_000, reorgHorizonMs: 1_000 },
      { maxSkewMs: 1_000, priceMinUsdMicro: 5_000_000 },
      { maxSkewMs: 400_000, priceMinUsdMicro: 0 },
    ),
    priceMinUsdMicro: fc.constantFrom(0, 0, 1, 1_000_000),
    maxTokens: fc.constantFrom(2_000_000, 2_000_000, 2_000_000, 3),
  })
  .map(({ list: [names, bucketStepMs], limits, chain, priceMinUsdMicro, maxTokens }) => ({
    windows: windowsOf(names, bucketStepMs),
    ...limits,
    maxSkewMs: 60_000,
    priceMinUsdMicro,
    chains: new Map(chain === undefined ? [] : [[10, chain]]),
    maxTokens,
    maxChains: Number.POSITIVE_INFINITY,
    exactTraders: 4096,
  }));

/** Starts near edges of the calendar: midnight of a new year, the end of a leap day, and the first allowed times. */
const starts: fc.Arbitrary<number> = fc.constantFrom(
  Date.UTC(2026, 0, 1),
  Date.UTC(2026, 0, 1) - 1,
  Date.UTC(2028, 1, 29, 23, 59, 30),
  Date.UTC(2027, 5, 15, 11, 17, 43, 211),
);

const times: fc.Arbitrary<TimeSpec> = fc.record({
  before: fc.constantFrom("high", "high", "high", "grace", "horizon"),
  offsetMs: fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: -2, max: 2 }) },
    { weight: 5, arbitrary: fc.integer({ min: -3_000, max: 8_000 }) },
    { weight: 2, arbitrary: fc.integer({ min: -100_000, max: 150_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 7_200_000 }) },
  ),
  snap: fc.oneof({ weight: 2, arbitrary: fc.constant(-1) }, { weight: 1, arbitrary: fc.nat(13) }),
});

const amounts = fc.oneof(
  fc.constantFrom(10n ** 18n, 1n, amountMax, 5n * 10n ** 17n, 999999999999999n, 10n ** 15n, 10n ** 30n),
  fc.bigInt({ min: 1n, max: amountMax }),
  fc.bigInt({ min: 1n, max: 10n ** 24n }),
);

const usds = fc.oneof(
  fc.constantFrom(1_000_000n, 999_999n, 5_000_000n, 4_999_999n, 0n, 1n, usdMax),
  fc.bigInt({ min: 0n, max: usdMax }),
  fc.bigInt({ min: 0n, max: 10n ** 10n }),
);

const prices = fc.option(
  fc.oneof(
    fc.constantFrom("1", "2", "1e-60", "1e60", "0.1", "123456789012345", "0.000001234567890123455", "9.99999999999999"),
    fc
      .tuple(fc.integer({ min: 1, max: 999_999_999 }), fc.integer({ min: -40, max: 20 }))
      .map(([digits, exponent]) => `${digits}e${exponent}`),
  ),
  { nil: undefined, freq: 2 },
);

const swaps: fc.Arbitrary<SwapSpec> = fc.record({
  token: fc.nat(5),
  chain: fc.constantFrom(0, 0, 0, 1, 2),
  time: times,
  isBuy: fc.boolean(),
  amount: amounts,
  usd: usds,
  price: prices,
  who: fc.nat(6),
  symbol: fc.nat(SYMBOL_DROPPED),
  block: fc.nat(4),
  logIndex: fc.nat(2),
  txIndex: fc.constantFrom(0, 0, 1, 2),
  hash: fc.nat(3),
  ownId: fc.constantFrom(0, 0, 0, 1, 2, 3),
});

const backs = fc.oneof({ weight: 3, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: fc.nat(60) });

const shifts = fc.oneof(
  fc.constant(0),
  fc.integer({ min: -5_000, max: 5_000 }),
  fc.integer({ min: -150_000, max: 600_000 }),
);

const silences = fc.oneof(
  fc.integer({ min: 0, max: 20_000 }),
  fc.integer({ min: 0, max: 4_000_000 }),
  fc.constantFrom(60_000, 120_000, 900_000, 3_600_000, 86_400_000, 90_000_000, 2_600_000_000),
);

const commands: fc.Arbitrary<Command> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("swap" as const), spec: swaps }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("remove" as const), back: backs, shiftMs: shifts }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("copy" as const),
      back: backs,
      changed: fc.oneof(fc.constant(0), fc.nat(changesCount - 1)),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("include_again" as const),
      back: backs,
      revision: fc.nat(2),
      block: fc.nat(3),
      hash: fc.nat(4),
      shiftMs: shifts,
      usd: usds,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("remove_unknown" as const), spec: swaps }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("far_ahead" as const),
      spec: swaps,
      beyondSkewMs: fc.integer({ min: -1, max: 1 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("silence" as const), chain: fc.nat(2), ms: silences }) },
  { weight: 1, arbitrary: fc.constant({ kind: "dead_letter" as const }) },
);

export function commandLists(maxLength: number): fc.Arbitrary<Command[]> {
  return fc.array(commands, { minLength: 1, maxLength, size: "max" });
}

/** Like commandLists, with gaps in the offsets. */
function commandListsWithGaps(maxLength: number): fc.Arbitrary<Command[]> {
  const gap = fc.constant({ kind: "gap" as const });
  const some = fc.oneof({ weight: 25, arbitrary: commands }, { weight: 1, arbitrary: gap });
  return fc.array(some, { minLength: 1, maxLength, size: "max" });
}

/** Distances of an as-of from the highest high of the log, at most as far back as clocks may differ. */
const asOfOffsets: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, 999, 1_000, -60_000, -1),
  fc.integer({ min: -60_000, max: 120_000 }),
  fc.integer({ min: 0, max: 8_000_000 }),
  fc.integer({ min: 0, max: 200_000_000 }),
);

/** Age of the data folder at the start; undefined where seen_since is the first high. */
const folderAges: fc.Arbitrary<number | undefined> = fc.option(
  fc.oneof(fc.constantFrom(0, 1, 60_000), fc.integer({ min: -5_000, max: 100_000_000 })),
  { nil: undefined, freq: 1 },
);

export type HostileLog = {
  readonly config: TestConfig;
  readonly startMs: number;
  readonly commands: readonly Command[];
  /** As-ofs of comparisons, as distances from the highest high at that point. */
  readonly offsets: readonly number[];
  readonly folderAgeMs: number | undefined;
};

/** All input of a comparison with the model, including gaps in the offsets. */
export function hostileLogs(maxLength: number): fc.Arbitrary<HostileLog> {
  return fc.record({
    config: configs,
    startMs: starts,
    commands: commandListsWithGaps(maxLength),
    offsets: fc.array(asOfOffsets, { minLength: 3, maxLength: 6 }),
    folderAgeMs: folderAges,
  });
}
