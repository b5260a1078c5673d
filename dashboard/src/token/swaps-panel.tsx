/** The live list of the token's swaps, newest first. Removed ones stay, struck through. */
import type { LiveStore, LiveSwap, LiveSwapsData } from "@swapstats/client";
import { useState } from "preact/hooks";
import { Badge, Empty, Skeleton } from "../ui/parts.tsx";
import { Problem } from "../ui/problem.tsx";
import { useStore } from "../ui/use-store.ts";
import { SKELETON_ROWS, SwapsFrame, SwapsTable } from "./swaps-table.tsx";

type LiveProps = {
  readonly store: LiveStore<LiveSwapsData> | undefined;
  readonly isPending: boolean;
  /** By `event_id`: how long after its time a swap arrived, in ms. */
  readonly lateBy: ReadonlyMap<string, number>;
  readonly nowMs: number;
};

export function SwapsPanel({ store, isPending, lateBy, nowMs }: LiveProps) {
  const { data, error } = useStore(store);
  const { items, isHeld, waiting, hold, release } = useHeld(data?.items);
  const aside = isHeld ? (
    <Badge tone="accent" title="The list stands still while you point at it">
      {waiting === 0 ? "held" : `held, ${waiting} new`}
    </Badge>
  ) : (
    items !== undefined && items.length > 0 && `newest ${items.length}`
  );
  return (
    <SwapsFrame aside={aside} label="Newest swaps" hold={hold} release={release}>
      {items !== undefined && items.length > 0 ? (
        <SwapsTable items={items} lateBy={lateBy} nowMs={nowMs} />
      ) : isPending ? (
        <Empty title="No swap yet">The list begins with the token's first swap.</Empty>
      ) : items !== undefined ? (
        <Empty title="No swaps">No swap of this token counts in the time that the service keeps.</Empty>
      ) : error !== undefined ? (
        <Problem error={error} />
      ) : (
        <Skeleton rows={SKELETON_ROWS} label="Loading the swaps" />
      )}
    </SwapsFrame>
  );
}

/** Holds the list still while a reader points at it, so that a row can be read. Rows that are removed meanwhile still show it. */
function useHeld(items: readonly LiveSwap[] | undefined) {
  const [held, setHeld] = useState<ReadonlySet<string> | undefined>(undefined);
  const kept = held === undefined ? items : items?.filter(({ event_id }) => held.has(event_id));
  return {
    items: kept,
    isHeld: held !== undefined,
    waiting: (items?.length ?? 0) - (kept?.length ?? 0),
    hold: () => setHeld(new Set(items?.map(({ event_id }) => event_id))),
    release: () => setHeld(undefined),
  };
}
