/**
 * `top` and `watch` on a real pseudo-terminal against the real service, at four widths: nothing is wider than the terminal, what matters
 * is there, every key that the help names changes the picture, and an idle stream does not look frozen.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { TestApps } from "../support/app-harness.ts";
import { requires } from "../support/requires.ts";
import { PtyProgram, type TerminalScreen } from "./pty.ts";

const MAIN = join(import.meta.dirname, "../../src/main.ts");
const ROWS = 24;
const TOKENS = 40;
const PAGE = ROWS - 5;

const idOf = (index: number): string => `0x${String(index).padStart(40, "0")}`;

/** Forty tokens whose orders by volume and by trades differ, and no swaps from then on. */
async function idleService(t: TestContext): Promise<string> {
  const { base, post, caughtUp } = await new TestApps(t).start();
  const nowMs = Date.now();
  const swaps = Array.from({ length: TOKENS }, (_, index) =>
    Array.from({ length: index + 1 }, (_, swap) => ({
      ...{
        chain_id: 1,
        tx_hash: `0x${index}-${swap}`,
        log_index: swap,
        token: idOf(index),
        token_symbol: `TOK${index}`,
      },
      ...{ who: `0x${swap}`, side: swap % 3 === 0 ? "sell" : "buy", event_time: nowMs - 1_000 },
      ...{ amount_token: "1.5", amount_usd: String(1_000_000 - 20_000 * index) },
    })),
  ).flat();
  await post(swaps);
  await caughtUp();
  return base;
}

const command = (...args: string[]): string[] => [process.execPath, MAIN, ...args];
const hasRow = (text: string) => (screen: TerminalScreen) => screen.lines.some((line) => line.includes(text));
const firstRank = ({ lines }: TerminalScreen): number => Number(/^ *(\d+) /.exec(lines[4] ?? "")?.[1]);

function assertFits(program: PtyProgram): void {
  assert.deepEqual(program.screen.tooWide, []);
  assert.deepEqual(program.screen.foreign, []);
}

