/** Sums over all tokens: what was traded in three windows, who pushed, and on which chains. A press on a chain shows its tokens alone. */
import { exactUsd, formatCount, formatUsd } from "../../format/figures.ts";
import { Delta } from "../../ui/parts.tsx";
import { chainName } from "../model/chains.ts";
import { changePercent } from "../model/decimals.ts";
import { nearestWindows, windowMs } from "../model/windows.ts";

type Sums = {
  readonly complete: boolean;
  readonly trades: number;
  readonly volume_usd: string;
  readonly buy_volume_usd: string;
};
type Scope = { readonly windows: { readonly [window: string]: Sums & { readonly previous?: Omit<Sums, "complete"> } } };
type Market = Scope & { readonly chains: { readonly [chainId: string]: Scope } };

type StripProps = {
  readonly market: Market | undefined;
  readonly windows: readonly string[];
  readonly chains: readonly number[];
  readonly onChains: (chains: readonly number[]) => void;
};

const SHOWN_CHAINS_MAX = 5;

export function MarketStrip({ market, windows, chains, onChains }: StripProps) {
  const shown = nearestWindows(windows, ["5m", "1h", "24h"]);
  return (
    <section class="strip" aria-label="Market">
      {shown.map((window) => (
        <Pulse
          key={window}
          window={window}
          sums={market?.windows[window]}
          isCompared={hasSeenPrevious(market, window)}
        />
      ))}
      <Chains market={market} window={shown.at(-1) ?? ""} chains={chains} onChains={onChains} />
    </section>
  );
}

/**
 * Returns whether the service has seen the span before the window too. A complete window of twice the length proves it; without so long
 * a window, the window itself must do.
 */
function hasSeenPrevious(market: Market | undefined, window: string): boolean {
  const windows = Object.entries(market?.windows ?? {});
  const longer = windows.filter(([name]) => windowMs(name) >= 2 * windowMs(window));
  const proofs = longer.length > 0 ? longer : windows.filter(([name]) => name === window);
  return proofs.some(([, { complete }]) => complete);
}

type PulseProps = {
  readonly window: string;
  readonly sums: Scope["windows"][string] | undefined;
  /** Whether the change against the span before means something. */
  readonly isCompared: boolean;
};

function Pulse({ window, sums, isCompared }: PulseProps) {
  const before = sums?.previous?.volume_usd;
  const change =
    !isCompared || sums === undefined || before === undefined ? undefined : changePercent(sums.volume_usd, before);
  const bought =
    sums === undefined || Number(sums.volume_usd) === 0 ? undefined : share(sums.buy_volume_usd, sums.volume_usd);
  return (
    <dl class="pulse">
      <dt>{window}</dt>
      <dd class="pulse-volume" title={sums && `Volume: ${exactUsd(sums.volume_usd)}`}>
        {formatUsd(sums?.volume_usd)}
      </dd>
      <dd class="pulse-side" title={bought === undefined ? undefined : `Bought ${bought.toFixed(1)} % of the dollars`}>
        <span class="side-bar" style={{ "--bought": `${bought ?? 50}%` }} />
        <span class="unseen">{bought === undefined ? "no trades" : `${bought.toFixed(0)} % bought`}</span>
      </dd>
      <dd class="pulse-change" title={before && `Against the ${window} before: ${exactUsd(before)}`}>
        {change !== undefined && <Delta value={change} />}
      </dd>
      <dd class="pulse-trades">{`${formatCount(sums?.trades)} trades`}</dd>
    </dl>
  );
}

const share = (part: string, whole: string): number => (Number(part) / Number(whole)) * 100;

type ChainsProps = Pick<StripProps, "market" | "chains" | "onChains"> & { readonly window: string };

function Chains({ market, window, chains, onChains }: ChainsProps) {
  const total = market?.windows[window]?.volume_usd ?? "0";
  const known = Object.entries(market?.chains ?? {})
    .map(([id, scope]) => ({ id: Number(id), volume: scope.windows[window]?.volume_usd ?? "0" }))
    .sort((a, b) => Number(b.volume) - Number(a.volume))
    .slice(0, SHOWN_CHAINS_MAX);
  if (known.length < 2 && chains.length === 0) return null;
  return (
    <fieldset class="chains">
      <legend class="unseen">Chains</legend>
      {known.map(({ id, volume }) => {
        const isChosen = chains.includes(id);
        return (
          <button
            key={id}
            type="button"
            class="chain-button"
            aria-pressed={isChosen}
            title={`${chainName(id)}: ${exactUsd(volume)} in ${window}. Press to ${isChosen ? "show all chains" : "show its tokens alone"}.`}
            onClick={() => onChains(isChosen ? chains.filter((one) => one !== id) : [...chains, id])}
          >
            <span>{chainName(id)}</span>
            <span class="chain-share">{Number(total) === 0 ? "" : `${share(volume, total).toFixed(0)}%`}</span>
          </button>
        );
      })}
    </fieldset>
  );
}
