import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { JsonObject } from "@swapstats/protocol/merge-patch.ts";
import type { ChannelFigures } from "@swapstats/protocol/schemas/figures.ts";
import { type ChannelData, LiveConnection, type LiveHandlers } from "../../../src/cli/live/connection.ts";
import {
  compactAmount,
  compactPrice,
  exactFigure,
  formatSpan,
  shareBar,
  shortFigure,
  signedPercent,
  sparkline,
  type TabledFigure,
  wideFigure,
} from "../../../src/cli/live/figures.ts";
import { readKeys, Screen } from "../../../src/cli/live/screen.ts";
import { ansiPaint, noPaint } from "../../../src/cli/live/style.ts";
import { startState, type TopState, withData, withKey, withStatus } from "../../../src/cli/live/top-state.ts";
import { pageRowsOf, plainTop, renderTop, SORT_CYCLE } from "../../../src/cli/live/top-view.ts";
import { renderWatch, type WatchState } from "../../../src/cli/live/watch-view.ts";
import { runCli } from "../../../src/cli/run.ts";
import { displayWidth } from "../../../src/cli/table.ts";
import { SwapstatsError } from "../../../src/shared/errors.ts";
import { openDoor, tokenData } from "../../serving/websocket/support/door.ts";
import { memoryOutput } from "../../support/memory-output.ts";

const ID = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const CHANNEL = `token:${ID}`;

/** Records the data, subscriptions and states of a connection, and waits for them. */
class Listener implements LiveHandlers {
  readonly states: string[] = [];
  readonly subscribed: string[][] = [];
  data: ChannelData | undefined;
  error: Error | undefined;
  #waiting: { condition: () => boolean; resolve: () => void }[] = [];

  readonly onData = (data: ChannelData): void => {
    this.data = data;
    this.#changed();
  };
  readonly onSubscribed = (channels: readonly string[]): void => {
    this.subscribed.push([...channels]);
    this.#changed();
  };
  readonly onRefused = (error: Error): void => {
    this.error = error;
    this.#changed();
  };
  readonly onUnreachable = this.onRefused;
  readonly onConnection = (state: string): void => {
    this.states.push(state);
    this.#changed();
  };

  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ condition, resolve }));
  }

  #changed(): void {
    for (const entry of this.#waiting.filter(({ condition }) => condition())) {
      this.#waiting = this.#waiting.filter((other) => other !== entry);
      entry.resolve();
    }
  }
}

const channelOf = (listener: Listener): string | undefined => listener.data?.channel;

