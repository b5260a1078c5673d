/** Loads the candles before those of the channel, a page at a time. */
import type { Candle, CandleInterval, Client } from "@swapstats/client";
import { useEffect, useRef, useState } from "preact/hooks";
import { type Earlier, NO_EARLIER, withLeft, withPage } from "./earlier-candles.ts";

const PAGE = 1_000;

type Asked = {
  /** Undefined: not known yet. */
  readonly id: string | undefined;
  readonly interval: CandleInterval;
  readonly intervalMs: number;
  /** Candles of the channel, in ascending order. */
  readonly live: readonly Candle[];
  readonly channelMax: number;
  /** Undefined: the present. */
  readonly atMs: number | undefined;
  readonly nowMs: number;
};

/** `loadMore` has no effect while a page is on its way and when there are no more. After a failure it does nothing either: `retry` asks again. */
export function useEarlier(
  client: Client,
  { id, interval, intervalMs, live, channelMax, atMs, nowMs }: Asked,
): Earlier & { loadMore(): void; retry(): void } {
  const key = id === undefined ? undefined : `${id} ${interval} ${atMs ?? ""}`;
  const [kept, setKept] = useState<{ readonly key: string | undefined; readonly earlier: Earlier }>({
    key,
    earlier: NO_EARLIER,
  });
  const ended = useRef<AbortController | undefined>(undefined);
  const former = useRef(live);
  const earlier = kept.key === key ? kept.earlier : NO_EARLIER;
  const set = (next: Earlier): void => setKept({ key, earlier: next });

  useEffect(() => {
    former.current = [];
    return () => {
      ended.current?.abort();
      ended.current = undefined;
    };
  }, [key]);
  useEffect(() => {
    const before = former.current;
    former.current = live;
    const next = withLeft(earlier, before, live, channelMax, nowMs);
    if (next === undefined) ended.current?.abort();
    if (next !== earlier) set(next ?? NO_EARLIER);
  }, [live]);

  // A whole bar of the past ends before the instant. Of the present the first bar of the channel is asked for again, because it may not be whole there.
  const edge =
    atMs === undefined ? live[0] && live[0].open_time + intervalMs : Math.floor(atMs / intervalMs) * intervalMs;
  const beforeMs = earlier.candles[0]?.open_time ?? edge;
  const load = (): void => {
    if (id === undefined || beforeMs === undefined || ended.current !== undefined) return;
    const controller = new AbortController();
    ended.current = controller;
    set({ ...earlier, state: "loading", error: undefined });
    const finish = (next: (now: Earlier) => Earlier): void => {
      if (controller.signal.aborted) return;
      ended.current = undefined;
      setKept((now) => (now.key === key ? { key, earlier: next(now.earlier) } : now));
    };
    client.http.candles(id, { interval, to: beforeMs, limit: PAGE }, { signal: controller.signal }).then(
      (page) => finish((now) => withPage(now, page)),
      (error: { readonly code: string; readonly message: string }) =>
        finish((now) => ({ ...now, state: "failed", error })),
    );
  };
  return {
    ...earlier,
    loadMore: () => {
      if (earlier.state === "idle") load();
    },
    retry: load,
  };
}
