/** The command `watch`: the windows of some tokens, live. */
import { SwapstatsError } from "../../shared/errors.ts";
import type { Output } from "../output.ts";
import { type ChannelData, LiveConnection } from "./connection.ts";
import { Screen } from "./screen.ts";
import { ansiPaint, noPaint } from "./style.ts";
import { plainWatch, renderWatch, type WatchState } from "./watch-view.ts";

const DRAW_EVERY_MS = 100;
/** On a place that is no terminal a token is printed at most this often. */
const PLAIN_EVERY_MS = 1_000;

export type WatchOptions = { readonly url: string; readonly windows?: string };

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
  let state: WatchState = { connected: false, channels: [], held: new Map() };
  const ended = Promise.withResolvers<void>();
  const view = output.outIsTerminal ? terminalView(output, () => state, ended.resolve) : plainView(output);
  const update = (next: WatchState): void => {
    state = next;
    view.changed();
  };
  const channels = tokens.map((token) => `token:${token}`);
  const connection = new LiveConnection(options.url, windows === undefined ? { channels } : { channels, windows }, {
    onData: (data) => {
      view.data(data);
      update({ ...state, held: new Map(state.held).set(data.channel, data) });
    },
    onSubscribed: (names) => update({ ...state, connected: true, channels: names }),
    onRefused: ended.reject,
    onUnreachable: ended.reject,
    onConnection: (now) => update({ ...state, connected: now === "open" }),
  });
  const stop = (): void => ended.resolve();
  signal.addEventListener("abort", stop, { once: true });
  try {
    await ended.promise;
  } finally {
    signal.removeEventListener("abort", stop);
    connection.close();
    view.close();
  }
}

type View = { readonly changed: () => void; readonly data: (data: ChannelData) => void; readonly close: () => void };

function terminalView(output: Output, state: () => WatchState, quit: () => void): View {
  const screen = new Screen(output.out, process.stdin.isTTY ? process.stdin : undefined, (key) => {
    if (key === "quit") quit();
  });
  const paint = output.colour ? ansiPaint : noPaint;
  const draw = (): void => screen.draw(renderWatch(state(), output.columns(), output.rows(), paint));
  let waiting: ReturnType<typeof setTimeout> | undefined;
  process.stdout.on("resize", draw);
  draw();
  return {
    changed: () => {
      waiting ??= setTimeout(() => {
        waiting = undefined;
        draw();
      }, DRAW_EVERY_MS);
    },
    data: () => undefined,
    close: () => {
      clearTimeout(waiting);
      process.stdout.off("resize", draw);
      screen.close();
    },
  };
}

function plainView(output: Output): View {
  const printedMs = new Map<string, number>();
  const waiting = new Map<string, ChannelData>();
  const print = (data: ChannelData, nowMs: number): void => {
    printedMs.set(data.channel, nowMs);
    waiting.delete(data.channel);
    for (const line of plainWatch(data)) output.out(`${line}\n`);
  };
  // What came too soon after a print is printed later, so that the last state is always seen.
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
