/** Options of the generator. Shares are probabilities for each record. */
export type GeneratorOptions = {
  /** Swaps a second of event time. */
  readonly ratePerSecond: number;
  readonly tokens: number;
  readonly traders: number;
  /** Exponent of the distribution of tokens; 0 is uniform. */
  readonly zipf: number;
  /** Share of records that are copies of an earlier one. */
  readonly duplicates: number;
  /** Each swap lies behind the stream by a random time up to this. */
  readonly disorderMs: number;
  /** Share of swaps that are minutes to an hour old. */
  readonly late: number;
  /** Share of swaps that are minutes to a day ahead. */
  readonly future: number;
  /** Share of records that remove an earlier swap; most of these come back in another block. */
  readonly removed: number;
  readonly seed: number;
  /** Event time of the first swap. */
  readonly startMs: number;
};

export const GENERATOR_DEFAULTS: GeneratorOptions = {
  ratePerSecond: 1_000,
  tokens: 10_000,
  traders: 50_000,
  zipf: 1,
  duplicates: 0.01,
  disorderMs: 30_000,
  late: 0,
  future: 0,
  removed: 0,
  seed: 1,
  startMs: Date.UTC(2026, 0, 1),
};

/** The options of `demo`: fewer tokens, and a little of everything that goes wrong in a real stream. */
export const DEMO_DEFAULTS: GeneratorOptions = {
  ...GENERATOR_DEFAULTS,
  tokens: 200,
  traders: 5_000,
  disorderMs: 2_000,
  late: 0.0005,
  future: 0.0001,
  removed: 0.002,
};

/** From 2001 to 2096, so that times and slots of 400 ms have a fixed number of digits. */
export const START_MIN_MS = 1_100_000_000_000;
export const START_MAX_MS = 3_900_000_000_000;

export const GENERATOR_LIMITS = {
  ratePerSecond: { min: 0.001, max: 10_000_000 },
  tokens: { min: 1, max: 1_000_000 },
  traders: { min: 1, max: 10_000_000 },
  zipf: { min: 0, max: 10 },
  disorderMs: { min: 0, max: 86_400_000 },
  seed: { min: 0, max: 4_294_967_295 },
} as const;
