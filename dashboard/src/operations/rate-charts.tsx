/** Counters as rates over the last ten minutes, each in a small chart. */
import type { Status } from "@swapstats/client";
import { useState } from "preact/hooks";
import { exact, formatCount } from "../format/figures.ts";
import { formatClock, formatSpan } from "../format/times.ts";
import { ceilingOf, chartPaths } from "./chart-path.ts";
import { formatRate } from "./short-forms.ts";
import { type Counter, lagsOf, type Point, rateNow, ratesOf, type Sample, SPAN_MS } from "./status-history.ts";

/** Charts begin with this span and grow to ten minutes. */
const SPAN_MIN_MS = 60_000;
const SIZE = { width: 240, height: 56 };

type Chart = { readonly id: Counter | "lag"; readonly title: string; readonly meaning: string };

const CHARTS: readonly Chart[] = [
  { id: "accepted", title: "Read", meaning: "Records read from the log" },
  { id: "applied", title: "Applied", meaning: "Swaps that count" },
  { id: "lag", title: "Waiting", meaning: "Stored records that are not yet in the figures" },
  { id: "duplicates", title: "Duplicates", meaning: "Copies of what is remembered; they change nothing" },
  { id: "late", title: "Late", meaning: "Swaps that arrived behind the watermark and do not count" },
  { id: "removed", title: "Removed", meaning: "Swaps that a chain reorganisation took back" },
  { id: "quarantined", title: "Quarantined", meaning: "Swaps too far in the future" },
  { id: "dead_letters", title: "Dead letters", meaning: "Records that break a rule" },
];

export function RateCharts({
  samples,
  status,
  now,
}: {
  readonly samples: readonly Sample[];
  readonly status: Status | undefined;
  readonly now: number;
}) {
  return (
    <section class="panel ops-rates" aria-label="Counters as rates over the last ten minutes">
      {CHARTS.map((chart) => (
        <RateChart
          key={chart.id}
          chart={chart}
          samples={samples}
          total={totalOf(chart.id, status, samples)}
          now={now}
        />
      ))}
    </section>
  );
}

function totalOf(id: Chart["id"], status: Status | undefined, samples: readonly Sample[]): number | undefined {
  return status === undefined || id === "lag" ? undefined : samples.at(-1)?.sums[id];
}

function RateChart({
  chart: { id, title, meaning },
  samples,
  total,
  now,
}: {
  readonly chart: Chart;
  readonly samples: readonly Sample[];
  readonly total: number | undefined;
  readonly now: number;
}) {
  const [pointed, setPointed] = useState<number | undefined>(undefined);
  const points = id === "lag" ? lagsOf(samples) : ratesOf(samples, id);
  const endMs = Math.max(now, samples.at(-1)?.atMs ?? 0);
  const spanMs = Math.min(SPAN_MS, Math.max(SPAN_MIN_MS, endMs - (samples[0]?.atMs ?? endMs)));
  const { line, area, max } = chartPaths(points, SIZE, endMs, spanMs);
  const present = id === "lag" ? samples.at(-1)?.lag : rateNow(samples, id);
  const shown = pointed === undefined ? undefined : nearest(points, endMs - spanMs * (1 - pointed));
  const unit = id === "lag" ? "records" : "/s";
  const value = shown === undefined ? present : shown.value;
  const tone = id === "dead_letters" || id === "quarantined" || id === "late" ? " watch" : "";
  return (
    <div class={`ops-rate${tone}`} title={meaning}>
      <div class="ops-rate-head">
        <h2>{title}</h2>
        <span class="ops-rate-total" title={total === undefined ? undefined : `${exact(total)} in all`}>
          {shown !== undefined ? formatClock(shown.atMs) : total === undefined ? "" : formatCount(total)}
        </span>
      </div>
      <p class="ops-rate-now">
        {id === "lag" ? formatCount(value) : formatRate(value)} <small>{unit}</small>
      </p>
      <svg
        viewBox={`0 0 ${SIZE.width} ${SIZE.height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={summaryOf(title, points, unit)}
        onPointerMove={(event) => {
          const { left, width } = event.currentTarget.getBoundingClientRect();
          setPointed(Math.min(1, Math.max(0, (event.clientX - left) / width)));
        }}
        onPointerLeave={() => setPointed(undefined)}
      >
        <line class="ops-axis" x1="0" x2={SIZE.width} y1={SIZE.height - 0.5} y2={SIZE.height - 0.5} />
        <path class="ops-area" d={area} />
        <path class="ops-line" d={line} />
        {pointed !== undefined && (
          <line class="ops-cursor" x1={pointed * SIZE.width} x2={pointed * SIZE.width} y1="0" y2={SIZE.height} />
        )}
      </svg>
      <p class="ops-rate-scale">
        <span>{formatSpan(spanMs)}</span>
        <span>max {formatCount(max)}</span>
      </p>
    </div>
  );
}

function nearest(points: readonly Point[], atMs: number): Point | undefined {
  let best: Point | undefined;
  for (const point of points) {
    if (best === undefined || Math.abs(point.atMs - atMs) < Math.abs(best.atMs - atMs)) best = point;
  }
  return best;
}

function summaryOf(title: string, points: readonly Point[], unit: string): string {
  const values = points.flatMap(({ value }) => (value === undefined ? [] : [value]));
  if (values.length === 0) return `${title}: no values yet`;
  const most = Math.max(...values);
  return `${title}: now ${formatRate(values.at(-1))} ${unit}, at most ${formatRate(most)} ${unit}, scale to ${ceilingOf(most)}`;
}