describe("a live connection", () => {
  test("holds the data of the service, after patches, a new epoch and a lost connection", async (t) => {
    const { bus, port, server } = await openDoor(t);
    const sockets: Socket[] = [];
    server.on("connection", (socket: Socket) => sockets.push(socket));
    bus.symbol("TKN", [ID]);
    bus.set(CHANNEL, tokenData(ID, 1, { close: "2.5" }));
    const listener = new Listener();
    const connection = new LiveConnection(`http://127.0.0.1:${port}`, { channels: ["token:TKN"] }, listener);
    t.after(() => connection.close());
    await listener.until(() => listener.data !== undefined);
    assert.deepEqual(listener.subscribed, [[CHANNEL]]);
    for (let trades = 2; trades < 20; trades++) bus.set(CHANNEL, tokenData(ID, trades));
    await listener.until(() => listener.data?.rev === bus.revOf(CHANNEL));
    assert.deepEqual(listener.data?.data, bus.dataOf(CHANNEL));
    bus.takeOver("8");
    await listener.until(() => listener.data?.epoch === "8");
    assert.deepEqual(listener.data?.data, bus.dataOf(CHANNEL));

    assert.deepEqual(listener.states.splice(0), ["open"]);
    // The server does not close upgraded connections.
    for (const socket of sockets) socket.destroy();
    await listener.until(() => listener.states.includes("lost"));
    bus.set(CHANNEL, tokenData(ID, 99));
    await listener.until(() => listener.data?.rev === bus.revOf(CHANNEL));
    assert.deepEqual(listener.data?.data, bus.dataOf(CHANNEL));
    assert.deepEqual(listener.states, ["lost", "open"]);
  });

  test("keeps its token after a lost connection, even if another token has the symbol by then", async (t) => {
    const { bus, port, server } = await openDoor(t);
    const sockets: Socket[] = [];
    server.on("connection", (socket: Socket) => sockets.push(socket));
    const other = "1:0xdeadbeef39b223fe8d0a0e5c4f27ead9083c756c";
    bus.set(CHANNEL, tokenData(ID, 1));
    bus.set(`token:${other}`, tokenData(other, 1));
    for (const taken of [[ID, other], [other]]) {
      bus.symbol("TKN", [ID]);
      const listener = new Listener();
      const connection = new LiveConnection(`http://127.0.0.1:${port}`, { channels: ["token:TKN"] }, listener);
      t.after(() => connection.close());
      await listener.until(() => listener.data !== undefined);
      bus.symbol("TKN", taken);
      // Twice: a channel with a canonical name is subscribed to by it again.
      for (const losses of [1, 2]) {
        listener.data = undefined;
        for (const socket of sockets.splice(0)) socket.destroy();
        await listener.until(() => listener.data !== undefined);
        assert.equal(channelOf(listener), CHANNEL);
        assert.deepEqual([listener.error, listener.subscribed.length], [undefined, 1 + losses]);
      }
      connection.close();
    }
  });

  test("asks a restarted service that cannot serve yet again; its messages are made printable", async (t) => {
    const { bus, port, server } = await openDoor(t);
    const sockets: Socket[] = [];
    server.on("connection", (socket: Socket) => sockets.push(socket));
    bus.set(CHANNEL, tokenData(ID, 1));
    const listener = new Listener();
    const connection = new LiveConnection(`http://127.0.0.1:${port}`, { channels: [CHANNEL] }, listener, {
      retryMs: 5,
    });
    t.after(() => connection.close());
    await listener.until(() => listener.data !== undefined);
    let failures = 2;
    bus.beforeOpen = async () => {
      if (failures-- > 0) throw new SwapstatsError("unavailable", "the state is being restored");
    };
    listener.data = undefined;
    for (const socket of sockets.splice(0)) socket.destroy();
    await listener.until(() => listener.data !== undefined);
    assert.equal(listener.error, undefined);

    const bad = new Listener();
    const refused = new LiveConnection(`http://127.0.0.1:${port}`, { channels: ["token:\u001b[31mX\nY"] }, bad);
    t.after(() => refused.close());
    await bad.until(() => bad.error !== undefined);
    assert.doesNotMatch(bad.error?.message ?? "", /\p{Cc}/u);
  });

  test("changes to another channel and forgets the former one", async (t) => {
    const { bus, port } = await openDoor(t);
    const overview = (window: string): JsonObject => ({
      order: [ID],
      rows: { [ID]: { symbol: window, stats: { complete: true, trades: 1 } } },
    });
    for (const window of ["5m", "1h"]) bus.set(`overview:${window}:trades`, overview(window));
    const listener = new Listener();
    const connection = new LiveConnection(
      `http://127.0.0.1:${port}`,
      { channels: ["overview:5m:trades"], limit: 10 },
      listener,
    );
    t.after(() => connection.close());
    await listener.until(() => listener.data !== undefined);
    connection.subscribe({ channels: ["overview:1h:trades"], limit: 10 });
    await listener.until(() => listener.data?.channel === "overview:1h:trades");
    assert.deepEqual(listener.data?.data, overview("1h"));
    assert.equal([...bus.subscribers].length, 1);
  });
});

