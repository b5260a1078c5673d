/** Candles that go back into the history. Pages are a stand-in's, because a test has no history of days. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Page } from "playwright-core";
import { requires } from "../../../server/test/support/requires.ts";
import { reads } from "../support/browser.ts";
import { answerCalls, candlesBefore, problemOf } from "../support/history-stub.ts";
import { ID, isClean, ownService, pixelsOf, swapOf, tokenOpenerOf } from "./token-page.ts";

const SECOND = 1_000;
const PAGE = 200;
/** With the ten of the channel. The first page has the first bar of the channel again. */
const FIRST = PAGE + 9;

type Members = { readonly isLast?: boolean; readonly candle?: (openTime: number) => object };

const pageBefore = (url: URL, { isLast = false, candle }: Members = {}) => ({
  ...{ id: ID, interval: "1s", history_complete: true },
  ...(isLast ? {} : { next_cursor: "more" }),
  items: candlesBefore(Number(url.searchParams.get("to")), SECOND, PAGE, candle),
});

async function drag(page: Page, pixels: number): Promise<void> {
  const box = (await page.locator(".chart").boundingBox())!;
  await page.mouse.move(box.x + 100, box.y + 100);
  await page.mouse.down();
  await page.mouse.move(box.x + 100 + pixels, box.y + 100, { steps: 5 });
  await page.mouse.up();
}

/** Scrolls into the past until something happened. */
async function dragUntil(page: Page, isDone: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isDone())) await drag(page, 400);
}

const countIs = (page: Page, count: number): Promise<void> =>
  page
    .getByRole("application")
    .and(page.getByLabel(new RegExp(`^Chart of ${count} candles`)))
    .waitFor();

requires("candles that go back into the history", { chromium: true }, ({ chromium }) => {
  const openToken = tokenOpenerOf(chromium);

  async function open(t: Parameters<typeof openToken>[0], answer: (url: URL, call: number) => unknown) {
    const { base, post } = await ownService(t);
    await post(Array.from({ length: 10 }, (_, i) => swapOf(`s${i}`, 12_000 - i * SECOND)));
    const opened = await openToken(t, base, "");
    let calls = 0;
    await answerCalls(opened.page, /\/candles$/, (url) => answer(url, calls++));
    await opened.page.goto(`${base}/#/token/${ID}?interval=1s`);
    return { ...opened, post, calls: () => calls };
  }

  describe("candles that go back into the history", () => {
    test("pages come as the left edge comes near, up to the start of the history", async (t) => {
      const opened = await open(t, (url, call) => pageBefore(url, { isLast: call === 2 }));
      const { page } = opened;
      // The chart has room for more bars than the channel has.
      await countIs(page, FIRST);
      assert.equal(opened.calls(), 1);
      const notes = page.locator(".chart-notes");
      await dragUntil(page, () => opened.calls() === 2);
      await countIs(page, FIRST + PAGE);
      await dragUntil(page, () => opened.calls() === 3);
      await countIs(page, FIRST + 2 * PAGE);
      await dragUntil(page, async () => /Start/.test((await notes.textContent()) ?? ""));
      await reads(notes, /Start of the history: \d/);
      await page.waitForLoadState("networkidle");
      assert.equal(opened.calls(), 3, "nothing is asked for before the start");
      await page.getByRole("button", { name: "Newest" }).click();
      await isClean(opened);
    });

    test("a page moves nothing that is in sight, and live bars go on", async (t) => {
      let release = (): void => {};
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const opened = await open(t, async (url, call) => {
        if (call > 0) await held;
        return pageBefore(url);
      });
      const { page, panel } = opened;
      await countIs(page, FIRST);
      await dragUntil(page, () => opened.calls() === 2);
      await reads(page.locator(".chart-notes"), "Loading earlier candles");
      const box = (await page.locator(".chart").boundingBox())!;
      const legend = panel("Candles").locator(".legend-time");
      await page.mouse.move(box.x + 300, box.y + 120);
      await page.mouse.move(box.x + 301, box.y + 120);
      const before = await legend.textContent();
      release();
      await countIs(page, FIRST + PAGE);
      await page.mouse.move(box.x + 302, box.y + 120);
      await page.mouse.move(box.x + 301, box.y + 120);
      assert.equal(await legend.textContent(), before);
      await opened.post([swapOf("later", 0)]);
      await countIs(page, FIRST + PAGE + 1);
      await isClean(opened);
    });

    test("bars that may lack swaps stand on a strip, and the legend says partial", async (t) => {
      const opened = await open(t, (url) => pageBefore(url, { isLast: true, candle: () => ({ complete: false }) }));
      await countIs(opened.page, FIRST);
      while ((await pixelsOf(opened.page, "--warn-tint")) < 500);
      await opened.page.getByRole("application").focus();
      for (let i = 0; i < 12; i++) await opened.page.keyboard.press("ArrowLeft");
      await reads(opened.panel("Candles").locator(".legend-time"), "partial");
      await isClean(opened);
    });

    test("after a failure it says so, and tries again on request", async (t) => {
      const opened = await open(t, (url, call) =>
        call < 1 ? problemOf(400, "bad_request", "The history cannot be read.") : pageBefore(url, { isLast: true }),
      );
      const { page } = opened;
      const notes = page.locator(".chart-notes");
      await reads(notes, "Earlier candles cannot be loaded");
      await notes.getByTitle("The history cannot be read.").waitFor();
      await countIs(page, 10);
      await notes.getByRole("button", { name: "Try again" }).click();
      await countIs(page, FIRST);
      await isClean(opened);
    });

    test("a service without a history says that it keeps nothing earlier, once one looks for it", async (t) => {
      // The service of this test has none, and answers itself.
      const opened = await open(t, () => undefined);
      const { page } = opened;
      await countIs(page, 10);
      await page.waitForLoadState("networkidle");
      assert.equal(await page.locator(".chart-reach").textContent(), "");
      await drag(page, 900);
      await reads(page.locator(".chart-reach"), "No earlier candles are kept");
      assert.equal(opened.calls(), 1);
      await isClean(opened);
    });

    test("a chart holds a limited number of candles", async (t) => {
      const opened = await open(t, (url) => ({
        ...pageBefore(url),
        items: candlesBefore(Number(url.searchParams.get("to")), SECOND, 20_000),
      }));
      const { page } = opened;
      await countIs(page, 20_009);
      await page.getByRole("application").focus();
      await page.keyboard.press("Home");
      await reads(page.locator(".chart-reach"), "The chart holds 20,000 candles");
      assert.equal(opened.calls(), 1);
      await isClean(opened);
    });
  });
});
