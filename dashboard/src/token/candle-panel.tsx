/** The candles of the token: choice of the interval, chart, and the exact values of the bar under the crosshair. */
import { type Candle, type CandleInterval, type Client, candleIntervals, type TokenData } from "@swapstats/client";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { exactUsd } from "../format/figures.ts";
import { Button, Tabs } from "../ui/controls.tsx";
import type { Route } from "../ui/route.ts";
import { useOpened, useStore } from "../ui/use-store.ts";
import { type Bar, barsOf, EARLIER_PAUSE_MAX, inOrder, usualInterval } from "./candle-bars.ts";
import { Legend } from "./candle-legend.tsx";
import { ChartNotes, ChartState } from "./chart-notes.tsx";
import { joined } from "./earlier-candles.ts";
import { useBarChart } from "./use-bar-chart.ts";
import { useBarCorrections } from "./use-corrections.ts";
import { useEarlier } from "./use-earlier.ts";

const INTERVALS = Object.keys(candleIntervals) as readonly CandleInterval[];
/** Every service of the usual windows has it. */
const FALLBACK: CandleInterval = "1m";
/** Most candles of a channel, so that every bar of the chart is kept up to date. */
const CANDLES = 1_000;
const NO_CANDLES: readonly Candle[] = [];

type PanelProps = {
  readonly client: Client;
  readonly route: Route;
  readonly data: Pick<TokenData, "id" | "windows"> | undefined;
  readonly isPending: boolean;
  readonly nowMs: number;
  /** Undefined: the present. Else the bars that had ended by then. */
  readonly atMs: number | undefined;
};

export function CandlePanel({ client, route, data, isPending, nowMs, atMs }: PanelProps) {
  const { store, interval } = useCandles(client, route, data, nowMs, atMs);
  const intervalMs = candleIntervals[interval];
  const { data: candles, error } = useStore(store);
  const corrections = useBarCorrections(store, intervalMs);
  const [pointed, setPointed] = useState<number | undefined>(undefined);
  const items = candles?.items;
  const live = useMemo(() => (items === undefined ? NO_CANDLES : inOrder(items)), [items]);
  const asked = { id: data?.id, interval, intervalMs, live, channelMax: CANDLES, atMs, nowMs };
  const earlier = useEarlier(client, asked);
  const present = Math.floor(nowMs / intervalMs) * intervalMs;
  const { bars, byTime } = useBars(earlier.candles, live, intervalMs, present);
  const chart = useBarChart(bars, corrections.marked, setPointed, earlier.loadMore);
  // Of the past nothing comes by itself.
  useEffect(() => {
    if (atMs !== undefined) earlier.loadMore();
  }, [atMs, data?.id, interval]);
  const hasAnswer = atMs === undefined ? items !== undefined : earlier.state !== "idle" && earlier.state !== "loading";
  const problem = atMs === undefined ? error : bars.length === 0 ? earlier.error : undefined;
  return (
    <section class="panel candles" aria-label="Candles">
      <header class="panel-head candles-head">
        <Tabs
          label="Interval of the candles"
          value={interval}
          options={INTERVALS.map((value) => ({ value, label: value }))}
          onChange={(value) => route.set({ interval: value }, { replace: true })}
        />
      </header>
      <Legend
        candle={byTime(pointed) ?? lastCandle(bars)}
        intervalMs={intervalMs}
        nowMs={nowMs}
        isSpoken={chart.isByKeyboard}
      />
      <div class="chart-frame">
        <div
          ref={chart.host}
          class="chart"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys move the crosshair
          tabIndex={0}
          role="application"
          aria-label={summaryOf(bars, interval)}
          onKeyDown={chart.onKeyDown}
          onBlur={chart.onBlur}
        />
        <ChartNotes
          earlier={earlier}
          sight={chart.sight}
          firstMs={bars[0]?.openTime}
          corrected={corrections.corrected.size}
          onRetry={earlier.retry}
        />
        {chart.sight.isPast && (
          <div class="chart-newest">
            <Button label="Newest" onClick={() => chart.showNewest()} />
          </div>
        )}
        <ChartState
          isPending={isPending}
          isEmpty={hasAnswer && problem === undefined && bars.length === 0}
          isPast={atMs !== undefined}
          error={chart.error ?? problem}
          hasData={(hasAnswer || bars.length > 0) && problem === undefined && chart.error === undefined}
          interval={interval}
        />
      </div>
      <p class="chart-credit">
        Times of your clock. Arrow keys move the crosshair.{" "}
        <a href="https://www.tradingview.com/" rel="noreferrer" target="_blank">
          Charts by TradingView
        </a>
      </p>
    </section>
  );
}

