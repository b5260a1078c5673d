/** The line below the table: how many tokens, what the answer stands on, and what the query costs. */
import { useRef } from "preact/hooks";
import { exactTime, formatClock, formatDay, formatSpan } from "../format/times.ts";
import { Button } from "../ui/controls.tsx";
import { Badge } from "../ui/parts.tsx";

type StandingProps = {
  readonly count: number;
  readonly limit: number;
  readonly meta:
    | {
        readonly rev: number;
        readonly epoch: string;
        readonly asOf: number;
        readonly lagMs: number;
        readonly receivedAtMs: number;
      }
    | undefined;
  readonly stale: boolean;
  readonly isHeld: boolean;
  readonly onCopy: () => void;
};

export function Standing({ count, limit, meta, stale, isHeld, onCopy }: StandingProps) {
  const rate = useRate(meta?.receivedAtMs);
  return (
    <footer class="standing">
      <Count count={count} limit={limit} verb={["matches", "match"]} />
      {stale && (
        <Badge tone="warn" title="The figures are the last known ones. The page goes on by itself.">
          Stale
        </Badge>
      )}
      {isHeld && (
        <Badge tone="accent" title="Rows keep their places while you point at them. Figures change as they come.">
          Order held
        </Badge>
      )}
      <span class="standing-end">
        {meta !== undefined && (
          <>
            <span title={exactTime(meta.asOf)}>{`as of ${formatClock(meta.asOf)}`}</span>
            <span title={`Epoch ${meta.epoch}. The revision grows with every change of the query's figures.`}>
              {`rev ${meta.rev}`}
            </span>
            <span title="Age of the oldest stored swap that is not in the figures yet">{`lag ${formatSpan(meta.lagMs)}`}</span>
            <span class="standing-rate" title="Updates of this query in a second">
              {`${rate.toFixed(rate < 10 ? 1 : 0)} updates/s`}
            </span>
          </>
        )}
        <Button label="Copy query" icon="copy" kind="quiet" onClick={onCopy} />
      </span>
    </footer>
  );
}

type CountProps = Pick<StandingProps, "count" | "limit"> & { readonly verb: readonly [one: string, many: string] };

function Count({ count, limit, verb: [one, many] }: CountProps) {
  const isFull = count >= limit;
  return (
    <span
      class="standing-count"
      title={isFull ? "More tokens may match. Ask for more rows, or narrow the filter." : undefined}
    >
      {isFull ? `First ${count} tokens` : `${count} ${count === 1 ? `token ${one}` : `tokens ${many}`}`}
    </span>
  );
}

type PastProps = Pick<StandingProps, "count" | "limit" | "onCopy"> & { readonly atMs: number };

/** The same of a past instant, which has no revision and no updates. */
export function PastStanding({ count, limit, atMs, onCopy }: PastProps) {
  return (
    <footer class="standing">
      <Count count={count} limit={limit} verb={["matched", "matched"]} />
      <span class="standing-end">
        <span title={exactTime(atMs)}>{`as of ${formatDay(atMs)}`}</span>
        <Button label="Copy query" icon="copy" kind="quiet" onClick={onCopy} />
      </span>
    </footer>
  );
}

const RATE_SPAN_MS = 3_000;

/** Returns how often the value has changed in a second, over the last three. */
function useRate(receivedAtMs: number | undefined): number {
  const kept = useRef<number[]>([]);
  const times = kept.current;
  if (receivedAtMs !== undefined && times.at(-1) !== receivedAtMs) times.push(receivedAtMs);
  const nowMs = Date.now();
  while (times.length > 0 && nowMs - (times[0] as number) > RATE_SPAN_MS) times.shift();
  return (times.length * 1_000) / RATE_SPAN_MS;
}
