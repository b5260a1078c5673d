/** The command `top`: connects, and keeps and draws the state. */

import { sortFields } from "@swapstats/protocol/figures.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { Output } from "../output.ts";
import { ServiceClient } from "../service-client.ts";
import { LiveService } from "./live-service.ts";
import { type Key, Screen } from "./screen.ts";
import { ansiPaint, noPaint } from "./style.ts";
import { isSortField, startState, type TopState, withData, withKey, withStatus } from "./top-state.ts";
import { pageRowsOf, plainTop, renderTop, SORT_CYCLE } from "./top-view.ts";

const DRAW_EVERY_MS = 100;
const STATUS_EVERY_MS = 2_000;
const PLAIN_EVERY_MS = 2_000;
/** Requested rows: more than a page, for scrolling. */
const ROWS_TERMINAL = 100;
const ROWS_PLAIN = 10;

export type TopOptions = {
  readonly url: string;
  readonly window: string;
  readonly sort: string;
  readonly limit?: number;
  readonly token?: string;
};

/** Runs until `q`, a signal, or an error that ends it. */
export async function runTop(options: TopOptions, output: Output, signal: AbortSignal): Promise<void> {
  const { url, window, sort, token } = options;
  if (!isSortField(sort)) {
    throw new SwapstatsError(
      "usage",
      `--sort ${sort} is not a figure by which tokens can be ranked. Use one of ${sortFields.join(", ")}.`,
    );
  }
  const hasScreen = output.outIsTerminal && output.movesCursor;
  const limit = options.limit ?? (hasScreen ? ROWS_TERMINAL : ROWS_PLAIN);
  let state = startState(url, window, sort, Date.now());
  const ended = Promise.withResolvers<void>();
  const view = hasScreen ? terminalView(output, () => state, onKey) : plainView(output, () => state, limit);
  const client = new ServiceClient(url, signal, token);
  const live = new LiveService(client, token, {
    onEnd: ended.reject,
    onConnection: (isConnected) => {
      // A restarted service may have other windows.
      if (isConnected && !state.connected) askWindows();
      update({ ...state, connected: isConnected });
    },
  });
  const follow = (): (() => void) =>
    live.follow(
      live.client.overview({ window: state.window, sort: state.sort, limit }),
      `overview:${state.window}:${state.sort}`,
      (data) => update(withData(state, data, Date.now())),
    );
  const askStatus = (): void => {
    client.status().then(
      (status) => {
        if (status !== undefined) update(withStatus(state, status, Date.now()));
      },
      // Without a status the header shows less. The client reports a service that is gone.
      () => undefined,
    );
  };
  // The store knows only its own window. The keys for windows need the others.
  const askWindows = (): void => {
    client.windows().then(
      (windows) => update({ ...state, windows }),
      () => undefined,
    );
  };
  let leave = follow();
  askWindows();
  askStatus();
  const statusTimer = setInterval(askStatus, STATUS_EVERY_MS);

  function update(next: TopState): void {
    state = next;
    view.changed();
  }
  function onKey(key: Key): void {
    if (key === "quit") {
      ended.resolve();
      return;
    }
    if ((key === "w" || key === "W") && state.windows.length === 0) askWindows();
    const next = withKey(state, key, pageRowsOf(output.rows()), SORT_CYCLE);
    const moved = next.sort !== state.sort || next.window !== state.window;
    update(next);
    if (!moved) return;
    leave();
    leave = follow();
  }
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

type View = { readonly changed: () => void; readonly close: () => void };

function terminalView(output: Output, state: () => TopState, onKey: (key: Key) => void): View {
  const screen = new Screen(output.draw, process.stdin.isTTY ? process.stdin : undefined, onKey);
  const paint = output.colour ? ansiPaint : noPaint;
  const draw = (): void => screen.draw(renderTop(state(), output.columns(), output.rows(), paint, Date.now()));
  let waiting: ReturnType<typeof setTimeout> | undefined;
  const changed = (): void => {
    waiting ??= setTimeout(() => {
      waiting = undefined;
      draw();
    }, DRAW_EVERY_MS);
  };
  process.stdout.on("resize", draw);
  const clock = setInterval(changed, 1_000);
  draw();
  return {
    changed,
    close: () => {
      clearTimeout(waiting);
      clearInterval(clock);
      process.stdout.off("resize", draw);
      screen.close();
    },
  };
}

function plainView(output: Output, state: () => TopState, limit: number): View {
  const print = (): void => {
    if (state().overview === undefined) return;
    for (const line of plainTop(state(), limit)) output.out(`${line}\n`);
  };
  let first = true;
  const timer = setInterval(print, PLAIN_EVERY_MS);
  return {
    changed: () => {
      if (!first || state().overview === undefined) return;
      first = false;
      print();
    },
    close: () => clearInterval(timer),
  };
}
