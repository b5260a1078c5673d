/** The tokens that matched at a past instant: the same table, without what exists only live. */
import type { Client } from "@swapstats/client";
import { useMemo } from "preact/hooks";
import { PastBanner } from "../past/banner.tsx";
import { instantText } from "../past/instant.ts";
import { PastProblem } from "../past/problem.tsx";
import { useAnswer } from "../past/use-answer.ts";
import { Button } from "../ui/controls.tsx";
import { Empty, Skeleton } from "../ui/parts.tsx";
import { type AddressChanges, queryChanges, type ScreenerState, sortBy } from "./model/address.ts";
import { priceWindow, queryOf, shownColumns, sparkWindow } from "./model/query.ts";
import { PastStanding } from "./standing.tsx";
import { Table } from "./table/table.tsx";
import { useHold } from "./table/use-rows.ts";

type ResultsProps = {
  readonly client: Client;
  readonly state: ScreenerState;
  readonly windows: readonly string[];
  /** The windows of the service are known. */
  readonly isReady: boolean;
  readonly atMs: number;
  readonly onChoose: (atMs: number | undefined) => void;
  readonly onChange: (changes: AddressChanges) => void;
};

export function PastResults({ client, state, windows, isReady, atMs, onChoose, onChange }: ResultsProps) {
  const at = instantText(atMs);
  const complete = useMemo(() => new Set(windows), [windows]);
  const columns = useMemo(() => shownColumns(state.columns, state.sort), [state.columns, state.sort]);
  const spark = sparkWindow(columns, windows, complete);
  const query = useMemo(() => queryOf(state, columns, windows, spark), [state, columns, windows, spark]);
  const key = `${at} ${JSON.stringify(query)}`;
  const { value, error, isFormer, retry } = useAnswer(isReady ? key : undefined, (signal) =>
    client.http.screener({ ...query, at }, { signal }),
  );
  const data = useMemo(
    () =>
      value && {
        order: value.items.map(({ id }) => id),
        rows: Object.fromEntries(value.items.map((row) => [row.id, row])),
      },
    [value],
  );
  const [isHeld, hold, release] = useHold();
  return (
    <>
      <div class="past-frame">
        <PastBanner
          atMs={atMs}
          isComplete={isFormer || value === undefined ? undefined : value.history_complete}
          onChoose={onChoose}
        />
      </div>
      {error !== undefined ? (
        <PastProblem error={error} onRetry={retry} onChoose={onChoose} />
      ) : data === undefined ? (
        <div class="answer">
          <Skeleton rows={16} label="Tokens are on their way" />
        </div>
      ) : (
        <div
          class={isFormer ? "answer is-former" : "answer"}
          aria-busy={isFormer}
          data-state={isFormer ? "loading" : "past"}
        >
          {data.order.length === 0 ? (
            <Empty
              title="No token matches at that time"
              icon="clock"
              action={<Button label="Back to live" onClick={() => onChoose(undefined)} />}
            >
              No swap of that time counts, or no token fits the filter.
            </Empty>
          ) : (
            <Table
              {...{ columns, complete, isHeld, at }}
              order={data.order}
              rows={data.rows}
              sparkWindow={spark}
              queryKey={key}
              priceWindow={priceWindow(columns, windows)}
              sort={state.sort}
              onSort={(field, window, isAdded) =>
                onChange(queryChanges(state.filter, sortBy(state.sort, field, window, isAdded)))
              }
              onHold={hold}
              onRelease={release}
            />
          )}
          <PastStanding
            count={data.order.length}
            limit={state.limit}
            atMs={atMs}
            onCopy={() => void navigator.clipboard.writeText(JSON.stringify({ ...query, at }, null, 2))}
          />
        </div>
      )}
    </>
  );
}
