/** Corrections as they happen: what two stores tell is kept while the view is open. */
import type {
  CandlesData,
  Client,
  LiveStore,
  LiveSwapsData,
  StoreMeta,
  SwapsMessage,
  TokenData,
} from "@swapstats/client";
import { useEffect, useState } from "preact/hooks";
import { type BarCorrection, correctionsBetween } from "./candle-bars.ts";
import { windowsInOrder } from "./comparison.ts";
import {
  type Correction,
  counterCorrections,
  type NewCorrection,
  swapCorrections,
  withCorrections,
} from "./corrections.ts";
import { type Sight, seenUntil, sightAt } from "./sight.ts";

/** Time for which a corrected bar is marked. */
const MARK_MS = 8_000;
/** Late swaps that are remembered for the list, which has fewer. */
const LATE_MAX = 200;

type BarCorrections = {
  /** Bars that are marked now. */
  readonly marked: readonly BarCorrection[];
  /** Open times of the bars that were corrected since the view was opened, or its interval was chosen. */
  readonly corrected: ReadonlySet<number>;
};

const NO_CORRECTIONS: BarCorrections = { marked: [], corrected: new Set() };

/** Returns the present time of the service's clock, from the newest message. */
export function serverNow(meta: StoreMeta | undefined, nowMs: number): number {
  return meta === undefined ? nowMs : meta.asOf + Math.max(0, nowMs - meta.receivedAtMs);
}

/** Follows whether a store sees changes as they happen. Each call returns the time until which they were seen. */
class Watcher {
  #sight: Sight = {};

  seenUntilMs(store: LiveStore<unknown>, nowMs: number): number {
    this.#sight = sightAt(this.#sight, !store.stale && !document.hidden, nowMs);
    return seenUntil(this.#sight, nowMs);
  }
}

type TokenCorrections = {
  /** Newest first. */
  readonly feed: readonly Correction[];
  /** By `event_id`: how long after its time a listed swap arrived, in ms. */
  readonly lateBy: ReadonlyMap<string, number>;
};

/** Keeps the corrections of a token while the view is open. `token` has the figures of the token, `swaps` its list. */
export function useCorrections(
  client: Client,
  token: LiveStore<TokenData> | undefined,
  swaps: LiveStore<LiveSwapsData> | undefined,
): TokenCorrections {
  const [state, setState] = useState<TokenCorrections>({ feed: [], lateBy: new Map() });
  useEffect(() => {
    if (token === undefined || swaps === undefined) return;
    setState({ feed: [], lateBy: new Map() });
    const watcher = new Watcher();
    const now = (): number => serverNow(token.meta, Date.now());
    const add = (entries: readonly NewCorrection[]): void => {
      if (entries.length === 0) return;
      setState(({ feed, lateBy }) => ({ feed: withCorrections(feed, entries), lateBy: withLate(lateBy, entries) }));
    };
    // Not from the list of the store: that has the newest swaps, and late ones and removals are often older.
    const endFrames = client.inspect(({ direction, channel, message }) => {
      if (direction !== "in" || channel === undefined || channel !== swaps.meta?.channel || !isSwaps(message)) return;
      const [atMs, seenUntilMs] = [now(), watcher.seenUntilMs(swaps, now())];
      add(swapCorrections(message.items, { atMs, seenUntilMs }, windowsInOrder(token.current?.windows ?? {})));
    });
    let last = token.current;
    const endToken = token.subscribe((data) => {
      if (data !== undefined && last !== undefined) add(counterCorrections(last, data, now()));
      last = data ?? last;
    });
    const watch = (): void => {
      watcher.seenUntilMs(swaps, now());
    };
    const endSwaps = swaps.subscribe(watch);
    document.addEventListener("visibilitychange", watch);
    return () => {
      for (const end of [endFrames, endToken, endSwaps]) end();
      document.removeEventListener("visibilitychange", watch);
    };
  }, [client, token, swaps]);
  return state;
}

function isSwaps(message: unknown): message is SwapsMessage {
  return (message as { readonly type?: unknown }).type === "swaps";
}

function withLate(lateBy: ReadonlyMap<string, number>, entries: readonly NewCorrection[]): ReadonlyMap<string, number> {
  const late = entries.flatMap(({ kind, swap, ageMs }) =>
    kind === "late" && swap !== undefined && ageMs !== undefined ? [[swap.event_id, ageMs] as const] : [],
  );
  return late.length === 0 ? lateBy : new Map([...lateBy, ...late].slice(-LATE_MAX));
}

/** Marks bars for a while after they were corrected, and counts the bars. */
export function useBarCorrections(store: LiveStore<CandlesData> | undefined, intervalMs: number): BarCorrections {
  const [state, setState] = useState(NO_CORRECTIONS);
  useEffect(() => {
    setState(NO_CORRECTIONS);
    if (store === undefined) return;
    const watcher = new Watcher();
    const timers = new Set<ReturnType<typeof setTimeout>>();
    const watch = (): void => {
      watcher.seenUntilMs(store, serverNow(store.meta, Date.now()));
    };
    const mark = (corrections: readonly BarCorrection[]): void => {
      setState(({ marked, corrected }) => ({
        marked: [...marked, ...corrections],
        corrected: new Set([...corrected, ...corrections.map(({ openTime }) => openTime)]),
      }));
      const timer = setTimeout(() => {
        timers.delete(timer);
        setState(({ marked, corrected }) => ({
          marked: marked.filter((item) => !corrections.includes(item)),
          corrected,
        }));
      }, MARK_MS);
      timers.add(timer);
    };
    let last = store.current;
    const end = store.subscribe((data) => {
      const seenUntilMs = watcher.seenUntilMs(store, serverNow(store.meta, Date.now()));
      if (data === last) return;
      if (data !== undefined && last !== undefined) {
        const corrections = correctionsBetween(last.items, data.items, intervalMs, seenUntilMs);
        if (corrections.length > 0) mark(corrections);
      }
      last = data ?? last;
    });
    document.addEventListener("visibilitychange", watch);
    return () => {
      end();
      for (const timer of timers) clearTimeout(timer);
      document.removeEventListener("visibilitychange", watch);
    };
  }, [store, intervalMs]);
  return state;
}