/** Opens the candles of the interval that the address names, or of the usual one. Of the past there is no channel. */
function useCandles(client: Client, route: Route, data: PanelProps["data"], nowMs: number, atMs: number | undefined) {
  const usual = useRef<CandleInterval | undefined>(undefined);
  if (usual.current === undefined && data !== undefined)
    usual.current = usualInterval(nowMs - oldestTrade(data, nowMs));
  const [isCoarse, setCoarse] = useState(false);
  const named = INTERVALS.find((name) => name === route.params.get("interval"));
  const interval = named ?? (isCoarse ? undefined : usual.current) ?? FALLBACK;
  const key = data === undefined || atMs !== undefined ? undefined : `candles ${data.id} ${interval}`;
  const store = useOpened(key, () => client.candles(data!.id, interval, { limit: CANDLES }));
  const { error } = useStore(store);
  // Where the steps of the windows are too coarse for the usual interval, the service refuses it.
  const isRefused = error?.code === "unknown_channel" && named === undefined;
  useEffect(() => {
    if (isRefused) setCoarse(true);
  }, [isRefused]);
  return { store, interval };
}

function oldestTrade({ windows }: Pick<TokenData, "windows">, nowMs: number): number {
  return Math.min(nowMs, ...Object.values(windows).map(({ first_trade_time = nowMs }) => first_trade_time));
}

/** The bars of history and channel as one line. Those of the history are made once a page, not with every update of the channel. */
function useBars(earlier: readonly Candle[], live: readonly Candle[], intervalMs: number, present: number) {
  const parts = useMemo(() => joined(earlier, live), [earlier, live]);
  const firstLive = parts.live[0]?.open_time;
  const end = firstLive === undefined ? present : firstLive - intervalMs;
  const count = parts.earlier.length;
  const before = useMemo(
    () => barsOf(parts.earlier, intervalMs, end, EARLIER_PAUSE_MAX),
    [earlier, count, intervalMs, end],
  );
  const bars = useMemo(
    () => [...before, ...barsOf(parts.live, intervalMs, present)],
    [before, parts.live, intervalMs, present],
  );
  const byTime = (openTime: number | undefined): Candle | undefined =>
    openTime === undefined ? undefined : bars[placeOf(bars, openTime)]?.candle;
  return { bars, byTime };
}

/** Returns the index of the bar with this time, or -1. */
function placeOf(bars: readonly Bar[], openTime: number): number {
  let [from, to] = [0, bars.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (bars[middle]!.openTime < openTime) from = middle + 1;
    else to = middle;
  }
  return bars[from]?.openTime === openTime ? from : -1;
}

function lastCandle(bars: readonly Bar[]): Candle | undefined {
  return bars.findLast(({ candle }) => candle !== undefined)?.candle;
}

/** Says in text what the chart shows. */
function summaryOf(bars: readonly Bar[], interval: string): string {
  const count = bars.reduce((sum, { candle }) => (candle === undefined ? sum : sum + 1), 0);
  const last = lastCandle(bars);
  if (last === undefined) return `Chart of candles of ${interval}, without a candle.`;
  return `Chart of ${count} candles of ${interval}. The last one closed at ${exactUsd(last.close)}.`;
}
