import { readFileSync } from "node:fs";
import type { ModelConfig, ModelCounters } from "./naive-model.ts";
import type { ModelFigures } from "./naive-stats.ts";
import { defaultWindows } from "./window-rules.ts";

export const vectorNames = ["dense", "hours", "day", "edges", "second"] as const;

type ExpectedToken = {
  readonly symbol?: string;
  readonly late: number;
  readonly removed: number;
  readonly unresolved: number;
  readonly windows: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
};

type Vector = {
  readonly lines: readonly string[];
  readonly expected: {
    readonly arrival: number;
    readonly as_of: number;
    readonly counters: Readonly<Record<string, unknown>>;
    readonly tokens: Readonly<Record<string, ExpectedToken>>;
  };
};

type Form = {
  readonly json: string;
  readonly accept: boolean;
  readonly why: string;
  readonly want?: Readonly<Record<string, unknown>>;
};

const folder = new URL("../fixtures/vectors/", import.meta.url);

export function loadVector(name: string): Vector {
  const lines = readFileSync(new URL(`${name}.ndjson`, folder), "utf8").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return { lines, expected: JSON.parse(readFileSync(new URL(`${name}.expected.json`, folder), "utf8")) };
}

export function loadForms(): Form[] {
  return JSON.parse(readFileSync(new URL("forms.json", folder), "utf8"));
}

/** The defaults of the interfaces, for the model and for the engine alike. */
export const defaultConfig: ModelConfig & { readonly exactTraders: number } = {
  windows: defaultWindows,
  graceMs: 120_000,
  reorgHorizonMs: 900_000,
  maxSkewMs: 60_000,
  priceMinUsdMicro: 0,
  chains: new Map(),
  maxTokens: 2_000_000,
  maxChains: Number.POSITIVE_INFINITY,
  exactTraders: 4096,
};

/** Figures that are newer than the vectors, with the model's values. */
export function laterFigures({ avgTradeUsd }: ModelFigures): Readonly<Record<string, unknown>> {
  return avgTradeUsd === undefined ? {} : { avg_trade_usd: avgTradeUsd };
}
export const LATER_FIGURES: readonly string[] = ["avg_trade_usd"];

/** The counters that the vectors contain: those that add up to `accepted`. */
export function countersOfVectors(counters: ModelCounters): Partial<ModelCounters> {
  const { conflicts: _c, replaced: _r, removals_unmatched: _u, labels_dropped: _l, ...spokenOf } = counters;
  return spokenOf;
}
