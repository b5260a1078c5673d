/** Makes clients: their options, their stores, and what they have in common. */
import { ClientError } from "./client-error.ts";
import { httpCalls } from "./http.ts";
import { callListeners } from "./live/call-listeners.ts";
import {
  type ChannelCall,
  candlesCall,
  marketCall,
  overviewCall,
  screenerCall,
  swapsCall,
  tokenCall,
} from "./live/channel-requests.ts";
import { openEventStream } from "./live/event-stream.ts";
import { Frames } from "./live/frames.ts";
import type { LinkContext } from "./live/link.ts";
import { watchPage } from "./live/page.ts";
import { Pool } from "./live/pool.ts";
import { Replay } from "./live/replay.ts";
import { Store } from "./live/store.ts";
import { Subscription } from "./live/subscription.ts";
import { openWebSocket } from "./live/web-socket.ts";
import { TokenSource } from "./token-source.ts";
import type { Client, ClientOptions, ClientStatus, LiveStore, OverviewOptions } from "./types.ts";
import type { HttpCalls } from "./wire/operations.ts";

/** Stores that a client can have open. */
const STORES_MAX = 10_000;

/**
 * Returns a client of the service at `options.url`. It connects when the first store is opened. Throws TypeError for an address that is none, and when the
 * platform has no fetch and none is given, and for a replay without a time. Where there is no WebSocket, `transport: "auto"` takes server-sent events.
 */
export function createClient(options: ClientOptions): Client {
  const base = baseOf(options.url);
  const tokens = new TokenSource(options.token);
  const closed = new AbortController();
  const http = httpCalls({ ...options, url: base.href }, tokens, closed.signal);
  const frames = new Frames();
  const replay = replayOf(options);
  const page = watchPage((change) => pool.pageChanged(change));
  const subscriptions = new Map<string, Subscription>();
  const stores = new Set<{ close(): void }>();
  const statusListeners = new Set<(status: ClientStatus) => void>();
  let status: ClientStatus = "connecting";
  let isClosed = false;

  const pool = new Pool({
    ...connections(base, options, http, replay),
    tokens,
    random: Math.random,
    isHidden: page.isHidden,
    onFrame: (direction, message, text) => frames.add(direction, message, text),
    onChange: () => {
      const next = isClosed ? "offline" : pool.status(status);
      if (next === status) return;
      status = next;
      callListeners(statusListeners, status);
    },
  });

  function open<T>({ name, options: own }: ChannelCall): LiveStore<T> {
    if (isClosed) throw new ClientError("closed", "The client was closed. Make another one.");
    if (stores.size >= STORES_MAX) {
      throw new ClientError("too_many_stores", `${STORES_MAX} stores are open. Close those that are not needed.`);
    }
    const withChecksum = options.checksum === true && !name.startsWith("swaps:");
    const all = withChecksum ? { ...own, checksum: true } : own;
    const key = `${name} ${JSON.stringify(all)}`;
    let subscription = subscriptions.get(key);
    if (subscription === undefined) {
      subscription = new Subscription(name, all);
      subscriptions.set(key, subscription);
      pool.add(subscription);
    }
    const shared = subscription;
    const store = new Store<T>(shared, () => {
      stores.delete(store);
      if (shared.listeners.size > 0) return;
      subscriptions.delete(key);
      pool.remove(shared);
    });
    stores.add(store);
    return store;
  }

  return {
    token: (id, own) => open(tokenCall(id, own)),
    overview: (own: OverviewOptions) => open<never>(overviewCall(own)),
    screener: (query, own) => open(screenerCall(query, own)),
    candles: (id, interval, own) => open(candlesCall(id, interval, own)),
    swaps: (id, own) => open(swapsCall(id, own)),
    market: (own) => open(marketCall(own)),
    get status() {
      return isClosed ? "offline" : status;
    },
    onStatus: (listener) => {
      const call = (value: ClientStatus): void => listener(value);
      statusListeners.add(call);
      return () => void statusListeners.delete(call);
    },
    http,
    inspect: (listener) => frames.listen(listener),
    close: () => {
      if (isClosed) return;
      isClosed = true;
      closed.abort();
      page.close();
      for (const store of [...stores]) store.close();
      pool.close();
      frames.close();
      statusListeners.clear();
    },
  };
}

function replayOf({ replay, transport }: ClientOptions): Replay | undefined {
  if (replay === undefined) return undefined;
  if (transport === "sse") throw new TypeError('A replay needs a WebSocket; leave out transport: "sse"');
  return new Replay(replay);
}

/** Returns how connections to the service are opened. */
function connections(
  base: URL,
  options: ClientOptions,
  http: HttpCalls,
  replay: Replay | undefined,
): Pick<LinkContext, "transport" | "replay" | "openWebSocket" | "ticket" | "openEvents"> {
  const fetchIt = options.fetch ?? globalThis.fetch.bind(globalThis);
  const socketClass = options.webSocket ?? globalThis.WebSocket;
  return {
    transport: replay === undefined ? (options.transport ?? "auto") : "websocket",
    replay,
    openWebSocket: (ticket, events) => {
      const url = new URL("ws", base);
      url.protocol = url.protocol.replace("http", "ws");
      replay?.addTo(url.searchParams);
      if (ticket !== undefined) url.searchParams.set("ticket", ticket);
      return openWebSocket(url.href, socketClass, events);
    },
    ticket: async (signal) => (await http.authTicket({ signal })).ticket,
    openEvents: (token, channels, events) => {
      const url = new URL("api/stream", base);
      url.searchParams.set("channels", JSON.stringify(channels));
      return openEventStream(url.href, token, fetchIt, events);
    },
  };
}

/** Returns the address with a slash at the end, so that paths are relative to it. */
function baseOf(url: string): URL {
  const base = new URL(url, globalThis.location?.href);
  if (!/^https?:$/.test(base.protocol)) throw new TypeError(`url must begin with http:// or https://, got "${url}"`);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  base.search = "";
  base.hash = "";
  return base;
}
