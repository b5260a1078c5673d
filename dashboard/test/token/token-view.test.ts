import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { hashOfKey, keyLine, newApiKey } from "../../../server/src/access/identity/api-keys.ts";
import { TestApps } from "../../../server/test/support/app-harness.ts";
import { requires } from "../../../server/test/support/requires.ts";
import { tempDir } from "../../../server/test/support/tmp.ts";
import { reads } from "../support/browser.ts";
import { EMBEDDED, figure, figureIs, ID, isClean, ownService, swapOf, tokenOpenerOf } from "./token-page.ts";

/** What a figure of one more digit moves beside it, in its own line. A part of the view that moves scores more. */
const DIGIT_SHIFT = 0.002;

requires("the view of a token", { chromium: true }, ({ chromium }) => {
  const open = tokenOpenerOf(chromium);

  describe("the view of a token", () => {
    test("shows price, figures, flow, swaps and what they stand on, and goes on live", async (t) => {
      const { base, post } = await ownService(t);
      const seller = `0x${"22".repeat(20)}`;
      await post([swapOf("a", 5_000), swapOf("b", 4_000, { side: "sell", who: seller, amount_usd: "2999.000001" })]);
      const opened = await open(t, base, ID);
      const { page, panel, isIn } = opened;
      await isIn("live");
      await reads(page.getByRole("heading", { level: 1 }), "WETH");
      await figureIs(page, "Volume", "5m", "$5,999.000001");
      assert.deepEqual(await figure(page, "Trades", "24h"), { text: "2", title: "2" });
      assert.deepEqual(await figure(page, "Traders", "1h"), { text: "2", title: "2" });
      await reads(page.locator(".token-price"), "$1,999.33");
      await panel("Swaps").getByRole("cell", { name: "Sell" }).waitFor();
      assert.equal(await panel("Swaps").locator("code").first().getAttribute("title"), seller);
      await panel("Buys against sells")
        .getByRole("img", { name: /^1h: 1 buys of \$3,000, 1 sells of \$2,999.000001; more was bought$/ })
        .waitFor();
      await reads(panel("How do I know").locator('[data-statement="traders"]'), "exact");
      await reads(panel("How do I know").locator('[data-statement="lag"]'), "none");

      await post([swapOf("c", 0, { amount_usd: "3300", amount_token: "1.5" })]);
      await reads(page.locator(".token-price"), "$2,200");
      await figureIs(page, "Volume", "5m", "$9,299.000001");
      await page.waitForFunction(() => document.title.startsWith("2,200"));
      assert.equal(await panel("Swaps").locator("tbody tr").count(), 3);
      await isClean(opened);
      const shifts = (await opened.layoutShifts()).filter(({ value }) => value >= DIGIT_SHIFT);
      assert.deepEqual(shifts, []);
    });

    test("copies the id, and keeps the chosen window and interval in the address", async (t) => {
      const { base, post } = await ownService(t);
      await post([swapOf("a", 1_000)]);
      const opened = await open(t, base, ID);
      const { page, isIn } = opened;
      await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
      await isIn("live");
      await page.getByRole("button", { name: "Copy the id" }).click();
      await reads(page.locator(".copied"), "Copied");
      assert.equal(await page.evaluate(() => navigator.clipboard.readText()), ID);
      await page.getByRole("radio", { name: /^5m/ }).first().check();
      await page.getByRole("radio", { name: "30m", exact: true }).check();
      await page.waitForURL(/window=5m/);
      assert.match(page.url(), /interval=30m/);
      await reads(page.locator("thead .chosen"), /^5m/);
      await page.reload();
      await isIn("live");
      assert.ok(await page.getByRole("radio", { name: "30m", exact: true }).isChecked());
      await isClean(opened);
    });

    test("a known form of id is pending until its first swap, which fills the view", async (t) => {
      const { base, post } = await ownService(t);
      const opened = await open(t, base, ID);
      await opened.isIn("pending");
      await reads(opened.page.getByRole("status"), "No swap has named this token yet");
      await opened.panel("Candles").getByText("The first candle appears here").waitFor();
      // Nothing is on its way, so nothing looks as if it were.
      assert.equal(await opened.page.getByRole("status", { name: /^Loading/ }).count(), 0);
      await post([swapOf("first", 500)]);
      await opened.isIn("live");
      await reads(opened.page.locator(".token-price"), "$2,000");
      await opened.panel("Swaps").getByRole("cell", { name: "Buy" }).waitFor();
      await isClean(opened);
    });

    test("an unknown name leads to a search, which leads to a token", async (t) => {
      const { base, post } = await ownService(t);
      await post([swapOf("a", 1_000)]);
      const opened = await open(t, base, "NOPE");
      const { page } = opened;
      await opened.isIn("unknown");
      await page.getByText("No token has a name like this").waitFor();
      await page.getByRole("searchbox").fill("we");
      await page.getByRole("link", { name: "WETH" }).click();
      await opened.isIn("live");
      assert.ok(page.url().endsWith(`#/token/${ID}`));
      await isClean(opened);
    });

    test("without a token in the address there is a choice", async (t) => {
      const { base } = await ownService(t);
      const opened = await open(t, base, "");
      await opened.isIn("none");
      await opened.page.getByRole("searchbox", { name: "Search for a token" }).waitFor();
      await isClean(opened);
    });

    test("a symbol of several tokens offers them with chain and volume", async (t) => {
      const { base, post } = await ownService(t);
      const other = `0x${"dd".repeat(20)}`;
      await post([swapOf("a", 1_000), swapOf("b", 900, { token: other, chain_id: 10, amount_usd: "70" })]);
      const opened = await open(t, base, "WETH");
      await opened.isIn("ambiguous");
      const rows = opened.page.locator(".choices tbody tr");
      await rows.nth(1).waitFor();
      assert.deepEqual(await rows.locator("td:nth-child(2)").allTextContents(), ["1", "10"]);
      await rows.nth(1).getByRole("link").click();
      await opened.isIn("live");
      await figureIs(opened.page, "Volume", "24h", "$70");
      await isClean(opened);
    });

    test("a token whose swaps have left all windows says so", async (t) => {
      const { base, post } = await ownService(t, { "windows.list": "1m,5m,1h" });
      await post([swapOf("old", 3 * 3_600_000)]);
      const opened = await open(t, base, ID);
      await opened.isIn("live");
      await reads(opened.page.locator(".token-standing"), "No trades");
      await reads(opened.page.locator(".token-price"), "–");
      // Once a swap of another token has settled it, the token is retired to its counters.
      await post([swapOf("new", 0, { token: `0x${"dd".repeat(20)}` })]);
      const swapsLeft = async (): Promise<number> => {
        const response = await fetch(`${base}/api/tokens/${ID}/swaps`);
        return ((await response.json()) as { items: unknown[] }).items.length;
      };
      while ((await swapsLeft()) > 0);
      // The service gives a channel's data again for a second, the swap among them.
      do {
        await opened.page.reload();
        await opened.isIn("live");
        await opened
          .panel("Swaps")
          .getByText(/No swaps|newest 1/)
          .waitFor();
      } while (!(await opened.panel("Swaps").getByText("No swaps").isVisible()));
      await opened.panel("Candles").getByText("No trade in memory").waitFor();
      await isClean(opened);
    });

    test("figures stay and are marked while there is no connection, and go on when it is back", async (t) => {
      const apps = new TestApps(t);
      const first = await apps.start(EMBEDDED);
      const { port } = new URL(first.base);
      await first.post([swapOf("a", 1_000)]);
      const opened = await open(t, first.base, ID);
      await opened.isIn("live");
      await first.app.stop();
      await opened.isIn("offline");
      await reads(opened.page.locator(".token-standing"), "Stale: no connection");
      await figureIs(opened.page, "Volume", "1h", "$3,000");
      const second = await apps.start({ ...EMBEDDED, "api.http.addr": `127.0.0.1:${port}` });
      await second.post([swapOf("b", 0, { amount_usd: "500" })]);
      await opened.isIn("live");
      await figureIs(opened.page, "Volume", "1h", "$3,500");
      await isClean(opened);
    });

    test("figures stay and are marked while the owner of the token is away", async (t) => {
      const { base, post } = await ownService(t);
      await post([swapOf("a", 1_000)]);
      const opened = await open(t, base, "");
      let isAway = true;
      // One instance has no other owner that could be away, so the messages of this one say so on their way.
      await opened.page.routeWebSocket(/\/ws/, (socket) => {
        const server = socket.connectToServer();
        server.onMessage((message) => {
          const list = JSON.parse(String(message)) as { type: string }[];
          const isData = ({ type }: { type: string }): boolean => type === "snapshot" || type === "patch";
          socket.send(JSON.stringify(list.map((one) => (isAway && isData(one) ? { ...one, stale: true } : one))));
        });
      });
      await opened.page.goto(`${base}/#/token/${ID}`);
      await opened.page.reload();
      await opened.isIn("stale");
      await reads(opened.page.locator(".token-standing"), "Stale: instance unreachable");
      await reads(
        opened.panel("How do I know").locator('[data-statement="as-of"]'),
        "The instance that owns the token is unreachable",
      );
      await figureIs(opened.page, "Volume", "1h", "$3,000");
      isAway = false;
      await post([swapOf("b", 0)]);
      await opened.isIn("live");
      await figureIs(opened.page, "Volume", "1h", "$6,000");
      await isClean(opened);
    });

    test("a key without the right is told which one is missing", async (t) => {
      const key = newApiKey();
      const path = join(tempDir(t, "keys"), "api-keys");
      writeFileSync(path, `${keyLine({ name: "feeder", scopes: new Set(["ingest"]), hash: hashOfKey(key) })}\n`);
      const { base } = await ownService(t, { "security.mode": "required", "security.api_keys_path": path });
      const opened = await open(t, base, ID);
      await opened.page.evaluate((text) => sessionStorage.setItem("swapstats.token", text), key);
      await opened.page.reload();
      await opened.page.getByRole("alert").filter({ hasText: "does not allow" }).waitFor();
      assert.equal(await opened.page.locator(".problem").getAttribute("data-code"), "forbidden");
    });

    test("a channel that is refused says why", async (t) => {
      const { base, post } = await ownService(t, { "api.ws.max_subscriptions": "1" });
      await post([swapOf("a", 1_000)]);
      const opened = await open(t, base, ID);
      await opened.page.locator('.problem[data-code="too_many_subscriptions"]').first().waitFor();
      await isClean(opened);
    });

    test("before the first data the frame of the view is there", async (t) => {
      const { base, post } = await ownService(t);
      await post([swapOf("a", 1_000)]);
      const opened = await open(t, base, "");
      // Data that never comes: the connection is accepted, and nothing is answered.
      await opened.page.routeWebSocket(/\/ws/, () => undefined);
      await opened.page.goto(`${base}/#/token/${ID}`);
      await opened.page.reload();
      await opened.isIn("loading");
      for (const name of ["Candles", "Swaps", "Figures", "Buys against sells", "How do I know"]) {
        await opened
          .panel(name)
          .getByRole("status", { name: /^Loading/ })
          .waitFor();
      }
      await isClean(opened);
    });

    test("on a phone the chosen window has the width, and nothing is wider than the screen", async (t) => {
      const { base, post } = await ownService(t);
      await post([swapOf("a", 1_000)]);
      for (const colorScheme of ["light", "dark"] as const) {
        const opened = await open(t, base, `${ID}?window=5m`, { width: 390, height: 844, colorScheme });
        await opened.isIn("live");
        assert.equal(await opened.page.getByRole("columnheader", { name: "5m" }).isVisible(), true);
        assert.equal(await opened.page.locator(".figures-table thead th:visible").count(), 2);
        await opened.page.getByRole("radio", { name: /^24h/ }).first().check();
        await opened.page.getByRole("columnheader", { name: "24h" }).waitFor();
        await isClean(opened);
      }
    });
  });
});
