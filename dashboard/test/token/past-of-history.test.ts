/** The view of a token as of a past instant, over a service with a history. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { requires } from "../../../server/test/support/requires.ts";
import { reads } from "../support/browser.ts";
import { figureIs, ID, isClean, ownService, swapOf, tokenOpenerOf } from "./token-page.ts";

requires("a token of a real past in a browser", { chromium: true }, ({ chromium }) => {
  const open = tokenOpenerOf(chromium);

  test("figures, swaps and candles are those of the instant, and candles go back to the start of the history", async (t) => {
    const { base, post } = await ownService(t, { "stores.history": "embedded" });
    const nowMs = Date.now();
    await post([swapOf("before", 100_000, { amount_usd: "1000" })]);
    await post([swapOf("after", 5_000, { amount_usd: "7000" })]);
    const at = new Date(nowMs - 60_000).toISOString();
    const opened = await open(t, base, `${ID}?at=${at}&interval=1s`);
    const { page, panel } = opened;
    await opened.isIn("past");
    await figureIs(page, "Volume", "5m", "$1,000");
    await reads(panel("Swaps"), "1 before that time");
    await page
      .getByRole("application")
      .and(page.getByLabel(/^Chart of 1 candles of 1s/))
      .waitFor();
    await page.getByRole("button", { name: "Back to live" }).click();
    await opened.isIn("live");
    await figureIs(page, "Volume", "5m", "$8,000");
    await page
      .getByRole("application")
      .and(page.getByLabel(/^Chart of 2 candles of 1s/))
      .waitFor();
    await reads(page.locator(".chart-reach"), /Start of the history/);
    assert.equal(await panel("Corrections").count(), 1);
    await isClean(opened);
  });
});
