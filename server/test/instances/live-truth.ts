/** What HTTP answers, in the form in which channels have it. */

import type { Held, Wanted } from "./live-client.ts";
import type { Body, TwoInstances } from "./two-instances.ts";

type Truth = { readonly epoch: string | undefined; readonly rev: number | undefined; readonly data: Body };

/** Swaps of a list, where removals may have left a client with fewer. */
const SWAPS_COMPARED = 10;

/** Returns what HTTP answers for a channel at an instance (`base`), or through the balancer. */
export async function truthOf(site: Pick<TwoInstances, "call">, wanted: Wanted, base?: string): Promise<Truth> {
  const { channel } = wanted;
  const [kind = "", ...rest] = channel.split(":");
  switch (kind) {
    case "token": {
      const { epoch, rev, as_of, watermark, lag_ms, stale, windows, ...data } = await site.call(
        `/api/tokens/${rest.join(":")}/stats`,
        {},
        base,
      );
      return { epoch, rev, data: { ...data, windows: withoutEdges(windows) } };
    }
    case "overview": {
      const [window, sort] = rest;
      const body = await site.call(`/api/overview?window=${window}&sort=${sort}&limit=50`, {}, base);
      return rankingOf(body, ({ id: _, rev, stats, ...row }: Body) => ({ ...row, stats: withoutEdge(stats) }));
    }
    case "screener": {
      const body = await site.call("/api/screener", { method: "POST", body: JSON.stringify(wanted.query) }, base);
      return rankingOf(body, ({ id: _, rev, windows, ...row }: Body) => ({ ...row, windows: withoutEdges(windows) }));
    }
    case "candles": {
      const id = rest.slice(0, -1).join(":");
      const path = `/api/tokens/${id}/candles?interval=${rest.at(-1)}&limit=100`;
      const { items } = await site.call(path, {}, base);
      const byTime = items.map(({ open_time, ...candle }: Body) => [open_time, { open_time, ...candle }]);
      return {
        epoch: undefined,
        rev: undefined,
        data: { id, interval: rest.at(-1), items: Object.fromEntries(byTime) },
      };
    }
    case "swaps": {
      const { items } = await site.call(`/api/tokens/${rest.join(":")}/swaps?limit=20`, {}, base);
      return { epoch: undefined, rev: undefined, data: { items: items.slice(0, SWAPS_COMPARED) } };
    }
    default: {
      const { tokens_active, windows, chains } = await site.call("/api/market", {}, base);
      return { epoch: undefined, rev: undefined, data: { tokens_active, windows, chains } };
    }
  }
}

/** The part of held data that is compared. */
export const comparedOf = (channel: string, { data }: Held): Body =>
  channel.startsWith("swaps:") ? { items: (data as Body).items.slice(0, SWAPS_COMPARED) } : data;

function rankingOf({ epoch, rev, items }: Body, rowOf: (item: Body) => Body): Truth {
  const rows = items.map((item: Body) => [item.id, rowOf(item)]);
  return { epoch, rev, data: { order: items.map(({ id }: Body) => id), rows: Object.fromEntries(rows) } };
}

/** Messages tell the edges of windows by `as_of`. */
function withoutEdges(windows: Body): Body {
  return Object.fromEntries(Object.entries(windows).map(([name, figures]) => [name, withoutEdge(figures)]));
}

const withoutEdge = ({ open_time, close_time, ...figures }: Body): Body => figures;
