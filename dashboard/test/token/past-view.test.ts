/** The view of a token as of a past instant. The history is a stand-in where a real one cannot be brought into the state. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import { requires } from "../../../server/test/support/requires.ts";
import { reads } from "../support/browser.ts";
import { answerCalls, candlesBefore, problemOf } from "../support/history-stub.ts";
import { figureIs, ID, isClean, ownService, swapOf, tokenOpenerOf } from "./token-page.ts";

const AT = "2026-01-02T03:04:05Z";
const AT_MS = Date.parse(AT);
const MINUTE = 60_000;

const figures = (trades: number) => ({
  ...{ open_time: AT_MS - MINUTE, close_time: AT_MS, complete: true, trades, buys: trades, sells: 0 },
  ...{ volume_usd: "120.5", buy_volume_usd: "120.5", sell_volume_usd: "0", net_volume_usd: "120.5" },
  ...{ open: "2000.25", high: "2000.25", low: "2000.25", close: "2000.25", price_change_pct: "0" },
});

type Stats = { readonly trades?: number; readonly isComplete?: boolean };
const statsOf = ({ trades = 3, isComplete = true }: Stats = {}) => ({
  ...{ id: ID, symbol: "WETH", as_of: AT_MS, history_complete: isComplete },
  windows: { "5m": figures(trades), "1h": figures(trades) },
});

/** Answers what the view asks of the past. Returns the addresses that were asked for. */
async function past(page: Page, stats: (url: URL) => unknown = () => statsOf()): Promise<URL[]> {
  const asked: URL[] = [];
  const noted = (answer: (url: URL) => unknown) => (url: URL) => {
    asked.push(url);
    return answer(url);
  };
  await answerCalls(
    page,
    /\/stats$/,
    noted((url) => (url.searchParams.has("at") ? stats(url) : undefined)),
  );
  await answerCalls(
    page,
    /\/candles$/,
    noted((url) => ({
      ...{ id: ID, interval: url.searchParams.get("interval"), history_complete: true },
      items: candlesBefore(Number(url.searchParams.get("to")), MINUTE, 5),
    })),
  );
  await answerCalls(
    page,
    /\/swaps$/,
    noted((url) => {
      const isFirst = !url.searchParams.has("cursor");
      const items = [0, 1].map((i) => ({
        ...swapOf(`${isFirst}${i}`, 0),
        ...{ event_id: `${isFirst}${i}`, event_time: AT_MS - (i + (isFirst ? 1 : 3)) * MINUTE, price_usd: "2000.25" },
      }));
      return { id: ID, history_complete: true, items, ...(isFirst ? { next_cursor: "c" } : {}) };
    }),
  );
  return asked;
}