requires("the live views on a real terminal", { python: [] }, ({ python }) => {
  const opened = (t: TestContext, args: string[], columns: number, env = {}): PtyProgram => {
    const program = new PtyProgram(python, command(...args), columns, ROWS, env);
    t.after(() => program.kill());
    return program;
  };

  test("top and watch fit 40, 80, 120 and 200 columns and show the most important figures at each width", async (t) => {
    const base = await idleService(t);
    for (const [columns, titles, figures] of [
      [40, ["TOKEN", "PRICE", "VOLUME $▼"], ["window", "volume $", "close", "change"]],
      [80, ["TOKEN", "PRICE", "CHANGE", "VOLUME $▼", "TRADES", "TRADERS"], ["trades", "buys", "volume $", "close"]],
      [120, ["CHAIN", "TREND", "NET $", "BUYS", "SELLS", "TRADERS"], ["net", "open", "high", "low", "vwap"]],
      [200, ["BUY|SELL", "ID", "TRADERS", "TREND"], ["volume_usd", "net_volume_usd", "vwap", "traders"]],
    ] as const) {
      const top = opened(t, ["top", "--url", base], columns);
      const watch = opened(t, ["watch", "TOK0", "TOK1", "--url", base], columns);
      await top.until("rows", hasRow("TOK25"));
      // The clock stands at the right edge, whole to its last letter.
      await top.until("the clock", ({ lines }) => /\d\d:\d\d:\d\d UTC$/.test(lines[0] ?? ""));
      assert.equal([...(top.screen.lines[0] ?? "")].length, columns);
      assert.match(top.screen.lines[0] ?? "", /5m by volume_usd/);
      for (const title of titles) assert.ok(top.screen.lines[3]?.includes(title), `${columns}: ${title}`);
      assert.match(top.screen.lines[ROWS - 1] ?? "", /^q quit/);
      await watch.until("both tokens", (screen) => hasRow("TOK0 ")(screen) && screen.text.split("24h*").length === 3);
      assert.match(watch.screen.lines[0] ?? "", /^swapstats watch.*\d\d:\d\d:\d\d UTC$/);
      for (const figure of figures) assert.ok(watch.screen.text.includes(figure), `${columns}: ${figure}`);
      for (const program of [top, watch]) {
        // Nothing comes any more, and still the picture moves on.
        await program.until("its age", ({ text }) => /no change for [1-9]\d* s/.test(text));
        program.press("q");
        assert.equal(await program.ended, 0);
        assert.equal(program.screen.isTaken, false);
        assertFits(program);
      }
    }
  });

  test("every key of top has its effect", async (t) => {
    const base = await idleService(t);
    const top = opened(t, ["top", "--url", base], 120);
    const title = (text: string) => top.until(text, ({ lines }) => (lines[0] ?? "").includes(text));
    const rank = (first: number) => top.until(`rank ${first}`, (screen) => firstRank(screen) === first);
    await top.until("rows", hasRow("TOK25"));
    for (const [keys, expected] of [
      ["w", "15m by volume_usd"],
      ["W", "5m by volume_usd"],
      ["W", "1m by volume_usd"],
      ["W", "24h by volume_usd"],
      ["w", "1m by volume_usd"],
      ["w", "5m by volume_usd"],
      ["\x1b[C\x1b[C", "5m by trades"],
      ["\x1bOD", "5m by net_volume_usd"],
      ["\x1b[C", "5m by trades"],
    ] as const) {
      top.press(keys);
      await title(expected);
      await rank(1);
    }
    await top.until("another order", ({ lines }) => /TOK39/.test(lines[4] ?? ""));
    assert.match(top.screen.lines[3] ?? "", /TRADES▼/);
    const last = TOKENS - PAGE + 1;
    for (const [keys, first] of [
      ["\x1b[B", 2],
      ["j", 3],
      ["\x1b[A", 2],
      ["k", 1],
      ["\x1b[6~", 1 + PAGE],
      ["\x1b[5~", 1],
      // What xterm, its application mode, tmux and rxvt send for End and Home.
      ["\x1b[F", last],
      ["\x1b[H", 1],
      ["\x1bOF", last],
      ["\x1bOH", 1],
      ["\x1b[4~", last],
      ["\x1b[1~", 1],
      ["\x1b[8~", last],
      ["\x1b[7~", 1],
      ["G", last],
      ["g", 1],
    ] as const) {
      top.press(keys);
      await rank(first);
    }
    top.press(" ");
    await top.until("a held picture", hasRow("PAUSED"));
    top.press(" ");
    await top.until("a moving picture", ({ text }) => !text.includes("PAUSED"));
    top.press("p");
    await top.until("a held picture", hasRow("PAUSED"));
    top.press("w");
    await title("15m by trades");
    await rank(1);
    assert.ok(!top.screen.text.includes("PAUSED"));
    assert.ok(top.screen.hasColours);
    for (const [columns, rows] of [
      [40, 10],
      [200, 30],
      [80, ROWS],
    ] as const) {
      top.resize(columns, rows);
      await top.until(
        `${columns} columns`,
        ({ lines }) => /^q quit/.test(lines[rows - 1] ?? "") && / UTC$/.test(lines[0] ?? ""),
      );
      assert.equal([...(top.screen.lines[0] ?? "")].length, columns);
      // Between the new size and its first picture the old one is still written.
      top.screen.tooWide.length = 0;
    }
    top.press("w");
    await title("30m by trades");
    top.press("\x03");
    assert.equal(await top.ended, 0);
    assert.ok(top.raw.endsWith("\x1b[?7h\x1b[?25h\x1b[?1049l"));
    assertFits(top);
  });

  test("watch scrolls through more than the terminal holds", async (t) => {
    const base = await idleService(t);
    const watch = opened(t, ["watch", "TOK0", "TOK1", "TOK2", "TOK3", "--url", base], 80);
    await watch.until("its figures", ({ text }) => text.split("24h*").length === 3);
    assert.ok(!watch.screen.text.includes("TOK3"));
    for (const [keys, line] of [
      ["\x1b[F", "TOK3"],
      ["\x1b[H", "TOK0"],
      ["\x1b[6~", "TOK2"],
      ["g", "TOK0"],
      ["G", "TOK3"],
    ] as const) {
      watch.press(keys);
      await watch.until(line, hasRow(`${line}  1:0x`));
    }
    watch.press("g");
    await watch.until("the beginning", ({ lines }) => (lines[1] ?? "").startsWith("TOK0"));
    watch.press("\x1b[B\x1b[B");
    await watch.until("two lines down", ({ lines }) => (lines[1] ?? "").startsWith("window"));
    watch.press("\x1b[A");
    await watch.until("one line up", ({ lines }) => /as of/.test(lines[1] ?? ""));
    watch.press("Q");
    assert.equal(await watch.ended, 0);
    assertFits(watch);
  });

  test("the end of watch stays the end when a token gets its first swap", async (t) => {
    const base = await idleService(t);
    const id = idOf(TOKENS);
    const watch = opened(t, ["watch", "TOK0", "TOK1", `1:${id}`, "--url", base], 80);
    await watch.until("both tokens", ({ text }) => text.split("24h*").length === 3);
    watch.press("\x1b[F");
    await watch.until("the end", ({ lines }) => !(lines[1] ?? "").startsWith("TOK0"));
    const swap = {
      ...{ chain_id: 1, tx_hash: "0xfirst", log_index: 0, token: id, token_symbol: "FIRST", who: "0x1" },
      ...{ side: "buy", amount_token: "1", amount_usd: "1", event_time: Date.now() - 1_000 },
    };
    const headers = { "content-type": "application/json" };
    const { status } = await fetch(`${base}/api/swaps`, { method: "POST", headers, body: JSON.stringify(swap) });
    assert.equal(status, 202);
    await watch.until("its last window", ({ lines }) => {
      const at = lines.findIndex((line) => line.startsWith("FIRST "));
      return at >= 0 && lines.slice(at).some((line) => line.includes("24h*"));
    });
    watch.press("q");
    assert.equal(await watch.ended, 0);
  });

  test("NO_COLOR keeps the screen without colours; a dumb terminal gets lines without any sequence", async (t) => {
    const base = await idleService(t);
    const plain = opened(t, ["top", "--url", base], 80, { NO_COLOR: "1" });
    await plain.until("rows", hasRow("TOK25"));
    plain.press("q");
    assert.equal(await plain.ended, 0);
    assert.equal(plain.screen.hasColours, false);
    for (const args of [["top"], ["watch", "TOK0"]]) {
      const dumb = opened(t, [...args, "--url", base], 80, { TERM: "dumb" });
      await dumb.until("lines", () => /TOK\d+ 1:0x\d+ .*close=/.test(dumb.raw));
      // No raw mode: the terminal itself makes a signal of the key.
      dumb.press("\x03");
      assert.equal(await dumb.ended, 0);
      assert.ok(!dumb.raw.includes("\x1b"));
    }
  });
});
