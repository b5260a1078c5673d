/** Lies over the chart: how far back it reaches, what was corrected, and why there is nothing to draw. */
import { exactTime, formatDay } from "../format/times.ts";
import { Button } from "../ui/controls.tsx";
import { Badge, Empty, Skeleton } from "../ui/parts.tsx";
import { Problem } from "../ui/problem.tsx";
import type { ChartSight } from "./chart.ts";
import { EARLIER_MAX, type Earlier } from "./earlier-candles.ts";

type NotesProps = {
  readonly earlier: Earlier;
  readonly sight: ChartSight;
  readonly firstMs: number | undefined;
  /** Number of bars that were corrected since the chart was opened. */
  readonly corrected: number;
  readonly onRetry: () => void;
};

/** They lie over the chart, so that nothing moves when they come. */
export function ChartNotes({ earlier, sight, firstMs, corrected, onRetry }: NotesProps) {
  return (
    <div class="chart-notes">
      {corrected > 0 && <Corrected bars={corrected} />}
      <span role="status" class="chart-reach">
        <Reach {...{ earlier, sight, firstMs }} />
      </span>
      {earlier.state === "failed" && <Button label="Try again" kind="quiet" onClick={onRetry} />}
    </div>
  );
}

function Reach({ earlier: { state, error }, sight, firstMs }: Pick<NotesProps, "earlier" | "sight" | "firstMs">) {
  const isSeen = sight.start === "seen";
  if (state === "loading") return <Badge>Loading earlier candles</Badge>;
  if (state === "failed") {
    return (
      <Badge tone="warn" title={error?.message ?? ""}>
        Earlier candles cannot be loaded
      </Badge>
    );
  }
  if (state === "start" && isSeen && firstMs !== undefined) {
    return <Badge title={exactTime(firstMs)}>Start of the history: {formatDay(firstMs)}</Badge>;
  }
  if (state === "none" && isSeen && sight.isPast) {
    return <Badge title="This service keeps no history beyond its memory">No earlier candles are kept</Badge>;
  }
  if (state === "full" && isSeen) {
    return (
      <Badge tone="accent">
        The chart holds {EARLIER_MAX.toLocaleString("en-US")} candles. Choose a longer interval to see earlier ones
      </Badge>
    );
  }
  return null;
}

function Corrected({ bars }: { readonly bars: number }) {
  const title =
    "Closed bars that a late swap or a reorg changed since this chart was opened. A changed bar is marked for some seconds.";
  return (
    <Badge tone="warn" title={title}>
      {bars === 1 ? "1 bar corrected" : `${bars} bars corrected`}
    </Badge>
  );
}

type StateProps = {
  readonly isPending: boolean;
  readonly isEmpty: boolean;
  readonly hasData: boolean;
  readonly isPast: boolean;
  readonly interval: string;
  readonly error: { readonly code: string; readonly message: string } | undefined;
};

/** Lies over the chart where there is nothing to draw. */
export function ChartState({ isPending, isEmpty, hasData, isPast, interval, error }: StateProps) {
  if (hasData && !isEmpty) return null;
  return (
    <div class="chart-state">
      {isPending ? (
        <Empty title="No swap yet">The first candle appears here with the token's first swap.</Empty>
      ) : error !== undefined && !hasData ? (
        <Problem error={error} />
      ) : isEmpty && isPast ? (
        <Empty title="No trade before that time">
          The history has no candle of {interval} before the chosen instant.
        </Empty>
      ) : isEmpty ? (
        <Empty title="No trade in memory">
          No candle of {interval} in the time that the service keeps. A longer interval may reach further back.
        </Empty>
      ) : (
        <Skeleton rows={6} label="Loading the candles" />
      )}
    </div>
  );
}
