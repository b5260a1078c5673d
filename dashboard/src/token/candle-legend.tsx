/** The values of one bar, exact, as the service sent them. */
import type { Candle } from "@swapstats/client";
import { exact, exactUsd, NO_VALUE } from "../format/figures.ts";
import { exactTime, formatClock, formatDay } from "../format/times.ts";

const DAY_MS = 86_400_000;

type LegendProps = {
  readonly candle: Candle | undefined;
  readonly intervalMs: number;
  readonly nowMs: number;
  /** Whether changes are spoken, as while keys move the crosshair. */
  readonly isSpoken: boolean;
};

export function Legend({ candle, intervalMs, nowMs, isSpoken }: LegendProps) {
  const price = (value: string | undefined): string => (value === undefined ? NO_VALUE : exactUsd(value));
  const rows = [
    ["O", "Open", price(candle?.open)],
    ["H", "High", price(candle?.high)],
    ["L", "Low", price(candle?.low)],
    ["C", "Close", price(candle?.close)],
    ["Vol", "Volume", price(candle?.volume_usd)],
    ["Trades", "Trades", candle === undefined ? NO_VALUE : exact(candle.trades)],
  ] as const;
  return (
    <dl class="legend" aria-live={isSpoken ? "polite" : "off"}>
      <div class="legend-time" title={exactTime(candle?.open_time)}>
        <dt class="unseen">Start of the bar</dt>
        <dd>
          {candle === undefined ? NO_VALUE : startOf(candle, nowMs)}
          {candle?.complete === false && <Incomplete isOpen={candle.open_time + intervalMs > nowMs} />}
        </dd>
      </div>
      {rows.map(([short, name, value]) => (
        <div key={name} class={`legend-of-${short.toLowerCase()}`}>
          <dt title={name}>{short}</dt>
          <dd title={value}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The clock says enough of the last day; before that the day is needed. */
function startOf({ open_time }: Candle, nowMs: number): string {
  if (nowMs - open_time < DAY_MS) return formatClock(open_time);
  return formatDay(open_time)
    .replace(/ \d{4},/, "")
    .replace(/:\d\d$/, "");
}

function Incomplete({ isOpen }: { readonly isOpen: boolean }) {
  return (
    <span
      class="legend-open"
      title={isOpen ? "The bar is still open" : "The service did not see all of this bar: swaps may be missing"}
    >
      {isOpen ? " open" : " partial"}
    </span>
  );
}