describe("top and watch if stdout is not a terminal", () => {
  test("print lines with exact figures until they are interrupted", async (t) => {
    const { bus, port } = await openDoor(t);
    bus.symbol("TKN", [ID]);
    bus.set(CHANNEL, tokenData(ID, 7, { close: "2.5" }));
    const stats = { complete: true, trades: 7, buys: 4, sells: 3, volume_usd: "70.123456", traders: 2, close: "2.5" };
    bus.set("overview:5m:volume_usd", { order: [ID], rows: { [ID]: { symbol: "TKN", stats } } });
    for (const [args, pattern] of [
      [
        ["top"],
        /^2023-11-14T\S+Z 5m 1 TKN 1:0xc02\S+ trades=7 buys=4 sells=3 volume_usd=70\.123456 traders=2 close=2\.5 change_pct=-\n/,
      ],
      [
        ["watch", "tkn"],
        /^2023-11-14T\S+Z TKN 1:0xc02\S+ rev=\d+ 5m trades=7 .* volume_usd=70 .* close=2\.5 .* complete=true\n/,
      ],
    ] as const) {
      const stopping = new AbortController();
      const base = memoryOutput();
      const printed = Promise.withResolvers<void>();
      const output = {
        ...base,
        out: (text: string) => {
          base.out(text);
          printed.resolve();
        },
      };
      const running = runCli([...args, "--url", `http://127.0.0.1:${port}`], output, stopping.signal);
      await printed.promise;
      stopping.abort();
      assert.equal(await running, 0, base.errText());
      assert.match(base.outText(), pattern);
    }
  });

  test("end with 1 and the reason if a channel is refused", async (t) => {
    const { bus, port } = await openDoor(t);
    bus.symbol("TWO", ["1:a", "56:b"]);
    for (const id of ["1:a", "56:b"]) bus.set(`token:${id}`, tokenData(id, 1));
    const url = `http://127.0.0.1:${port}`;
    for (const [args, pattern] of [
      [["watch", "NOPE"], /token:NOPE: .*\(unknown_token\)/],
      [["watch", "TWO"], /\(ambiguous_token\); it may be 1:a, 56:b/],
      [["top", "--window", "7m"], /7m/],
    ] as const) {
      const output = memoryOutput();
      assert.equal(await runCli([...args, "--url", url], output, new AbortController().signal), 1);
      assert.match(output.errText(), pattern);
    }
  });
});

test("on a terminal top takes the screen and restores it", async (t) => {
  const { bus, port } = await openDoor(t);
  bus.set("overview:5m:volume_usd", {
    order: [ID],
    rows: { [ID]: { symbol: "TKN", stats: { complete: true, trades: 7 } } },
  });
  const stopping = new AbortController();
  const drawn = Promise.withResolvers<void>();
  let text = "";
  const output = {
    ...memoryOutput(),
    outIsTerminal: true,
    columns: () => 100,
    rows: () => 20,
    draw: (part: string) => {
      text += part;
      if (part.includes("TKN")) drawn.resolve();
    },
  };
  const running = runCli(["top", "--url", `http://127.0.0.1:${port}`], output, stopping.signal);
  await drawn.promise;
  stopping.abort();
  assert.equal(await running, 0);
  assert.ok(text.startsWith("\x1b[?1049h"));
  assert.ok(text.endsWith("\x1b[?1049l"));
});

