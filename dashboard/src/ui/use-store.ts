/** Live data in components. A component renders at most once a frame, however fast its data change. */

import type { ClientError, LiveStore, StoreMeta } from "@swapstats/client";
import { useEffect, useReducer, useState } from "preact/hooks";
import { inNextFrame, notInNextFrame } from "./frames.ts";

type Live<T> = {
  /** Undefined before the first data. */
  readonly data: T | undefined;
  readonly meta: StoreMeta | undefined;
  readonly stale: boolean;
  readonly error: ClientError | undefined;
  /** True: the token is known by its id, and no swap has named it yet. */
  readonly pending: boolean;
};

/** Renders the component when the store changes. Undefined: no store, as before a choice is made. */
export function useStore<T>(store: LiveStore<T> | undefined): Live<T> {
  const [, render] = useReducer((count: number, _: undefined) => count + 1, 0);
  useEffect(() => {
    if (store === undefined) return;
    const task = (): void => render(undefined);
    const unsubscribe = store.subscribe(() => inNextFrame(task));
    return () => {
      unsubscribe();
      notInNextFrame(task);
    };
  }, [store]);
  return {
    data: store?.current,
    meta: store?.meta,
    stale: store?.stale ?? false,
    error: store?.error,
    pending: store?.pending ?? false,
  };
}

/**
 * Opens a store, and closes it with the component or when `key` changes. The key holds everything that the store depends on. An
 * undefined key opens none.
 */
export function useOpened<T>(key: string | undefined, open: () => LiveStore<T>): LiveStore<T> | undefined {
  const [opened, setOpened] = useState<{ key: string; store: LiveStore<T> } | undefined>(undefined);
  useEffect(() => {
    if (key === undefined) return;
    const store = open();
    setOpened({ key, store });
    return () => store.close();
  }, [key]);
  return opened !== undefined && opened.key === key ? opened.store : undefined;
}

/** Opens a store as `useOpened` does, and renders when it changes. */
export function useLive<T>(key: string | undefined, open: () => LiveStore<T>): Live<T> {
  return useStore(useOpened(key, open));
}

/** Returns the present time, once every `stepMs`, for ages that grow by themselves. */
export function useNow(stepMs = 1_000): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), stepMs);
    return () => clearInterval(timer);
  }, [stepMs]);
  return now;
}
