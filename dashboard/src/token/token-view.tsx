/** The view of one token. */
import type { Client, ClientStatus, LiveStore, TokenData } from "@swapstats/client";
import { useEffect, useMemo, useState } from "preact/hooks";
import { formatPrice } from "../format/figures.ts";
import { shortId } from "../format/tokens.ts";
import { AsOfControl } from "../past/as-of.tsx";
import { AddressProblem } from "../past/banner.tsx";
import { instantText, readAsOf } from "../past/instant.ts";
import { Problem } from "../ui/problem.tsx";
import type { Route } from "../ui/route.ts";
import { useNow, useOpened, useStore } from "../ui/use-store.ts";
import { CandlePanel } from "./candle-panel.tsx";
import { windowOf } from "./comparison.ts";
import { CorrectionsPanel } from "./corrections-panel.tsx";
import { EvidencePanel } from "./evidence-panel.tsx";
import { FiguresPanel } from "./figures-panel.tsx";
import { FlowPanel } from "./flow-panel.tsx";
import { PastToken } from "./past-view.tsx";
import { newestPrice } from "./price.ts";
import { SwapsPanel } from "./swaps-panel.tsx";
import "../past/past.css";
import "./panels.css";
import "./evidence.css";
import "./audit.css";
import "./head.css";
import "./chart.css";
import { Standing, TokenHead } from "./token-head.tsx";
import { TokenSearch } from "./token-search.tsx";
import { serverNow, useCorrections } from "./use-corrections.ts";
import { useSeenSince } from "./use-evidence.ts";
import { type ViewState, viewStateOf } from "./view-state.ts";

const SWAPS_LISTED = 100;

type ViewProps = { readonly client: Client; readonly route: Route };

/** Shows the token that the address names, by its id, address or symbol. */
export function TokenView({ client, route }: ViewProps) {
  const asOf = useMemo(() => readAsOf(route.params, Date.now()), [route.params.get("at")]);
  if (route.id === "") return <TokenSearch client={client} reason="none" name="" />;
  const choose = (atMs: number | undefined): void =>
    route.set({ at: atMs === undefined ? undefined : instantText(atMs) });
  if (asOf.atMs !== undefined)
    return <PastToken key={route.id} client={client} route={route} atMs={asOf.atMs} onChoose={choose} />;
  return (
    <>
      <AddressProblem problem={asOf.problem} />
      <NamedToken key={route.id} client={client} route={route} />
    </>
  );
}

function NamedToken({ client, route }: ViewProps) {
  const token = useOpened(`token ${route.id}`, () => client.token(route.id));
  const live = useStore(token);
  const state = viewStateOf(live, useStatus(client));
  switch (state.kind) {
    case "unknown":
    case "ambiguous":
      return <TokenSearch client={client} reason={state.kind} name={route.id} />;
    case "forbidden":
    case "failed":
      return <Problem error={state.error} />;
    default:
      return <TokenPage client={client} route={route} token={token} state={state} />;
  }
}

type PageProps = ViewProps & { readonly token: LiveStore<TokenData> | undefined; readonly state: ViewState };

/** The frame of the view is the same with and without figures, so that nothing moves when they come. */
function TokenPage({ client, route, token, state }: PageProps) {
  const { data, meta, pending } = useStore(token);
  const id = data?.id ?? (pending ? route.id : undefined);
  const swaps = useOpened(data === undefined ? undefined : `swaps ${id}`, () =>
    client.swaps(data!.id, { limit: SWAPS_LISTED }),
  );
  const corrections = useCorrections(client, token, swaps);
  const nowMs = serverNow(meta, useNow());
  const seenSinceMs = useSeenSince(client, meta?.epoch);
  const price = data === undefined ? undefined : newestPrice(data);
  usePageTitle(data === undefined ? undefined : `${formatPrice(price)} ${data.symbol ?? shortId(data.id)}`);
  const window = {
    chosen: windowOf(data?.windows ?? {}, route.params.get("window")),
    choose: (name: string) => route.set({ window: name }, { replace: true }),
  };
  return (
    <div class="token-view" data-state={state.kind === "shown" ? state.age : state.kind}>
      <TokenHead
        id={id ?? route.id}
        data={data}
        window={window}
        standing={<Standing meta={meta} state={state} nowMs={nowMs} />}
        asOf={
          <AsOfControl
            atMs={undefined}
            onChoose={(atMs) => route.set({ at: atMs === undefined ? undefined : instantText(atMs) })}
          />
        }
      />
      <CandlePanel client={client} route={route} data={data} isPending={pending} nowMs={nowMs} atMs={undefined} />
      <SwapsPanel store={swaps} isPending={pending} lateBy={corrections.lateBy} nowMs={nowMs} />
      <FiguresPanel
        data={data}
        isPending={pending}
        asOfMs={meta?.asOf ?? nowMs}
        seenSinceMs={seenSinceMs}
        window={window}
      />
      <div class="token-side">
        <FlowPanel data={data} isPending={pending} window={window} />
        <CorrectionsPanel feed={corrections.feed} nowMs={nowMs} />
        <EvidencePanel
          client={client}
          token={token}
          data={data}
          isPending={pending}
          meta={meta}
          seenSinceMs={seenSinceMs}
          nowMs={nowMs}
          window={window.chosen}
        />
      </div>
    </div>
  );
}

/** The title of the page says the price, so that it is read in the browser's tab. */
function usePageTitle(title: string | undefined): void {
  useEffect(() => {
    if (title !== undefined) document.title = `${title} · swapstats`;
  }, [title]);
}

function useStatus(client: Client): ClientStatus {
  const [status, setStatus] = useState(client.status);
  useEffect(() => {
    setStatus(client.status);
    return client.onStatus(setStatus);
  }, [client]);
  return status;
}
