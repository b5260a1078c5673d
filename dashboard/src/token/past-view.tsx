/** The view of one token as of a past instant. What exists only live is absent. */
import type { Client, PastStats } from "@swapstats/client";
import { AsOfControl } from "../past/as-of.tsx";
import { PastBanner } from "../past/banner.tsx";
import { instantText } from "../past/instant.ts";
import { PastProblem } from "../past/problem.tsx";
import { useAnswer } from "../past/use-answer.ts";
import { Button } from "../ui/controls.tsx";
import { Empty } from "../ui/parts.tsx";
import type { Route } from "../ui/route.ts";
import { CandlePanel } from "./candle-panel.tsx";
import { windowOf } from "./comparison.ts";
import { FiguresPanel } from "./figures-panel.tsx";
import { FlowPanel } from "./flow-panel.tsx";
import { PastEvidence } from "./past-evidence.tsx";
import { PastSwapsPanel } from "./past-swaps.tsx";
import { TokenHead } from "./token-head.tsx";

type PastProps = {
  readonly client: Client;
  readonly route: Route;
  readonly atMs: number;
  readonly onChoose: (atMs: number | undefined) => void;
};

export function PastToken({ client, route, atMs, onChoose }: PastProps) {
  const { id: name } = route;
  const at = instantText(atMs);
  const { value, error, isFormer, retry } = useAnswer(`${name} ${at}`, (signal) =>
    client.http.tokenStats(name, { at }, { signal }),
  );
  const data = value;
  const state = error !== undefined ? "failed" : isFormer ? "loading" : isEmpty(data) ? "empty" : "past";
  return (
    <>
      <div class="past-frame">
        <PastBanner
          atMs={atMs}
          isComplete={isFormer || data === undefined ? undefined : data.history_complete}
          onChoose={onChoose}
        />
      </div>
      {error !== undefined ? (
        <PastProblem error={error} onRetry={retry} onChoose={onChoose} />
      ) : state === "empty" ? (
        <Empty
          title="No swaps at that time"
          icon="clock"
          action={<Button label="Back to live" onClick={() => onChoose(undefined)} />}
        >
          No swap of this token counts in any window of that time.
        </Empty>
      ) : (
        <Shown {...{ client, route, atMs, onChoose, data, isFormer }} />
      )}
    </>
  );
}

const isEmpty = (data: PastStats | undefined): boolean =>
  data !== undefined && Object.values(data.windows).every(({ trades = 0 }) => trades === 0);

type ShownProps = PastProps & { readonly data: PastStats | undefined; readonly isFormer: boolean };

function Shown({ client, route, atMs, onChoose, data, isFormer }: ShownProps) {
  const window = {
    chosen: windowOf(data?.windows ?? {}, route.params.get("window")),
    choose: (name: string) => route.set({ window: name }, { replace: true }),
  };
  // A complete history has everything before the windows too.
  const seenSinceMs = data?.history_complete === true ? 0 : undefined;
  return (
    <div
      class={isFormer && data !== undefined ? "token-view is-former" : "token-view"}
      data-state={isFormer ? "loading" : "past"}
    >
      <TokenHead
        id={data?.id ?? route.id}
        data={data}
        window={window}
        standing={<div class="token-standing" />}
        asOf={<AsOfControl atMs={atMs} onChoose={onChoose} />}
      />
      <CandlePanel client={client} route={route} data={data} isPending={false} nowMs={atMs} atMs={atMs} />
      <PastSwapsPanel client={client} id={data?.id} atMs={atMs} />
      <FiguresPanel data={data} isPending={false} asOfMs={atMs} seenSinceMs={seenSinceMs} window={window} />
      <div class="token-side">
        <FlowPanel data={data} isPending={false} window={window} />
        <PastEvidence client={client} data={data} atMs={atMs} window={window.chosen} />
      </div>
    </div>
  );
}