describe("the picture of top", () => {
  const NOW = Date.UTC(2026, 0, 1, 12, 34, 56);

  function stateWith(count: number): TopState {
    const order = Array.from(
      { length: count },
      (_, index) => `${index % 2 === 0 ? 1 : 8453}:0x${String(index).padStart(40, "0")}`,
    );
    const rows = Object.fromEntries(
      order.map((id, index) => [
        id,
        {
          ...(index === 3 ? {} : { symbol: index === 1 ? "E\x1b[31mVIL\n狗" : `TOK${index}` }),
          stats: {
            complete: true,
            trades: 1_000 - index,
            buys: 600,
            sells: 400 - index,
            volume_usd: String(1_234_567.891 / (index + 1)),
            net_volume_usd: "-1234.5",
            traders: 77,
            ...(index === 2 ? {} : { close: "0.00001234567", price_change_pct: "-1.5" }),
          },
        },
      ]),
    );
    const data = {
      channel: "overview:5m:volume_usd",
      epoch: "1",
      rev: 1,
      asOfMs: NOW - 100,
      watermarkMs: undefined,
      lagMs: 12,
      data: { order, rows },
    };
    const state = withData(
      { ...startState("http://127.0.0.1:8080", "5m", "volume_usd", NOW), windows: ["5m", "1h"] },
      data as ChannelData,
      NOW,
    );
    const status = (accepted: number) => ({
      partitions: [{ lag: 0, watermark: { "1": NOW - 120_100 } }],
      counters: { accepted, late: 3, duplicates: 4 },
    });
    return withStatus(withStatus(state, status(1_000), NOW - 2_000), status(3_000), NOW);
  }

  test("fits every size of terminal", () => {
    const state = stateWith(60);
    for (const columns of [20, 40, 80, 100, 132, 200]) {
      for (const rows of [3, 10, 24, 60]) {
        const lines = renderTop(state, columns, rows, noPaint, NOW);
        assert.equal(lines.length, rows);
        for (const line of lines) assert.ok(displayWidth(line) <= columns, `${columns}: ${line}`);
      }
    }
  });

  test("shows service, window, sort and every row; symbols are made printable", () => {
    const lines = renderTop(stateWith(5), 180, 24, noPaint, NOW);
    const text = lines.join("\n");
    assert.match(lines[0] ?? "", /^swapstats top {2}http:\/\/127\.0\.0\.1:8080 {2}5m by volume_usd +12:34:56 UTC$/);
    assert.equal(lines[1], "live · as of 12:34:55 · lag 12 ms · 1,000 swaps/s · watermark -2m 00s · late 3 · copies 4");
    assert.match(lines[3] ?? "", /VOLUME \$▼/);
    assert.match(text, /1 TOK0 .* 0\.0000123457 .* -1\.50% .* 1\.23M .* 1,000 /);
    assert.match(text, /2 E\?\[31mVIL… /);
    assert.match(text, /3 TOK2 +1 +- /);
    assert.match(text, /4 0{9}…|4 0x0{7}…/);
    assert.ok(!text.includes("\x1b"));
    assert.ok(renderTop(stateWith(5), 180, 24, ansiPaint, NOW).join("\n").includes("\x1b[31m   -1.50%\x1b[39m"));
  });

  test("README shows the table of 80 columns", () => {
    const readme = readFileSync(join(import.meta.dirname, "../../../../README.md"), "utf8");
    const [, , , titles] = renderTop(stateWith(5), 80, 24, noPaint, NOW);
    assert.ok(readme.includes(`\n${titles?.trimEnd()}\n`), titles);
  });

  test("prices that move have arrows and a trend", () => {
    let state = stateWith(1);
    const id = state.overview?.order[0] as string;
    for (let second = 1; second <= 3; second++) {
      const row = { symbol: "TOK0", stats: { complete: true, trades: 1, close: String(second) } };
      const data = { order: [id], rows: { [id]: row } } as unknown as JsonObject;
      const head = { channel: "", epoch: "1", rev: 2, watermarkMs: undefined, lagMs: 0 };
      state = withData(state, { ...head, asOfMs: NOW + second * 1_000, data }, NOW);
    }
    assert.match(renderTop(state, 150, 10, noPaint, NOW).join("\n"), /3\.00000▲ .*▁▃▆█|3\.00000▲ .*▁.*█/);
  });

  test("keys choose column and window, scroll within the rows, and pause", () => {
    let state = stateWith(30);
    const press = (key: string): void => {
      state = withKey(state, key, pageRowsOf(15), SORT_CYCLE);
    };
    press("right");
    assert.equal(state.sort, "net_volume_usd");
    press("left");
    press("left");
    assert.equal(state.sort, "price_change_pct");
    press("end");
    assert.equal(state.scroll, 20);
    press("pageUp");
    press("up");
    assert.equal(state.scroll, 9);
    press("home");
    press("up");
    assert.equal(state.scroll, 0);
    press("w");
    assert.equal(state.window, "1h");
    press("w");
    assert.equal(state.window, "5m");
    press(" ");
    assert.match(
      renderTop({ ...stateWith(1), paused: true }, 120, 10, noPaint, NOW)[1] ?? "",
      /^PAUSED · live · as of/,
    );
    assert.equal(withData(state, { asOfMs: 1 } as ChannelData, NOW).asOfMs, state.asOfMs);
    // Another window or another order ends a pause.
    for (const key of ["w", "W", "left", "right"]) {
      assert.equal(withKey({ ...stateWith(1), paused: true }, key, 10, SORT_CYCLE).paused, false);
    }
  });

  test("shows a lost connection and an empty window", () => {
    assert.match(renderTop({ ...stateWith(1), connected: false }, 80, 10, noPaint, NOW)[1] ?? "", /connection lost/);
    assert.match(renderTop(stateWith(0), 80, 10, noPaint, NOW).join("\n"), /no swaps in this window yet/);
    assert.deepEqual(plainTop(stateWith(0), 10), []);
    assert.equal(plainTop(stateWith(20), 10).length, 10);
  });
});

test("watch shows a table for each token, and marks windows that are not complete", () => {
  const held: ChannelData = {
    channel: CHANNEL,
    epoch: "1",
    rev: 5,
    asOfMs: Date.UTC(2026, 0, 1),
    watermarkMs: Date.UTC(2026, 0, 1) - 60_000,
    lagMs: 0,
    data: {
      ...tokenData(ID, 5),
      windows: { "5m": { complete: true, trades: 5, volume_usd: "1234567.5" }, "1h": { complete: false, trades: 9 } },
    } as unknown as JsonObject,
  };
  const nowMs = Date.UTC(2026, 0, 1, 1);
  const state: WatchState = {
    ...{ url: "http://127.0.0.1:8080", connected: true, channels: [CHANNEL, "token:other"], scroll: 0 },
    ...{ held: new Map([[CHANNEL, { ...held, changedMs: nowMs - 12_000 }]]), heardMs: nowMs - 1_000 },
  };
  const text = renderWatch(state, 150, 40, noPaint, nowMs).join("\n");
  assert.match(text, /^swapstats watch {2}http:\/\/127\.0\.0\.1:8080 .* 01:00:00 UTC\n/);
  assert.match(text, /^TKN {2}1:0xc02/m);
  assert.match(text, /^no change for 12 s · as of 00:00:00 · lag 0 ms · /m);
  assert.match(text, /watermark -1m 00s · rev 5 · late 0/);
  assert.match(text, /^5m +5 .* 1,234,567\.5 /m);
  assert.match(text, /^1h\* +9 /m);
  assert.match(text, /other: waiting for data/);
});

test("every figure has the form of its kind; estimates begin with ~, absent figures are -", () => {
  const stats: ChannelFigures = {
    ...{ complete: true, trades: 12345, volume_usd: "1234567.5", volume_token: "0.0015", close: "1855.350000047" },
    ...{
      price_change_pct: "1.5",
      traders: 5000,
      traders_estimated: true as const,
      first_trade_time: 1_760_000_000_000,
    },
  };
  const names = Object.keys(stats).filter(
    (name): name is TabledFigure => !["complete", "traders_estimated"].includes(name),
  );
  assert.deepEqual(
    names.map((name) => shortFigure(stats, name)),
    ["12,345", "1.23M", "0.0015", "1855.35", "+1.50%", "~5,000", "1760000000000"],
  );
  assert.deepEqual([wideFigure(stats, "volume_usd"), wideFigure(stats, "close")], ["1,234,567.5", "1855.35"]);
  assert.deepEqual([shortFigure(stats, "vwap"), wideFigure(stats, "sell_volume_usd")], ["-", "-"]);
  assert.deepEqual([exactFigure(stats, "volume_usd"), exactFigure(stats, "open")], ["volume_usd=1234567.5", "open=-"]);
});

test("values are shortened", () => {
  assert.deepEqual(
    ["167610361.891595", "-950.5", "12345.6", "0", "0.001", "99999999999999999", "1500000000", undefined].map(
      compactAmount,
    ),
    ["167.6M", "-950.50", "12.35k", "0", "0.0010", "1.00e+17", "1.50B", "-"],
  );
  assert.deepEqual(
    ["1855.35000004781", "0.00000117705071204239", "0.000000000001177", "123456.7", "0", "1e-30", undefined].map(
      compactPrice,
    ),
    ["1855.35", "0.00000117705", "1.177e-12", "123457", "0", "1.000e-30", "-"],
  );
  assert.deepEqual(["1.498392", "-0.1", "0", "123456", undefined].map(signedPercent), [
    "+1.50%",
    "-0.10%",
    "0.00%",
    "+1.2e+5%",
    "-",
  ]);
  assert.deepEqual([250, 3_200, 125_000, 12_000_000].map(formatSpan), ["250 ms", "3.2 s", "2m 05s", "3h 20m"]);
  assert.equal(sparkline([1, 2, 3], 5), "  ▁▅█");
  assert.equal(sparkline([2, 2], 2), "▄▄");
  assert.equal(shareBar(0.25, 8), "██░░░░░░");
});

test("keys are read from the input of a terminal", () => {
  assert.deepEqual(readKeys("\x1b[A\x1b[D\x1bOCwq\x03\x1b[6~\x1b\x1b[1;5C x"), [
    "up",
    "left",
    "right",
    "w",
    "quit",
    "quit",
    "pageDown",
    " ",
    "x",
  ]);
});

test("a screen draws in place and is restored once", () => {
  let text = "";
  const screen = new Screen(
    (part) => {
      text += part;
    },
    undefined,
    () => undefined,
  );
  screen.draw(["one", "two"]);
  screen.close();
  screen.draw(["late"]);
  screen.close();
  assert.equal(text, "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[Kone\r\n\x1b[Ktwo\x1b[?7h\x1b[?25h\x1b[?1049l");
});
