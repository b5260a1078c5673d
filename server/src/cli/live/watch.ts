/** The command `watch`: live windows of some tokens. */
import type { LiveStore, TokenData } from "@swapstats/client";
import { SwapstatsError } from "../../shared/errors.ts";
import type { Output } from "../output.ts";
import { ServiceClient } from "../service-client.ts";
import { type ChannelData, LiveService } from "./live-service.ts";
import { type Key, Screen } from "./screen.ts";
import { ansiPaint, noPaint } from "./style.ts";
import { plainWatch, renderWatch, type WatchState, watchPageOf, watchScrollMax } from "./watch-view.ts";

const DRAW_EVERY_MS = 100;
const CLOCK_EVERY_MS = 1_000;
/** Interval of status requests: tokens without swaps send nothing. */
const STATUS_EVERY_MS = 2_000;
/** Shortest time between two lines of a token on output that is not a terminal. */
const PLAIN_EVERY_MS = 1_000;

export type WatchOptions = { readonly url: string; readonly windows?: string; readonly token?: string };

/** Runs until `q`, a signal, or an error that ends it. */
export async function runWatch(
  tokens: readonly string[],
  options: WatchOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const windows = options.windows?.split(",").map((name) => name.trim());
  if (windows?.some((name) => name === "")) {
    throw new SwapstatsError("usage", "--windows has an empty name; write windows with commas, such as 5m,1h");
  }
  const { url, token } = options;
  let state: WatchState = { url, connected: true, channels: [], held: new Map(), heardMs: Date.now(), scroll: 0 };
  const ended = Promise.withResolvers<void>();
  const view =
    output.outIsTerminal && output.movesCursor ? terminalView(output, () => state, onKey) : plainView(output);
  function onKey(key: Key): void {
    if (key === "quit") ended.resolve();
    else update({ ...state, scroll: scrolled(state, key, output) });
  }
  const update = (next: WatchState): void => {
    state = next;
    view.changed();
  };
  const client = new ServiceClient(url, signal, token);
  const live = new LiveService(client, token, {
    onEnd: ended.reject,
    onConnection: (connected) => update({ ...state, connected }),
  });
  const stores = new Map<string, LiveStore<TokenData>>();
  for (const name of new Set(tokens)) {
    const store = live.client.token(name, windows === undefined ? {} : { windows });
    stores.set(`token:${name}`, store);
    live.follow(store, `token:${name}`, (data) => {
      view.data(data);
      const nowMs = Date.now();
      const held = new Map(state.held).set(data.channel, { ...data, changedMs: nowMs });
      update({ ...state, held, heardMs: nowMs, channels: channelsOf(stores) });
    });
  }
  const statusTimer = setInterval(() => {
    client.status().then(
      () => update({ ...state, heardMs: Date.now() }),
      () => undefined,
    );
  }, STATUS_EVERY_MS);
  const stop = (): void => ended.resolve();
  signal.addEventListener("abort", stop, { once: true });
  try {
    await ended.promise;
  } finally {
    clearInterval(statusTimer);
    signal.removeEventListener("abort", stop);
    live.close();
    view.close();
  }
}

/** Returns the channels by their canonical names, each once. A token without data has the name by which it was asked for. */
function channelsOf(stores: ReadonlyMap<string, LiveStore<TokenData>>): readonly string[] {
  return [...new Set([...stores].map(([name, { meta }]) => meta?.channel ?? name))];
}

type View = {
  readonly changed: () => void;
  readonly data: (data: ChannelData<TokenData>) => void;
  readonly close: () => void;
};

/** Returns the first shown line after a key. Infinity: the end, and it stays the end while data of further tokens comes. */
function scrolled(state: WatchState, key: Key, output: Output): number {
  if (key === "end" || key === "G") return Number.POSITIVE_INFINITY;
  const last = watchScrollMax(state, output.columns(), output.rows());
  const page = watchPageOf(output.rows());
  const now = Math.min(state.scroll, last);
  const asked: Readonly<Record<string, number>> = {
    ...{ up: now - 1, k: now - 1, down: now + 1, j: now + 1, pageUp: now - page, pageDown: now + page },
    ...{ home: 0, g: 0 },
  };
  const wanted = asked[key];
  return wanted === undefined ? state.scroll : Math.min(Math.max(wanted, 0), last);
}

function terminalView(output: Output, state: () => WatchState, onKey: (key: Key) => void): View {
  const screen = new Screen(output.draw, process.stdin.isTTY ? process.stdin : undefined, onKey);
  const paint = output.colour ? ansiPaint : noPaint;
  const draw = (): void => screen.draw(renderWatch(state(), output.columns(), output.rows(), paint, Date.now()));
  let waiting: ReturnType<typeof setTimeout> | undefined;
  const changed = (): void => {
    waiting ??= setTimeout(() => {
      waiting = undefined;
      draw();
    }, DRAW_EVERY_MS);
  };
  process.stdout.on("resize", draw);
  const clock = setInterval(changed, CLOCK_EVERY_MS);
  draw();
  return {
    changed,
    data: () => undefined,
    close: () => {
      clearTimeout(waiting);
      clearInterval(clock);
      process.stdout.off("resize", draw);
      screen.close();
    },
  };
}

function plainView(output: Output): View {
  const printedMs = new Map<string, number>();
  const waiting = new Map<string, ChannelData<TokenData>>();
  const print = (data: ChannelData<TokenData>, nowMs: number): void => {
    printedMs.set(data.channel, nowMs);
    waiting.delete(data.channel);
    for (const line of plainWatch(data)) output.out(`${line}\n`);
  };
  // Data that arrives too soon after a line is printed later, so the last state is always seen.
  const timer = setInterval(() => {
    const nowMs = performance.now();
    for (const data of [...waiting.values()]) print(data, nowMs);
  }, PLAIN_EVERY_MS);
  return {
    changed: () => undefined,
    data: (data) => {
      const nowMs = performance.now();
      const before = printedMs.get(data.channel);
      if (before === undefined || nowMs - before >= PLAIN_EVERY_MS) print(data, nowMs);
      else waiting.set(data.channel, data);
    },
    close: () => clearInterval(timer),
  };
}
