import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { requires } from "../../../server/test/support/requires.ts";
import { reads } from "../support/browser.ts";
import { ID, isClean, ownService, pixelsOf, swapOf, tokenOpenerOf } from "./token-page.ts";

requires("candles of a token in a browser", { chromium: true }, ({ chromium }) => {
  const open = tokenOpenerOf(chromium);

  describe("candles of a token in a browser", () => {
    test("bars are drawn in the colours of the theme, and follow it when it changes", async (t) => {
      const { base, post } = await ownService(t);
      await post([
        swapOf("a", 61_000, { amount_usd: "2000" }),
        swapOf("b", 60_500),
        swapOf("c", 1_000, { amount_usd: "2500" }),
      ]);
      const opened = await open(t, base, `${ID}?interval=1m`);
      const { page } = opened;
      await opened.isIn("live");
      await page.locator(".chart canvas").first().waitFor();
      while ((await pixelsOf(page, "--up-fill")) === 0);
      assert.ok((await pixelsOf(page, "--surface")) > 10_000);
      await page.emulateMedia({ colorScheme: "dark" });
      await page.locator('html[data-theme="dark"]').waitFor();
      while ((await pixelsOf(page, "--surface")) < 10_000);
      assert.ok((await pixelsOf(page, "--up-fill")) > 0);
      await isClean(opened);
    });

    test("keys move the crosshair from bar to bar, and the exact values follow", async (t) => {
      const { base, post } = await ownService(t);
      const tiny = { amount_token: "3000000000", amount_usd: "0.001234" };
      await post([swapOf("a", 130_000), swapOf("b", 70_000, { amount_usd: "3000.000003" }), swapOf("c", 1_000, tiny)]);
      const opened = await open(t, base, `${ID}?interval=1m`);
      const { page, panel } = opened;
      await opened.isIn("live");
      const legend = panel("Candles").locator(".legend");
      await reads(legend, "C$0.000000000000411333333333333");
      await reads(legend, "Vol$0.001234");
      const chart = page.getByRole("application");
      await reads(chart.and(page.getByLabel(/^Chart of 3 candles of 1m/)), "");
      await chart.focus();
      await page.keyboard.press("ArrowLeft");
      await page.keyboard.press("ArrowLeft");
      await reads(legend, "C$2,000.000002");
      await page.keyboard.press("Home");
      await reads(legend, "Vol$3,000Trades1");
      await page.keyboard.press("ArrowLeft");
      await reads(legend, "Vol$3,000Trades1");
      await page.keyboard.press("End");
      await reads(legend, "Vol$0.001234");
      await page.keyboard.press("Home");
      await page.keyboard.press("Escape");
      await reads(legend, "Vol$0.001234");
      await isClean(opened);
    });

    test("the interval is chosen by keys, and an interval that the service does not have says so", async (t) => {
      const { base, post } = await ownService(t, { "windows.bucket_step": "60s", "windows.list": "5m,1h" });
      await post([swapOf("a", 1_000)]);
      // The usual interval of so young a token is shorter than the steps of this service: it falls back to a minute.
      const opened = await open(t, base, ID);
      const { page, panel } = opened;
      await opened.isIn("live");
      await reads(panel("Candles").locator(".legend"), "Vol$3,000");
      const minute = page.getByRole("radio", { name: "1m", exact: true });
      assert.ok(await minute.isChecked());
      await minute.focus();
      await page.keyboard.press("ArrowRight");
      await page.waitForURL(/interval=5m/);
      await reads(panel("Candles").locator(".legend"), "Vol$3,000");
      for (const _ of ["1m", "15s"]) await page.keyboard.press("ArrowLeft");
      await page.waitForURL(/interval=15s/);
      await reads(panel("Candles").getByRole("alert"), "15s");
      await isClean(opened);
    });

    test("a click brings the newest bar back after the past was looked at", async (t) => {
      const { base, post } = await ownService(t);
      const rising = (i: number) => ({ amount_usd: String(2_010 + i * 10) });
      await post(Array.from({ length: 100 }, (_, i) => swapOf(`s${i}`, 100_000 - i * 1_000, rising(i))));
      const opened = await open(t, base, `${ID}?interval=1s`);
      const { page, panel } = opened;
      await opened.isIn("live");
      await reads(panel("Candles").locator(".legend"), "Vol$3,000");
      while ((await pixelsOf(page, "--up-fill")) === 0);
      const box = (await page.locator(".chart").boundingBox())!;
      await page.mouse.move(box.x + 200, box.y + 100);
      await page.mouse.down();
      await page.mouse.move(box.x + 600, box.y + 100, { steps: 5 });
      await page.mouse.up();
      await panel("Candles").getByRole("button", { name: "Newest" }).click();
      await panel("Candles").getByRole("button", { name: "Newest" }).waitFor({ state: "detached" });
      await isClean(opened);
    });
  });
});
