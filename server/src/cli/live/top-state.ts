/** The state of `top`. Pure functions make the next state from data, status and keys. */
import type { OverviewData } from "@swapstats/client";
import { type SortField, sortFields } from "@swapstats/protocol/figures.ts";
import type { CounterName, ServiceStatus } from "../service-client.ts";
import type { Freshness } from "./freshness.ts";
import type { ChannelData } from "./live-service.ts";
import type { Key } from "./screen.ts";

/** Samples of a price for its trend, at most one a second. */
const TREND_COUNT_MAX = 24;
const TREND_EVERY_MS = 1_000;

export type Trend = { readonly values: readonly number[]; readonly takenMs: number };

export type TopState = {
  readonly url: string;
  readonly window: string;
  readonly sort: SortField;
  /** Names of the windows of the service. Empty until they are known. */
  readonly windows: readonly string[];
  readonly connected: boolean;
  readonly overview: OverviewData | undefined;
  readonly asOfMs: number;
  readonly lagMs: number;
  /** Trends of the prices of the shown rows, by id. */
  readonly trends: ReadonlyMap<string, Trend>;
  readonly status: TopStatus | undefined;
  /** Arrival of the newest figures, and last sign of life of the service, by the clock of this machine. */
  readonly freshness: Freshness;
  readonly paused: boolean;
  /** First shown row. */
  readonly scroll: number;
};

type TopStatus = {
  readonly accepted: number;
  readonly takenMs: number;
  /** Swaps a second since the previous status. Undefined at first. */
  readonly ratePerSecond: number | undefined;
  readonly late: number;
  readonly duplicates: number;
  readonly watermarkMs: number | undefined;
};

export function startState(url: string, window: string, sort: SortField, nowMs: number): TopState {
  return {
    url,
    window,
    sort,
    windows: [],
    connected: true,
    overview: undefined,
    asOfMs: 0,
    lagMs: 0,
    trends: new Map(),
    status: undefined,
    freshness: { changedMs: nowMs, heardMs: nowMs },
    paused: false,
    scroll: 0,
  };
}

/** `nowMs` is the clock of this machine, as in `withStatus`. */
export function withData(
  state: TopState,
  { data: overview, asOfMs, lagMs }: ChannelData<OverviewData>,
  nowMs: number,
): TopState {
  const freshness = { changedMs: nowMs, heardMs: nowMs };
  if (state.paused) return { ...state, freshness };
  return {
    ...state,
    connected: true,
    overview,
    asOfMs,
    lagMs,
    freshness,
    trends: trendsOf(state.trends, overview, asOfMs),
  };
}

/** Only current rows keep their trend, so memory is bounded by one page. */
function trendsOf(before: ReadonlyMap<string, Trend>, overview: OverviewData, asOfMs: number): Map<string, Trend> {
  const trends = new Map<string, Trend>();
  for (const id of overview.order) {
    const trend = before.get(id);
    const price = Number(overview.rows[id]?.stats.close);
    if (trend !== undefined && (asOfMs - trend.takenMs < TREND_EVERY_MS || Number.isNaN(price))) trends.set(id, trend);
    else if (!Number.isNaN(price)) {
      trends.set(id, { values: [...(trend?.values ?? []), price].slice(-TREND_COUNT_MAX), takenMs: asOfMs });
    }
  }
  return trends;
}

export function withStatus(state: TopState, status: ServiceStatus, nowMs: number): TopState {
  const counter = (name: CounterName): number => status.counters[name] ?? 0;
  const accepted = counter("accepted");
  const before = state.status;
  const seconds = before === undefined ? 0 : (nowMs - before.takenMs) / 1_000;
  const watermarks = status.partitions.flatMap(({ watermark }) => Object.values(watermark ?? {}));
  return {
    ...state,
    freshness: { ...state.freshness, heardMs: nowMs },
    status: {
      accepted,
      takenMs: nowMs,
      ratePerSecond:
        before === undefined || seconds <= 0 ? undefined : Math.max(0, accepted - before.accepted) / seconds,
      late: counter("late"),
      duplicates: counter("duplicates"),
      watermarkMs: watermarks.length === 0 ? undefined : Math.min(...watermarks),
    },
  };
}

/** Returns the state after a key. `pageRows` is the number of visible rows, `sorts` the figures for the arrow keys. The caller handles quitting. */
export function withKey(state: TopState, key: Key, pageRows: number, sorts: readonly SortField[]): TopState {
  const last = Math.max(0, (state.overview?.order.length ?? 0) - pageRows);
  const scrollTo = (row: number): TopState => ({ ...state, scroll: Math.min(Math.max(row, 0), last) });
  switch (key) {
    case "right":
      return { ...state, sort: next(sorts, state.sort, 1), scroll: 0, paused: false };
    case "left":
      return { ...state, sort: next(sorts, state.sort, -1), scroll: 0, paused: false };
    case "w":
      return withWindow(state, next(state.windows, state.window, 1));
    case "W":
      return withWindow(state, next(state.windows, state.window, -1));
    case "up":
    case "k":
      return scrollTo(state.scroll - 1);
    case "down":
    case "j":
      return scrollTo(state.scroll + 1);
    case "pageUp":
      return scrollTo(state.scroll - pageRows);
    case "pageDown":
      return scrollTo(state.scroll + pageRows);
    case "home":
    case "g":
      return scrollTo(0);
    case "end":
    case "G":
      return scrollTo(last);
    case " ":
    case "p":
      return { ...state, paused: !state.paused };
    default:
      return state;
  }
}

/** Drops the shown figures, and ends a pause. */
function withWindow(state: TopState, window: string): TopState {
  if (window === state.window) return state;
  return { ...state, window, overview: undefined, trends: new Map(), scroll: 0, paused: false };
}

export function isSortField(text: string): text is SortField {
  return sortFields.some((field) => field === text);
}

function next<T>(list: readonly T[], current: T, step: number): T {
  if (list.length === 0) return current;
  const index = list.indexOf(current);
  // A value that is not in the list counts as in front of the first.
  if (index === -1) return (step > 0 ? list[0] : list.at(-1)) as T;
  return list[(index + step + list.length) % list.length] as T;
}
