/** The channels that the inspector holds open, as the address of the page names them. */
import type { CandleInterval, Client, ClientError, LiveStore } from "@swapstats/client";
import { useEffect, useReducer, useRef } from "preact/hooks";
import { inNextFrame, notInNextFrame } from "../ui/frames.ts";
import { type ChannelRequest, parseRequest, requestText } from "./channel-request.ts";

/** Channels that are open at the same time. */
export const CHANNELS_OPEN_MAX = 10;

/** Joins requests for the address. */
export const joinRequests = (requests: readonly ChannelRequest[]): string =>
  requests.map((request) => requestText(request).replaceAll("%", "%25").replaceAll(";", "%3B")).join(";");

/** Reads what `joinRequests` wrote. What is no request, and what is there twice, is left out. */
export function splitRequests(text: string): readonly ChannelRequest[] {
  const parts = text.split(";").map((part) => part.replaceAll("%3B", ";").replaceAll("%25", "%"));
  const requests = new Map<string, ChannelRequest>();
  for (const part of parts) {
    const request = parseRequest(part);
    if (request !== undefined) requests.set(requestText(request), request);
  }
  return [...requests.values()].slice(0, CHANNELS_OPEN_MAX);
}

export type OpenChannel = {
  readonly request: ChannelRequest;
  /** Equal for equal requests. */
  readonly key: string;
  /** The canonical name, once the service has told it. */
  readonly channel: string | undefined;
  readonly isStale: boolean;
  readonly isPending: boolean;
  readonly error: ClientError | undefined;
};

/** Opens the stores of the requests, and closes those that are no longer among them. */
export function useOpenChannels(client: Client, requests: readonly ChannelRequest[]): readonly OpenChannel[] {
  const [, render] = useReducer((count: number, _: undefined) => count + 1, 0);
  const opened = useRef(new Map<string, { readonly store: LiveStore<unknown>; readonly end: () => void }>());
  const keys = requests.map(requestText);
  useEffect(() => {
    const task = (): void => render(undefined);
    for (const [key, { end }] of opened.current) {
      if (keys.includes(key)) continue;
      end();
      opened.current.delete(key);
    }
    for (const request of requests) {
      const key = requestText(request);
      if (opened.current.has(key)) continue;
      const store = openStore(client, request);
      const unsubscribe = store.subscribe(() => inNextFrame(task));
      opened.current.set(key, {
        store,
        end: () => {
          unsubscribe();
          store.close();
        },
      });
    }
    inNextFrame(task);
    return () => notInNextFrame(task);
  }, [client, keys.join(" ")]);
  useEffect(
    () => () => {
      for (const { end } of opened.current.values()) end();
      opened.current.clear();
    },
    [client],
  );
  return requests.map((request, i) => {
    const key = keys[i] as string;
    const store = opened.current.get(key)?.store;
    return {
      request,
      key,
      channel: store?.meta?.channel,
      isStale: store?.stale ?? false,
      isPending: store?.pending ?? false,
      error: store?.error,
    };
  });
}

/** Names of windows and figures are checked by the service: its message says which there are. */
function openStore(client: Client, request: ChannelRequest): LiveStore<unknown> {
  const { kind, token = "", window = "", sort = "", interval = "", query, ...more } = request;
  const { order, windows, fields, limit, conflateMs } = more;
  const options = { windows, fields, limit, conflateMs, checksum: true } as never;
  switch (kind) {
    case "token":
      return client.token(token, options);
    case "overview":
      return client.overview({ window, sort, order, windows, fields, limit, conflateMs, checksum: true } as never);
    case "screener":
      return client.screener((query ?? {}) as never, options);
    case "candles":
      return client.candles(token, interval as CandleInterval, options);
    case "swaps":
      return client.swaps(token, { limit });
    case "market":
      return client.market(options);
  }
}
