/** The home view: the live ranked table of tokens, with its filter and the market above. */
import "../past/past.css";
import "./market.css";
import "./bar.css";
import "./filter.css";
import "./columns.css";
import "./table.css";
import "./narrow.css";
import type { Client, ScreenerData } from "@swapstats/client";
import { useMemo, useRef } from "preact/hooks";
import { AsOfControl } from "../past/as-of.tsx";
import { AddressProblem } from "../past/banner.tsx";
import { instantText, readAsOf } from "../past/instant.ts";
import { Button } from "../ui/controls.tsx";
import { Empty, Skeleton } from "../ui/parts.tsx";
import { Problem } from "../ui/problem.tsx";
import type { Route } from "../ui/route.ts";
import { useLive } from "../ui/use-store.ts";
import { Bar } from "./bar/bar.tsx";
import { MarketStrip } from "./bar/market-strip.tsx";
import {
  type AddressChanges,
  chainChanges,
  presetChanges,
  queryChanges,
  readAddress,
  type ScreenerState,
  sortBy,
} from "./model/address.ts";
import { DEFAULT_PRESET } from "./model/presets.ts";
import { priceWindow, queryOf, shownColumns, sparkWindow } from "./model/query.ts";
import { PastResults } from "./past-results.tsx";
import { Standing } from "./standing.tsx";
import { Table } from "./table/table.tsx";
import { useHold } from "./table/use-rows.ts";

type ViewProps = { readonly client: Client; readonly route: Route };

/** Windows of a service with default settings, until it has told its own. */
const USUAL_WINDOWS = ["1m", "5m", "15m", "30m", "1h", "6h", "24h"];
/** Ten updates a second. */
const CONFLATE_MS = 100;

export function ScreenerView({ client, route }: ViewProps) {
  const market = useLive("market", () => client.market());
  const names = Object.keys(market.data?.windows ?? {}).join();
  const windows = useMemo(() => (names === "" ? USUAL_WINDOWS : names.split(",")), [names]);
  const seen = Object.entries(market.data?.windows ?? {}).flatMap(([name, { complete }]) => (complete ? [name] : []));
  const complete = useMemo(() => new Set(seen), [seen.join()]);
  const { state, problems } = useMemo(() => readAddress(route.params, windows), [route.params.toString(), windows]);
  const change = (changes: AddressChanges, options?: { readonly replace?: boolean }): void =>
    route.set(changes, options);
  // Without its windows the service cannot be asked; the answer of the market or its failure comes first.
  const isReady = names !== "" || market.error !== undefined;
  const at = route.params.get("at");
  const asOf = useMemo(() => readAsOf(route.params, Date.now()), [at]);
  const choose = (atMs: number | undefined): void => change({ at: atMs === undefined ? undefined : instantText(atMs) });
  // Sums of the market change often. Parts that do not show them are not drawn again.
  const bar = useMemo(
    () => (
      <Bar
        {...{ client, state, windows }}
        onChange={change}
        asOf={<AsOfControl atMs={asOf.atMs} onChoose={choose} />}
      />
    ),
    [client, state, windows, asOf],
  );
  const results = useMemo(() => {
    const { atMs } = asOf;
    if (atMs !== undefined)
      return <PastResults {...{ client, state, windows, isReady, atMs }} onChoose={choose} onChange={change} />;
    return <Results {...{ client, state, windows, complete, isReady }} onChange={change} />;
  }, [client, state, windows, asOf.atMs === undefined ? complete : undefined, isReady, asOf]);
  return (
    <div class="screener">
      <h1 class="unseen">Screener</h1>
      {asOf.atMs === undefined && (
        <MarketStrip
          market={market.data}
          windows={windows}
          chains={state.chains}
          onChains={(chains) => change(chainChanges(chains))}
        />
      )}
      {bar}
      <AddressProblem problem={asOf.problem} />
      {problems.length > 0 && (
        <div class="address-problems" role="alert">
          {problems.map((problem) => (
            <p key={problem}>{problem}</p>
          ))}
        </div>
      )}
      {results}
    </div>
  );
}

