/** The table of swaps, newest first, and its frame. */
import type { LiveSwap } from "@swapstats/client";
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { exact, exactUsd } from "../format/figures.ts";
import { exactTime, formatAge, formatSpan } from "../format/times.ts";
import { shortAddress } from "../format/tokens.ts";
import { Figure, Panel } from "../ui/parts.tsx";

/** Rows of the table while it loads. */
export const SKELETON_ROWS = 16;
/** Only the newest rows are tinted as they enter: of a busy token all others would be, all the time. */
const TINTED_MAX = 3;

type FrameProps = {
  readonly aside: ComponentChildren;
  readonly label: string;
  readonly hold?: () => void;
  readonly release?: () => void;
  readonly children: ComponentChildren;
};

export function SwapsFrame({ aside, label, hold, release, children }: FrameProps) {
  return (
    <Panel title="Swaps" aside={aside} class="swaps">
      <section
        class="swaps-scroll"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: keyboards scroll it
        tabIndex={0}
        aria-label={label}
        onPointerEnter={(event) => event.pointerType === "mouse" && hold?.()}
        onPointerLeave={() => release?.()}
      >
        {children}
      </section>
    </Panel>
  );
}

type TableProps = {
  readonly items: readonly LiveSwap[];
  /** By `event_id`: how long after its time a swap arrived, in ms. */
  readonly lateBy: ReadonlyMap<string, number>;
  /** Ages count from here. */
  readonly nowMs: number;
};

export function SwapsTable({ items, lateBy, nowMs }: TableProps) {
  // Rows of the first list are there at once; only those that come later enter softly.
  const first = useRef(items[0]?.seq ?? 0);
  return (
    <table class="swaps-table">
      <thead>
        <tr>
          <th scope="col">Age</th>
          <th scope="col">Side</th>
          <th scope="col" class="number">
            Price
          </th>
          <th scope="col" class="number">
            Tokens
          </th>
          <th scope="col" class="number">
            Dollars
          </th>
          <th scope="col" class="swap-who">
            Trader
          </th>
        </tr>
      </thead>
      <tbody>
        {items.map((swap, index) => (
          <SwapRow
            key={`${swap.event_id} ${swap.block_hash ?? ""} ${swap.revision ?? 0}`}
            swap={swap}
            lateMs={lateBy.get(swap.event_id)}
            isTinted={index < TINTED_MAX && swap.seq > first.current}
            nowMs={nowMs}
          />
        ))}
      </tbody>
    </table>
  );
}

type RowProps = {
  readonly swap: LiveSwap;
  readonly lateMs: number | undefined;
  readonly isTinted: boolean;
  readonly nowMs: number;
};

function SwapRow({ swap, lateMs, isTinted, nowMs }: RowProps) {
  const { side, removed, event_time, amount_token, amount_usd, price_usd, who, tx_hash } = swap;
  const classes = [side, isTinted && "entered", removed && "removed", lateMs !== undefined && "late"].filter(Boolean);
  const time = `${exactTime(event_time)}, transaction ${tx_hash}${swap.block_number === undefined ? "" : `, block ${swap.block_number}`}`;
  return (
    <tr class={classes.join(" ")}>
      <td title={time}>
        {removed ? (
          <span class="swap-mark" title={`The chain dropped its block: it counts no longer. ${time}`}>
            removed
          </span>
        ) : lateMs !== undefined ? (
          <span class="swap-mark" title={`It arrived ${formatSpan(lateMs)} after its time. ${time}`}>
            {formatAge(event_time, nowMs)} late
          </span>
        ) : (
          formatAge(event_time, nowMs)
        )}
      </td>
      <td class={side === "buy" ? "up" : "down"}>{side === "buy" ? "Buy" : "Sell"}</td>
      <td class="number">
        <Figure value={price_usd} form="price" />
      </td>
      <td class="number">
        <span title={`${exact(amount_token)} tokens`}>
          <Figure value={amount_token} form="amount" />
        </span>
      </td>
      <td class="number swap-usd" title={exactUsd(amount_usd)}>
        <Figure value={amount_usd} form="usd" />
      </td>
      <td class="swap-who">{who === undefined ? "–" : <code title={who}>{shortAddress(who)}</code>}</td>
    </tr>
  );
}
