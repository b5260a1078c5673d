import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { requires } from "../../../server/test/support/requires.ts";
import { reads } from "../support/browser.ts";
import { figure, figureIs, ID, isClean, ownService, swapOf, tokenOpenerOf } from "./token-page.ts";

requires("what the figures of a token stand on", { chromium: true }, ({ chromium }) => {
  const open = tokenOpenerOf(chromium);

  describe("what the figures of a token stand on", () => {
    test("every figure agrees with HTTP at the same revision, and checksums are verified", async (t) => {
      const { base, post } = await ownService(t);
      await post([swapOf("a", 61_000), swapOf("b", 1_000, { side: "sell" })]);
      const opened = await open(t, base, ID);
      const panel = opened.panel("How do I know");
      await opened.isIn("live");
      await panel.getByRole("button", { name: "Compare with HTTP" }).click();
      await reads(panel.locator(".proof-result.same"), /Same at revision [\d,]+: all \d+ figures agree/);
      const link = panel.getByRole("link", { name: "Open the answer" });
      const address = await link.evaluate((anchor) => (anchor as HTMLAnchorElement).href);
      const answer = (await (await fetch(address)).json()) as { id: string };
      assert.equal(answer.id, ID);
      await reads(panel.locator('[data-statement="checksum"]'), "verified");
      await isClean(opened);
    });

    test("says that windows are partial until everything in them was seen, and compares with no span before", async (t) => {
      const { base, post } = await ownService(t);
      await post([swapOf("a", 1_000)]);
      const opened = await open(t, base, ID);
      await opened.isIn("live");
      await reads(opened.panel("How do I know").locator('[data-statement="complete"]'), "not yet");
      await reads(opened.panel("How do I know").locator('[data-statement="complete"]'), "Everything seen since");
      assert.equal(await opened.page.locator(".figures-table .window-partial").count(), 7);
      assert.equal(await opened.page.locator(".figures-table .before").count(), 0);
      await isClean(opened);
    });

    test("compares windows with the span before them once that was seen whole", async (t) => {
      const { base, post } = await ownService(t, { "windows.clock": "event", "windows.list": "1m,5m,1h" });
      const start = Date.now() - 2 * 3_600_000;
      const at = (name: string, afterMs: number, members: object = {}) =>
        swapOf(name, 0, { event_time: start + afterMs, ...members });
      await post([at("a", 0), at("b", 3_590_000, { amount_usd: "100" }), at("c", 3_660_000, { amount_usd: "250" })]);
      const opened = await open(t, base, ID);
      await figureIs(opened.page, "Volume", "1m", "$250");
      const before = opened.page.locator('.figures-table tr:has(th:text-is("Bought")) td:nth-child(2) .before');
      await reads(before, "$100.00");
      await reads(before, "+150.0%");
      // The hour before the last one was not seen.
      assert.equal(await opened.page.locator(".figures-table td:nth-child(4) .before").count(), 0);
      await isClean(opened);
    });

    test("marks the number of traders where it is estimated", async (t) => {
      const { base, post } = await ownService(t, { "app.exact_traders": "8" });
      const traders = Array.from({ length: 300 }, (_, i) =>
        swapOf(`t${i}`, 20 * 60_000 - i, { who: `0x${i.toString(16).padStart(40, "0")}` }),
      );
      // Wallets are estimated once their swaps are settled, that is older than any reorg.
      await post([...traders, swapOf("last", 0)]);
      const opened = await open(t, base, ID);
      await figureIs(opened.page, "Trades", "1h", "301");
      await reads(opened.panel("How do I know").locator('[data-statement="traders"]'), /≈ in .*1h/);
      await reads(opened.page.locator('.figures-table tr:has(th:text-is("Traders")) td').nth(4), "≈");
      const { text } = await figure(opened.page, "Traders", "1h");
      assert.ok(Math.abs(Number(text) - 300) < 60, text);
      await isClean(opened);
    });
  });
});
