/** The lines that a side and the benchmark exchange, and the comparison of the figures in them. */
import type { PartitionEngine } from "../../server/src/engine/partition-engine.ts";
import type { Counters } from "../../server/src/engine/types.ts";
import { parseTokenId } from "../../server/src/shared/token-id.ts";

/** A side answers one query, when all records are in its state. */
export type Query = {
  /** Undefined: the highest event time. Only our own side can do that. */
  readonly as_of?: number;
  /** Token ids. */
  readonly ids: readonly string[];
};

type Value = string | number | boolean | object | undefined;
type WindowFigures = Readonly<Record<string, Value>>;
type CounterName = (typeof COUNTERS)[number];

export type Answer = {
  readonly as_of?: number;
  readonly counters?: Readonly<Record<CounterName, number>>;
  /** Figures of the known tokens by window. */
  readonly figures: Readonly<Record<string, Readonly<Record<string, WindowFigures>>>>;
};

/** `whole`: all figures in all windows. `small`: four figures in three windows, sums in floats. */
export type Job = "whole" | "small";

const COUNTERS = ["applied", "duplicates", "late", "quarantined", "removed", "unresolved"] as const;
const COUNTS = ["trades", "buys", "sells", "first_trade_time", "last_trade_time"] as const;
const SUMS = [
  ...["volume_usd", "buy_volume_usd", "sell_volume_usd"],
  ...["volume_token", "buy_volume_token", "sell_volume_token"],
] as const;
const PRICES = ["open", "high", "low", "close", "vwap"] as const;
const TRADERS = ["traders", "buyers", "sellers"] as const;
const SMALL_WINDOWS = ["5m", "1h", "24h"] as const;
/** Of a sum of floats. */
const FLOAT_ERROR_MAX = 1e-9;

/** Returns the figures of our engines, one a partition. Tokens that none of them knows are absent. */
export function ownAnswer(engines: readonly PartitionEngine[], query: Query): Answer {
  const asOfMs = query.as_of ?? Math.max(...engines.map((engine) => engine.maxHighMs() ?? 0));
  const figures: Record<string, Record<string, WindowFigures>> = {};
  for (const id of query.ids) {
    const { chainId, token } = parseTokenId(id)!;
    for (const engine of engines) {
      const ref = engine.findById(chainId, token);
      if (ref === undefined) continue;
      const windows = engine.config.windows.map(({ name }, i) => [name, engine.windowStats(ref, i, asOfMs)]);
      figures[id] = Object.fromEntries(windows) as Record<string, WindowFigures>;
    }
  }
  const sum = (name: CounterName): number =>
    engines.reduce((total, { counters }: { counters: Counters }) => total + counters[name], 0);
  const counters = Object.fromEntries(COUNTERS.map((name) => [name, sum(name)])) as Record<CounterName, number>;
  return { as_of: asOfMs, counters, figures };
}

/**
 * Returns every difference as a line of text, and the number of compared figures. Counts and sums are equal as texts, prices as numbers.
 * Traders are left out where our engine estimates them. Sums of the small job are equal within the rounding of floats.
 */
export function compareAnswers(job: Job, ours: Answer, theirs: Answer): { compared: number; differences: string[] } {
  const differences: string[] = [];
  let compared = 0;
  const compare = (where: string, isEqual: boolean, own: Value, other: Value): void => {
    compared += 1;
    if (!isEqual) differences.push(`${where}: ${String(own)} here, ${String(other)} there`);
  };
  for (const name of job === "whole" ? COUNTERS : []) {
    const [own, other] = [ours.counters?.[name], theirs.counters?.[name]];
    compare(name, own === other, own, other);
  }
  for (const [id, windows] of Object.entries(ours.figures)) {
    for (const window of job === "whole" ? Object.keys(windows) : SMALL_WINDOWS) {
      const [own, other] = [windows[window]!, theirs.figures[id]?.[window] ?? {}];
      for (const [name, isEqual] of job === "whole" ? wholeFigures(own) : smallFigures()) {
        compare(`${id} ${window} ${name}`, isEqual(own[name], other[name]), own[name], other[name]);
      }
    }
  }
  return { compared, differences };
}

type Compared = [name: string, isEqual: (own: Value, other: Value) => boolean];

const areSame = (own: Value, other: Value): boolean => own === other;
/** Absent values are NaN. */
const areSameNumber = (own: Value, other: Value): boolean => Object.is(Number(own), Number(other));
const areNear = (own: Value, other: Value): boolean =>
  Math.abs(Number(own) - Number(other)) <= FLOAT_ERROR_MAX * Math.max(1, Math.abs(Number(own)));

function wholeFigures(own: WindowFigures): Compared[] {
  const exact = [...COUNTS, ...SUMS, ...(own.traders_estimated === true ? [] : TRADERS)];
  return [...exact.map((name): Compared => [name, areSame]), ...PRICES.map((name): Compared => [name, areSameNumber])];
}

function smallFigures(): Compared[] {
  return [
    ["trades", areSame],
    ["buys", areSame],
    ["sells", areSame],
    ["volume_usd", areNear],
  ];
}
