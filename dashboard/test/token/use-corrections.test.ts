/** Corrections of what a reader has already seen, sent to a real service and looked at in the page. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { requires } from "../../../server/test/support/requires.ts";
import { reads } from "../support/browser.ts";
import { figureIs, ID, isClean, ownService, pixelsOf, swapOf, tokenOpenerOf } from "./token-page.ts";

const MINUTE = 60_000;

requires("corrections in the view of a token", { chromium: true }, ({ chromium }) => {
  const open = tokenOpenerOf(chromium);

  describe("corrections in the view of a token", () => {
    test("a late swap changes figures, bar, list and feed, and each says that it was late", async (t) => {
      const { base, post } = await ownService(t);
      await post([swapOf("a", 95_000), swapOf("b", 1_000)]);
      const opened = await open(t, base, `${ID}?interval=5s`);
      const { page, panel } = opened;
      await opened.isIn("live");
      await figureIs(page, "Volume", "1h", "$6,000");
      await panel("Candles").getByText("2 candles").waitFor({ state: "detached" });
      assert.equal(await panel("Candles").getByText("corrected").count(), 0);
      await panel("Corrections").getByText("None so far").waitFor();
      // What arrives before the list is seen is no correction.
      await panel("Swaps").locator("tbody tr").nth(1).waitFor();

      await post([swapOf("late", 90_000, { side: "sell", amount_usd: "1234.5" })]);
      await figureIs(page, "Volume", "1h", "$7,234.5");
      await figureIs(page, "Volume", "5m", "$7,234.5");
      // It is older than a minute, and changed nothing there.
      await figureIs(page, "Volume", "1m", "$3,000");
      const entry = panel("Corrections").locator(".correction.late");
      await reads(entry, /A sell of \$1\.23.k, 1.min late/);
      await reads(entry, "+$1.23 k volume in 5m and longer".replace(" k", "\u202fk"));
      await reads(panel("Candles"), "1 bar corrected");
      await reads(panel("Swaps").locator("tr.late"), "late");
      assert.ok((await pixelsOf(page, "--warn-fill")) > 0, "the bar is marked");
      while ((await pixelsOf(page, "--warn-fill")) > 0);
      // The mark goes, the number of corrected bars stays.
      await reads(panel("Candles"), "1 bar corrected");
      await isClean(opened);
    });

    test("a swap that a reorg removes is struck through, and taken out of every figure", async (t) => {
      const { base, post } = await ownService(t);
      const gone = swapOf("gone", 30_000, { amount_usd: "9999.25", block_hash: "0xaa" });
      await post([swapOf("a", 40_000), gone, swapOf("b", 1_000)]);
      const opened = await open(t, base, `${ID}?interval=5s`);
      const { page, panel } = opened;
      await figureIs(page, "Volume", "5m", "$15,999.25");
      await panel("Swaps").locator("tbody tr").nth(2).waitFor();

      await post([{ ...gone, removed: true }]);
      await figureIs(page, "Volume", "5m", "$6,000");
      await figureIs(page, "Trades", "24h", "2");
      const row = panel("Swaps").locator("tr.removed");
      await reads(row, "removed");
      const decoration = await row
        .locator("td.number")
        .first()
        .evaluate((cell) => getComputedStyle(cell).textDecorationLine);
      assert.equal(decoration, "line-through");
      const entry = panel("Corrections").locator(".correction.removed");
      await reads(entry, /Reorg: a buy of \$10\.0.k removed/);
      assert.equal(await entry.locator(".correction-effect").getAttribute("title"), "\u2212$9,999.25 of volume");
      await reads(panel("Candles"), "1 bar corrected");
      await reads(panel("How do I know").locator('[data-counter="removed"]'), "1");

      // The same swap in another block comes late, and is told as such.
      await post([{ ...gone, block_number: 8, block_hash: "0xbb", event_time: gone.event_time + 5_000 }]);
      await figureIs(page, "Volume", "5m", "$15,999.25");
      await reads(panel("Corrections").locator(".correction.late"), /A buy of \$10\.0.k/);
      assert.equal(await panel("Swaps").locator("tr.removed").count(), 0);
      await isClean(opened);
    });

    test("corrections of swaps that are older than the list are told too", async (t) => {
      const { base, post } = await ownService(t);
      const old = swapOf("old", 80_000, { amount_usd: "50" });
      await post([old, ...Array.from({ length: 110 }, (_, i) => swapOf(`s${i}`, 20_000 - i))]);
      const opened = await open(t, base, ID);
      await figureIs(opened.page, "Trades", "5m", "111");
      await opened.panel("Swaps").locator("tbody tr").nth(99).waitFor();
      await post([{ ...old, removed: true }]);
      await reads(opened.panel("Corrections").locator(".correction.removed"), "Reorg: a buy of $50.00 removed");
      await isClean(opened);
    });

    test("swaps and removals that are too late change nothing, and are told and counted", async (t) => {
      const { base, post } = await ownService(t);
      await post([swapOf("a", 1_000)]);
      const opened = await open(t, base, ID);
      const { page, panel } = opened;
      await opened.isIn("live");
      await panel("Corrections").getByText("None so far").waitFor();
      await post([swapOf("old", 5 * MINUTE)]);
      await post([swapOf("older", 20 * MINUTE, { removed: true })]);
      await reads(panel("Corrections").locator(".correction.refused"), "1 swap came too late to count");
      await reads(panel("Corrections").locator(".correction.unresolved"), "1 removal came too late");
      await reads(panel("How do I know").locator('[data-counter="late"]'), "1");
      await reads(panel("How do I know").locator('[data-counter="unresolved"]'), "1");
      await figureIs(page, "Volume", "24h", "$3,000");
      await isClean(opened);
    });

    test("what arrives after a lost connection is not late", async (t) => {
      const { base, post } = await ownService(t);
      await post([swapOf("a", 20_000)]);
      const opened = await open(t, base, "");
      let cut: (() => void) | undefined;
      let isCut = false;
      await opened.page.routeWebSocket(/\/ws/, (socket) => {
        if (isCut) return void socket.close();
        socket.connectToServer();
        cut = () => socket.close();
      });
      await opened.page.goto(`${base}/#/token/${ID}`);
      await opened.page.reload();
      await opened.isIn("live");
      await opened.panel("Swaps").locator("tbody tr").first().waitFor();
      isCut = true;
      cut!();
      await opened.isIn("offline");
      // Its time is after the cut, and it is seen only when the connection is back, long enough after it to be late otherwise.
      const missed = swapOf("missed", 0);
      await post([missed]);
      while (Date.now() < missed.event_time + 4_000)
        await opened.page.evaluate(() => new Promise(requestAnimationFrame));
      isCut = false;
      await opened.isIn("live");
      await figureIs(opened.page, "Trades", "24h", "2");
      await opened.panel("Swaps").locator("tbody tr").nth(1).waitFor();
      assert.equal(await opened.panel("Corrections").locator(".correction").count(), 0);
      await isClean(opened);
    });
  });
});
