/** The swaps before an instant of the past, newest first. Earlier ones come a page at a time. */
import type { Client, ClientError, LiveSwap } from "@swapstats/client";
import { useEffect, useState } from "preact/hooks";
import { Button } from "../ui/controls.tsx";
import { Empty, Skeleton } from "../ui/parts.tsx";
import { Problem } from "../ui/problem.tsx";
import { SKELETON_ROWS, SwapsFrame, SwapsTable } from "./swaps-table.tsx";

const PAGE = 100;
/** Rows that the page holds. */
const ROWS_MAX = 5_000;
const NONE_LATE: ReadonlyMap<string, number> = new Map();

type PanelProps = {
  readonly client: Client;
  /** Undefined: not known yet. */
  readonly id: string | undefined;
  readonly atMs: number;
};

export function PastSwapsPanel({ client, id, atMs }: PanelProps) {
  const { items, error, isLoading, hasMore, load } = usePages(client, id, atMs);
  const retry = error !== undefined && <Button label="Try again" onClick={load} />;
  return (
    <SwapsFrame aside={items !== undefined && items.length > 0 && `${items.length} before that time`} label="Swaps">
      {items === undefined ? (
        error === undefined ? (
          <Skeleton rows={SKELETON_ROWS} label="Loading the swaps" />
        ) : (
          <Problem error={error} action={retry} />
        )
      ) : items.length === 0 ? (
        <Empty title="No swaps before that time">The history has no earlier swap of this token.</Empty>
      ) : (
        <>
          <SwapsTable items={items} lateBy={NONE_LATE} nowMs={atMs} />
          <div class="swaps-more">
            {error !== undefined ? (
              <>
                <span role="alert">{error.message}</span> {retry}
              </>
            ) : (
              hasMore && (
                <Button
                  label={isLoading ? "Loading earlier swaps" : "Earlier swaps"}
                  kind="quiet"
                  disabled={isLoading}
                  onClick={load}
                />
              )
            )}
          </div>
        </>
      )}
    </SwapsFrame>
  );
}

type Pages = {
  readonly of: string;
  readonly items?: readonly LiveSwap[];
  readonly cursor?: string | undefined;
  readonly isLoading: boolean;
  readonly error?: ClientError;
};

/** Loads the first page by itself, and a further one with each call of `load`. */
function usePages(client: Client, id: string | undefined, atMs: number) {
  const key = `${id} ${atMs}`;
  const [kept, setPages] = useState<Pages>({ of: key, isLoading: true });
  const pages: Pages = kept.of === key ? kept : { of: key, isLoading: true };
  const [wanted, want] = useState(0);
  useEffect(() => {
    if (id === undefined) return;
    const ended = new AbortController();
    const { error: _, ...before } = pages;
    setPages({ ...before, isLoading: true });
    client.http.swaps(id, { to: atMs, limit: PAGE, cursor: pages.cursor }, { signal: ended.signal }).then(
      ({ items, next_cursor: cursor }) => {
        // Of the past nothing changes, so no swap has a number of a change.
        const all = [...(before.items ?? []), ...items.map((swap) => ({ ...swap, seq: 0 }))];
        setPages({ of: key, items: all, cursor: all.length < ROWS_MAX ? cursor : undefined, isLoading: false });
      },
      (error: ClientError) => {
        if (!ended.signal.aborted) setPages({ ...before, isLoading: false, error });
      },
    );
    return () => ended.abort();
  }, [key, wanted]);
  return { ...pages, hasMore: pages.cursor !== undefined, load: () => want((count) => count + 1) };
}
