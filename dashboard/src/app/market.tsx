/** Sums over all tokens, in the header. */
import type { MarketData } from "@swapstats/client";
import { Figure } from "../ui/parts.tsx";

export function Market({ data, stale }: { readonly data: MarketData | undefined; readonly stale: boolean }) {
  const names = Object.keys(data?.windows ?? {});
  const name = names.includes("24h") ? "24h" : names.at(-1);
  const sums = name === undefined ? undefined : data?.windows[name];
  return (
    <dl class={`market${stale ? " is-stale" : ""}`} aria-label="Market">
      <div>
        <dt>Volume {name ?? "24h"}</dt>
        <dd>
          <Figure value={sums?.volume_usd} form="usd" />
        </dd>
      </div>
      <div>
        <dt>Trades</dt>
        <dd>
          <Figure value={sums?.trades} form="count" />
        </dd>
      </div>
      <div>
        <dt>Tokens</dt>
        <dd>
          <Figure value={data?.tokens_active} form="count" />
        </dd>
      </div>
    </dl>
  );
}