requires("a token of the past in a browser", { chromium: true }, ({ chromium }) => {
  const openToken = tokenOpenerOf(chromium);

  /** Opens the page at another place first, so that the stand-in is there before the view. */
  async function open(t: Parameters<typeof openToken>[0], place: string, stats?: (url: URL) => unknown) {
    const { base, post } = await ownService(t);
    await post([swapOf("now", 1_000)]);
    const opened = await openToken(t, base, "");
    const asked = await past(opened.page, stats);
    await opened.page.goto(`${base}/#/token/${place}`);
    return { ...opened, asked, base };
  }

  describe("a token of the past in a browser", () => {
    test("shows figures, candles and swaps of the instant in the address, says so, and leads back", async (t) => {
      const opened = await open(t, `${ID}?at=${AT}&interval=1m`);
      const { page, panel, asked } = opened;
      await opened.isIn("past");
      const banner = page.getByRole("region", { name: "The past" });
      await reads(banner, "The past");
      await reads(banner.locator(".past-time").and(page.getByTitle("2026-01-02 03:04:05.000 UTC")), "2 Jan 2026");
      await figureIs(page, "Volume", "5m", "$120.5");
      await reads(page.locator(".token-head"), "$2,000.25");
      await reads(panel("Swaps"), "2 before that time");
      await reads(panel("How do I know"), "The history has every swap of these figures.");
      // Whole bars alone: the one in which the instant lies has swaps from after it.
      await page
        .getByRole("application")
        .and(page.getByLabel(/^Chart of 5 candles of 1m/))
        .waitFor();
      const candles = asked.find(({ pathname }) => pathname.endsWith("/candles"))!;
      assert.equal(candles.searchParams.get("to"), String(Date.parse("2026-01-02T03:04:00Z")));
      assert.equal(asked.find(({ pathname }) => pathname.endsWith("/swaps"))!.searchParams.get("to"), String(AT_MS));
      assert.equal(await panel("Corrections").count(), 0);
      await panel("Swaps").getByRole("button", { name: "Earlier swaps" }).click();
      await reads(panel("Swaps"), "4 before that time");
      assert.equal(await panel("Swaps").getByRole("button", { name: "Earlier swaps" }).count(), 0);
      await page.getByRole("button", { name: "Back to live" }).click();
      await opened.isIn("live");
      assert.ok(!page.url().includes("at="));
      await isClean(opened);
    });

    test("the instant is chosen in a small panel, moved by an hour, and kept by the link to the screener", async (t) => {
      const opened = await open(t, ID);
      const { page } = opened;
      await opened.isIn("live");
      await page.locator("summary", { hasText: "As of" }).click();
      const field = page.getByLabel("Show everything as of");
      await field.fill("2999-01-01T00:00:00");
      await reads(page.locator(".as-of-note"), "This lies in the future.");
      assert.ok(await page.getByRole("button", { name: "Show", exact: true }).isDisabled());
      await page.getByRole("button", { name: "Yesterday" }).click();
      await field.fill("2026-01-02T03:04:05");
      await field.press("Enter");
      await opened.isIn("past");
      const chosen = new Date(2026, 0, 2, 3, 4, 5).getTime();
      const atOf = () => Date.parse(new URLSearchParams(page.url().split("?")[1]).get("at")!);
      assert.equal(atOf(), chosen);
      await page.getByRole("button", { name: "1 h earlier" }).click();
      await page.waitForURL(({ hash }) => hash.includes(new Date(chosen - 3_600_000).toISOString().slice(0, 19)));
      await page.getByRole("button", { name: "1 h later" }).click();
      await page.waitForURL(({ hash }) => hash.includes(new Date(chosen).toISOString().slice(0, 19)));
      const link = await page.getByRole("link", { name: "Screener" }).getAttribute("href");
      assert.match(link ?? "", /^#\/screener\?at=2026-01-0/);
      await page.goBack();
      await page.goBack();
      await page.goBack();
      await opened.isIn("live");
      await isClean(opened);
    });

    test("while another instant is on its way the former figures stay, dimmed", async (t) => {
      let release = (): void => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      let isFirst = true;
      const opened = await open(t, `${ID}?at=${AT}`, async () => {
        if (!isFirst) await held;
        isFirst = false;
        return statsOf();
      });
      const { page } = opened;
      await opened.isIn("past");
      await page.getByRole("button", { name: "1 h earlier" }).click();
      await opened.isIn("loading");
      await page.locator(".token-view.is-former").waitFor();
      await figureIs(page, "Volume", "5m", "$120.5");
      release();
      await opened.isIn("past");
      await isClean(opened);
    });

    test("the frame is there before the first figures", async (t) => {
      const opened = await open(t, `${ID}?at=${AT}`, () => new Promise(() => undefined));
      await opened.isIn("loading");
      await reads(opened.page.getByRole("region", { name: "The past" }), "2 Jan 2026");
      await opened.panel("Figures").getByRole("status", { name: "Loading the figures" }).waitFor();
      await isClean(opened);
    });

    test("an incomplete history is marked", async (t) => {
      const opened = await open(t, `${ID}?at=${AT}`, () => statsOf({ isComplete: false }));
      await opened.isIn("past");
      await reads(opened.page.getByRole("region", { name: "The past" }).locator(".badge"), "Incomplete");
      await reads(opened.panel("How do I know"), "Swaps may be missing");
      await isClean(opened);
    });

    test("a time without swaps says so", async (t) => {
      const opened = await open(t, `${ID}?at=${AT}`, () => statsOf({ trades: 0 }));
      await opened.page.getByRole("heading", { name: "No swaps at that time" }).waitFor();
      await opened.page.locator(".empty").getByRole("button", { name: "Back to live" }).click();
      await opened.isIn("live");
      await isClean(opened);
    });

    test("a service without a history says which key is missing", async (t) => {
      // The service of this test has none.
      const opened = await open(t, `${ID}?at=${AT}`, () => undefined);
      const problem = opened.page.locator('.problem[data-code="history_off"]');
      await reads(problem, "stores.history");
      await problem.getByRole("button", { name: "Back to live" }).click();
      await opened.isIn("live");
      await isClean(opened);
    });

    test("while the store is away it tries again by itself", async (t) => {
      // The client itself asks three times.
      let failures = 3;
      const opened = await open(t, `${ID}?at=${AT}`, () =>
        failures-- > 0 ? problemOf(503, "unavailable", "The history cannot be read now.") : statsOf(),
      );
      await reads(opened.page.locator('.problem[data-code="unavailable"]'), "The history cannot be read now.");
      await opened.isIn("past");
      await isClean(opened);
    });

    test("an instant that cannot be read, or lies in the future, is named above the live view", async (t) => {
      const opened = await open(t, `${ID}?at=yesterday`);
      await reads(opened.page.getByRole("alert"), '"yesterday" is no date and time. The present is shown.');
      await opened.isIn("live");
      await opened.page.goto(`${opened.base}/#/token/${ID}?at=2999-01-01T00:00:00Z`);
      await reads(opened.page.getByRole("alert"), "lies in the future");
      await opened.isIn("live");
      await isClean(opened);
    });

    test("on a phone nothing is wider than the screen", async (t) => {
      const { base, post } = await ownService(t);
      await post([swapOf("now", 1_000)]);
      const opened = await openToken(t, base, "", { width: 390, height: 844 });
      await past(opened.page);
      await opened.page.goto(`${base}/#/token/${ID}?at=${AT}`);
      await opened.isIn("past");
      await opened.page.locator("summary", { hasText: "As of" }).click();
      const box = (await opened.page.locator(".popover[open] .popover-panel").boundingBox())!;
      assert.ok(box.x >= 0 && box.x + box.width <= 390, JSON.stringify(box));
      await isClean(opened);
    });
  });
});
