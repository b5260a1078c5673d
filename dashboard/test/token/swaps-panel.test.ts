import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { requires } from "../../../server/test/support/requires.ts";
import { reads } from "../support/browser.ts";
import { ID, isClean, ownService, swapOf, tokenOpenerOf } from "./token-page.ts";

requires("the list of a token's swaps in a browser", { chromium: true }, ({ chromium }) => {
  const open = tokenOpenerOf(chromium);

  describe("the list of a token's swaps in a browser", () => {
    test("stands still while the mouse points at it, and still shows what a reorg removes", async (t) => {
      const { base, post } = await ownService(t);
      const first = swapOf("a", 2_000, { amount_usd: "11" });
      await post([first]);
      const opened = await open(t, base, ID);
      const panel = opened.panel("Swaps");
      const rows = panel.locator("tbody tr");
      await reads(rows, "$11.00");
      await rows.first().hover();
      await reads(panel, "held");
      await post([swapOf("b", 0, { amount_usd: "22" })]);
      await reads(panel, "held, 1 new");
      assert.equal(await rows.count(), 1);
      await post([{ ...first, removed: true }]);
      await reads(panel.locator("tr.removed"), "removed");
      await opened.page.mouse.move(5, 5);
      await reads(rows, "$22.00");
      assert.equal(await rows.count(), 2);
      await isClean(opened);
    });

    test("tints the newest of the swaps that come, and no row of the first list", async (t) => {
      const { base, post } = await ownService(t);
      await post([swapOf("old", 2_000, { amount_usd: "11" })]);
      const opened = await open(t, base, ID);
      const rows = opened.panel("Swaps").locator("tbody tr");
      await reads(rows, "$11.00");
      assert.equal(await opened.panel("Swaps").locator("tr.entered").count(), 0);
      await post(Array.from({ length: 10 }, (_, i) => swapOf(`new ${i}`, 1_000 - i)));
      await rows.nth(10).waitFor();
      const tinted = await rows.evaluateAll((all) => all.map(({ className }) => className.includes("entered")));
      assert.deepEqual(tinted, [true, true, true, ...Array(8).fill(false)]);
      await isClean(opened);
    });

    test("says the exact time, amounts, wallet and transaction of a swap", async (t) => {
      const { base, post } = await ownService(t);
      const who = `0x${"ab".repeat(20)}`;
      const swap = swapOf("exact", 2_000, {
        who,
        amount_token: "0.000000000000000123",
        amount_usd: "0.000001",
        price_usd: "3000.5",
      });
      await post([swap, swapOf("nobody", 1_000, { who: null, side: "sell" })]);
      const opened = await open(t, base, ID);
      const row = opened.panel("Swaps").locator("tr.buy");
      await reads(row, "<$0.01");
      const titles = await row
        .locator("[title]")
        .evaluateAll((found) => found.map((element) => element.getAttribute("title")));
      const time = new Date(swap.event_time).toISOString().replace("T", " ").replace("Z", "");
      assert.ok(titles.includes(`${time} UTC, transaction ${swap.tx_hash}, block 7`), titles.join());
      for (const title of ["$3,000.5", "0.000000000000000123 tokens", "$0.000001", who])
        assert.ok(titles.includes(title), titles.join());
      await reads(opened.panel("Swaps").locator("tr.sell"), "–");
      await isClean(opened);
    });
  });
});
