/** Buys against sells in every window. */
import { exact, exactUsd } from "../format/figures.ts";
import { Delta, Figure, Panel } from "../ui/parts.tsx";
import { Awaited } from "./awaited.tsx";
import { type Flow, flowOf, windowsInOrder } from "./comparison.ts";
import type { ChosenWindow, Figures } from "./token-head.tsx";

const SKELETON_ROWS = 7;

type PanelProps = {
  readonly data: Figures | undefined;
  readonly isPending: boolean;
  readonly window: ChosenWindow;
};

export function FlowPanel({ data, isPending, window }: PanelProps) {
  return (
    <Panel title="Buys against sells" aside="bought, net, sold" class="flow">
      {data === undefined ? (
        <Awaited isPending={isPending} rows={SKELETON_ROWS} label="Loading buys and sells" />
      ) : (
        <ul class="flow-rows">
          {windowsInOrder(data.windows).map((name) => (
            <FlowRow key={name} name={name} flow={flowOf(data.windows[name]!)} isChosen={name === window.chosen} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

const LEANING = { buyers: "more was bought", sellers: "more was sold", even: "even" } as const;

function FlowRow({ name, flow, isChosen }: { readonly name: string; readonly flow: Flow; readonly isChosen: boolean }) {
  const { buys, sells, buyUsd, sellUsd, netUsd, buyShare, leaning } = flow;
  const title = `${name}: ${exact(buys)} buys of ${exactUsd(buyUsd)}, ${exact(sells)} sells of ${exactUsd(sellUsd)}; ${LEANING[leaning]}`;
  return (
    <li class={isChosen ? "flow-row chosen" : "flow-row"} title={title}>
      <span class="flow-window">{name}</span>
      <span class="flow-buy up">
        <Figure value={buyUsd} form="usd" />
      </span>
      <span class="flow-net">
        <Delta value={netUsd} form="usd" />
      </span>
      <span class="flow-sell down">
        <Figure value={sellUsd} form="usd" />
      </span>
      <svg class="flow-bar" viewBox="0 0 100 6" preserveAspectRatio="none" role="img" aria-label={title}>
        <rect class="flow-none" width="100" height="6" />
        {buyShare !== undefined && <rect class="flow-bought" width={buyShare * 100} height="6" />}
        {buyShare !== undefined && (
          <rect class="flow-sold" x={buyShare * 100} width={100 - buyShare * 100} height="6" />
        )}
      </svg>
    </li>
  );
}
