import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { OverviewData, TokenData } from "@swapstats/client";
import type { ChannelData } from "../../../src/cli/live/live-service.ts";
import { ansiPaint, noPaint } from "../../../src/cli/live/style.ts";
import { startState, type TopState, withData, withKey, withStatus } from "../../../src/cli/live/top-state.ts";
import { pageRowsOf, plainTop, renderTop, SORT_CYCLE } from "../../../src/cli/live/top-view.ts";
import { renderWatch, type WatchState } from "../../../src/cli/live/watch-view.ts";
import { displayWidth } from "../../../src/cli/table.ts";
import { tokenData } from "../../serving/websocket/support/door.ts";

const ID = "1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const CHANNEL = `token:${ID}`;

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
      rev: 1,
      asOfMs: NOW - 100,
      watermarkMs: undefined,
      lagMs: 12,
      data: { order, rows },
    };
    const state = withData(
      { ...startState("http://127.0.0.1:8080", "5m", "volume_usd", NOW), windows: ["5m", "1h"] },
      data as ChannelData<OverviewData>,
      NOW,
    );
    const status = (accepted: number) => ({
      partitions: [{ lag: 0, watermark: { "1": NOW - 120_100 } }],
      counters: { accepted, late: 3, duplicates: 4 },
    });
    return withStatus(withStatus(state, status(1_000), NOW - 2_000), status(3_000), NOW);
  }

  test("the picture fits every size of terminal", () => {
    const state = stateWith(60);
    for (const columns of [20, 40, 80, 100, 132, 200]) {
      for (const rows of [3, 10, 24, 60]) {
        const lines = renderTop(state, columns, rows, noPaint, NOW);
        assert.equal(lines.length, rows);
        for (const line of lines) assert.ok(displayWidth(line) <= columns, `${columns}: ${line}`);
      }
    }
  });

  test("the picture shows service, window, order and every row, with printable symbols", () => {
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

  test("changing prices have arrows and a trend", () => {
    let state = stateWith(1);
    const id = state.overview?.order[0] as string;
    for (let second = 1; second <= 3; second++) {
      const row = { symbol: "TOK0", stats: { complete: true, trades: 1, close: String(second) } };
      const data = { order: [id], rows: { [id]: row } } as unknown as OverviewData;
      const head = { channel: "", rev: 2, watermarkMs: undefined, lagMs: 0 };
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
    assert.equal(withData(state, { asOfMs: 1 } as ChannelData<OverviewData>, NOW).asOfMs, state.asOfMs);
    // Another window or another order ends a pause.
    for (const key of ["w", "W", "left", "right"]) {
      assert.equal(withKey({ ...stateWith(1), paused: true }, key, 10, SORT_CYCLE).paused, false);
    }
  });

  test("the picture shows a lost connection and an empty window", () => {
    assert.match(renderTop({ ...stateWith(1), connected: false }, 80, 10, noPaint, NOW)[1] ?? "", /connection lost/);
    assert.match(renderTop(stateWith(0), 80, 10, noPaint, NOW).join("\n"), /no swaps in this window yet/);
    assert.deepEqual(plainTop(stateWith(0), 10), []);
    assert.equal(plainTop(stateWith(20), 10).length, 10);
  });
});

test("watch shows a table for each token, and marks windows that are not complete", () => {
  const held: ChannelData<TokenData> = {
    channel: CHANNEL,
    rev: 5,
    asOfMs: Date.UTC(2026, 0, 1),
    watermarkMs: Date.UTC(2026, 0, 1) - 60_000,
    lagMs: 0,
    data: {
      ...tokenData(ID, 5),
      windows: { "5m": { complete: true, trades: 5, volume_usd: "1234567.5" }, "1h": { complete: false, trades: 9 } },
    } as unknown as TokenData,
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