type ResultsProps = {
  readonly client: Client;
  readonly state: ScreenerState;
  readonly windows: readonly string[];
  /** Windows that the service has seen completely. */
  readonly complete: ReadonlySet<string>;
  readonly isReady: boolean;
  readonly onChange: (changes: AddressChanges, options?: { readonly replace?: boolean }) => void;
};

/** The answer to the query: the table, or why there is none. */
function Results({ client, state, windows, complete, isReady, onChange }: ResultsProps) {
  const columns = useMemo(() => shownColumns(state.columns, state.sort), [state.columns, state.sort]);
  const spark = sparkWindow(columns, windows, complete);
  const query = useMemo(() => queryOf(state, columns, windows, spark), [state, columns, windows, spark]);
  const key = JSON.stringify(query);
  const live = useLive(isReady ? key : undefined, () => client.screener(query, { conflateMs: CONFLATE_MS }));
  const [isHeld, hold, release] = useHold();
  // While another query is on its way the former rows stay, so that the table does not blink.
  const former = useRef<{ readonly key: string; readonly data: ScreenerData } | undefined>(undefined);
  if (live.data !== undefined) former.current = { key, data: live.data };
  const shown = former.current;
  const sort = (field: string, window: string | undefined, isAdded: boolean): void =>
    onChange(queryChanges(state.filter, sortBy(state.sort, field, window, isAdded)));

  if (live.error !== undefined && live.data === undefined) return <Problem error={live.error} />;
  if (shown === undefined) {
    return (
      <div class="answer">
        <Skeleton rows={16} label="Tokens are on their way" />
      </div>
    );
  }
  const isWaiting = live.data === undefined;
  const { order, rows } = shown.data;
  return (
    <div class={`answer${isWaiting ? " waiting" : ""}${live.stale ? " is-old" : ""}`} aria-busy={isWaiting}>
      {order.length === 0 ? (
        <NoTokens state={state} onChange={onChange} />
      ) : (
        <Table
          {...{ order, rows, columns, complete, isHeld }}
          sparkWindow={spark}
          queryKey={shown.key}
          priceWindow={priceWindow(columns, windows)}
          sort={state.sort}
          onSort={sort}
          onHold={hold}
          onRelease={release}
        />
      )}
      <Standing
        count={order.length}
        limit={state.limit}
        meta={live.meta}
        stale={live.stale && !isWaiting}
        isHeld={isHeld}
        onCopy={() => void navigator.clipboard.writeText(JSON.stringify(query, null, 2))}
      />
    </div>
  );
}

type NoTokensProps = Pick<ResultsProps, "state" | "onChange">;

/** Says why there are no rows: nothing matches, or the service has no tokens yet. */
function NoTokens({ state: { filter, sort, chains, preset }, onChange }: NoTokensProps) {
  if (filter === undefined && chains.length === 0) {
    return (
      <Empty title="No tokens yet">
        The service has not received a swap. Tokens appear here with their first swap, without reloading the page.
      </Empty>
    );
  }
  const isPreset = preset !== undefined && preset !== DEFAULT_PRESET;
  const clear = isPreset ? presetChanges(DEFAULT_PRESET) : queryChanges(undefined, sort);
  return (
    <Empty
      title={isPreset ? `No token fits “${preset.label}” now` : "No token matches the filter now"}
      icon="filter"
      action={
        <Button
          label={isPreset ? `Show ${DEFAULT_PRESET.label.toLowerCase()}` : "Clear the filter"}
          onClick={() => onChange({ ...clear, ...chainChanges([]) })}
        />
      }
    >
      Tokens appear here as soon as they match. A token without the figure matches no comparison of it.
    </Empty>
  );
}
