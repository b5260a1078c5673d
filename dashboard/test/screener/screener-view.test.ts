/** The screener in a real browser, against the real service: what it shows, and how a person changes it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { requires } from "../../../server/test/support/requires.ts";
import { openerOf } from "../support/browser.ts";
import { startService } from "../support/service.ts";
import { addressOf, swapOf, trade } from "./market-of-tokens.ts";

const POSTED = { "ingest.source": "embedded" };

const symbolsOf = (page: Page): Promise<string[]> => page.locator(".row:not(.leaving) .token-name a").allTextContents();

/** Waits until the rows are these, from the top. */
async function rowsAre(page: Page, ...symbols: string[]): Promise<void> {
  await page.waitForFunction((wanted) => {
    const rows = [...document.querySelectorAll<HTMLElement>(".row:not(.leaving)")];
    const shown = rows.sort((a, b) => Number(a.dataset.index) - Number(b.dataset.index));
    return shown.map((row) => row.querySelector(".token-name a")?.textContent).join() === wanted;
  }, symbols.join());
}

const paramsOf = (page: Page): URLSearchParams => new URLSearchParams(new URL(page.url()).hash.split("?")[1] ?? "");

requires("the screener in a browser", { chromium: true }, ({ chromium }) => {
  const open = openerOf(chromium);

  for (const look of [
    { width: 390, colorScheme: "light" },
    { width: 768, colorScheme: "dark" },
    { width: 1_280, colorScheme: "light" },
    { width: 1_920, colorScheme: "dark" },
  ] as const) {
    test(`at ${look.width} px, ${look.colorScheme}: live rows without complaints, nothing beyond the edge, and nothing that jumps`, async (t) => {
      const { base } = await startService(t);
      const { page, complaints, layoutShifts, overhang } = await open(t, `${base}/`, look);
      await page.waitForSelector(".row .fig.price");
      const before = await page.locator(".standing").textContent();
      await page.waitForFunction((text) => document.querySelector(".standing")?.textContent !== text, before);
      assert.equal(await overhang(), 0);
      // Rows take the place of the skeleton, so the frame stays where it is.
      const shifts = await layoutShifts();
      const sum = shifts.reduce((all, { value }) => all + value, 0);
      assert.ok(sum < 0.02, JSON.stringify(shifts));
      assert.deepEqual(complaints, []);
    });
  }

  test("a row has the figures that HTTP answers, short in the cell and exact in its title", async (t) => {
    const app = await startService(t, POSTED);
    await trade(app, swapOf("AAA", { usd: "1234567.891", price: "2" }), swapOf("BBB", { usd: "10", side: "sell" }));
    const { page } = await open(t, `${app.base}/`);
    await rowsAre(page, "AAA", "BBB");
    const volume = page.locator(".row", { hasText: "AAA" }).locator(".fig.sorted");
    assert.equal(await volume.textContent(), "$1.23\u202fM");
    await volume.hover();
    assert.equal(
      await volume.getAttribute("title"),
      "Volume 24h: $1,234,567.891; the service has not seen the whole window",
    );
    assert.equal(await page.locator(".row", { hasText: "BBB" }).locator(".fig.down").first().textContent(), "−$10.00");
    assert.match((await page.locator(".standing").textContent()) ?? "", /2 tokens match.*rev \d+.*lag \d+/);
  });

  test("a change is marked with its direction and fades, and unchanged rows are left alone", async (t) => {
    const app = await startService(t, POSTED);
    await trade(app, swapOf("AAA", { usd: "500" }), swapOf("BBB"));
    const { page } = await open(t, `${app.base}/`);
    await rowsAre(page, "AAA", "BBB");
    await page.evaluate(`
      window.changed = new Set();
      window.flashed = [];
      new MutationObserver((list) => {
        for (const { target, attributeName } of list) {
          const element = target.nodeType === 1 ? target : target.parentElement;
          if (element.closest(".row")) changed.add(element.closest(".row").querySelector("a").textContent);
          if (attributeName === "data-flash" && element.dataset.flash) flashed.push(element.dataset.flash);
        }
      }).observe(document.querySelector(".token-rows"), { subtree: true, childList: true, characterData: true, attributes: true });
    `);
    await trade(app, swapOf("AAA", { price: "3" }));
    const price = page.locator(".row", { hasText: "AAA" }).locator(".fig.price");
    await page.waitForFunction(() => document.querySelector(".row .fig.price")?.textContent === "3.0000");
    await page.waitForFunction(() => {
      const { flashed } = window as unknown as { flashed: string[] };
      return flashed.includes("tint-up-0") && flashed.includes("tint-up-1");
    });
    await page.waitForFunction(() => document.querySelectorAll("[data-flash]").length === 0);
    assert.equal(await price.getAttribute("data-flash"), null);
    assert.deepEqual(await page.evaluate("[...changed]"), ["AAA"]);
  });

  test("with reduced motion a change has no colour of its own", async (t) => {
    const app = await startService(t, POSTED);
    await trade(app, swapOf("AAA"));
    const { page } = await open(t, `${app.base}/`, { reducedMotion: "reduce" });
    await rowsAre(page, "AAA");
    const ground = await page.evaluate<string>(`(() => {
      const cell = document.querySelector(".row .fig.price");
      cell.dataset.flash = "tint-up-0";
      return getComputedStyle(cell).backgroundColor;
    })()`);
    assert.equal(ground, "rgba(0, 0, 0, 0)");
  });

  test("a preset is one press, and the browser's back returns to the query before", async (t) => {
    const app = await startService(t, POSTED);
    await trade(
      app,
      swapOf("AAA", { usd: "900" }),
      swapOf("BBB", { usd: "50" }),
      swapOf("BBB", { usd: "50", side: "sell" }),
    );
    await trade(app, swapOf("CCC", { usd: "20000" }), swapOf("CCC", { usd: "30000", side: "sell" }));
    const { page } = await open(t, `${app.base}/`);
    await rowsAre(page, "CCC", "AAA", "BBB");
    await page.getByRole("button", { name: "Buy pressure" }).click();
    await rowsAre(page, "AAA");
    assert.equal(paramsOf(page).get("preset"), "pressure");
    assert.equal(await page.getByRole("button", { name: "Buy pressure" }).getAttribute("aria-pressed"), "true");
    await page.goBack();
    await rowsAre(page, "CCC", "AAA", "BBB");
  });

  test("a press on the head of a column sorts by it, a second one turns it around, and Shift adds", async (t) => {
    const app = await startService(t, POSTED);
    await trade(app, swapOf("AAA", { usd: "900" }), swapOf("BBB", { usd: "50" }), swapOf("BBB", { usd: "60" }));
    const { page } = await open(t, `${app.base}/`);
    await rowsAre(page, "AAA", "BBB");
    const trades = page.getByRole("columnheader", { name: "Trades in 1h" });
    await trades.getByRole("button").click();
    await rowsAre(page, "BBB", "AAA");
    assert.equal(await trades.getAttribute("aria-sort"), "descending");
    await trades.getByRole("button").click();
    await rowsAre(page, "AAA", "BBB");
    assert.equal(paramsOf(page).get("sort"), "trades:1h:asc");
    await page
      .getByRole("columnheader", { name: "Token" })
      .getByRole("button")
      .click({ modifiers: ["Shift"] });
    await page.waitForFunction(() => location.hash.includes("trades:1h:asc,symbol:desc"));
  });

  test("a filter is built in the bar, errors are told in words, and parts are removed by a press", async (t) => {
    const app = await startService(t, POSTED);
    await trade(app, swapOf("AAA", { usd: "20000" }), swapOf("BBB", { usd: "9999" }), swapOf("PEPE", { usd: "5" }));
    const { page } = await open(t, `${app.base}/`);
    await rowsAre(page, "AAA", "BBB", "PEPE");
    await page.getByRole("button", { name: "Filter", exact: true }).click();
    await page.getByRole("button", { name: "Comparison", exact: true }).click();
    await page.getByRole("textbox", { name: "Value" }).fill("ten");
    assert.equal(await page.locator(".wrong").textContent(), '"ten" is no number. Write one such as 10k.');
    await rowsAre(page, "AAA", "BBB", "PEPE");
    await page.getByRole("textbox", { name: "Value" }).fill("10k");
    await rowsAre(page, "AAA");
    assert.equal(await page.locator(".wrong").count(), 0);
    assert.equal(await page.locator(".chip-words").textContent(), "Volume 5m ≥ $10k");

    await page.getByRole("combobox", { name: "How the group matches" }).selectOption("any");
    await page.getByRole("button", { name: "Comparison", exact: true }).click();
    await page.getByRole("combobox", { name: "Figure" }).nth(1).selectOption("symbol");
    await page.getByRole("textbox", { name: "Value" }).nth(1).fill("pep");
    await rowsAre(page, "AAA", "PEPE");
    await page.reload();
    await rowsAre(page, "AAA", "PEPE");
    assert.equal(await page.locator(".chip-words").textContent(), "Volume 5m ≥ $10k or Symbol contains pep");
    await page.locator(".chip-remove").click();
    await rowsAre(page, "AAA", "BBB", "PEPE");
  });

  test("columns are chosen by figure and window, and stay in the address", async (t) => {
    const app = await startService(t, POSTED);
    await trade(app, swapOf("AAA"));
    const { page } = await open(t, `${app.base}/`);
    await rowsAre(page, "AAA");
    await page.locator(".columns summary").click();
    await page.getByRole("checkbox", { name: "Buyers in 6h" }).check();
    await page.getByRole("columnheader", { name: "Buyers in 6h" }).waitFor();
    await page.getByRole("checkbox", { name: "Price change in 5m" }).uncheck();
    await page.keyboard.press("Escape");
    assert.match(paramsOf(page).get("columns") ?? "", /^price_change_pct:1h\.24h,.*buyers:6h$/);
    await page.reload();
    await rowsAre(page, "AAA");
    assert.equal(await page.getByRole("columnheader", { name: "Buyers in 6h" }).count(), 1);
    assert.equal(await page.getByRole("columnheader", { name: "Price change in 5m" }).count(), 0);
  });

  test("a chain of the market shows its tokens alone, with any preset", async (t) => {
    const app = await startService(t, POSTED);
    await trade(app, swapOf("AAA", { usd: "300" }), swapOf("BBB", { chainId: 8453 }));
    const { page } = await open(t, `${app.base}/`);
    await rowsAre(page, "AAA", "BBB");
    await page.getByRole("button", { name: /Base/ }).click();
    await rowsAre(page, "BBB");
    assert.equal(paramsOf(page).get("chains"), "8453");
    await page.getByRole("button", { name: "Most trades" }).click();
    await rowsAre(page, "BBB");
    await page.getByRole("button", { name: /Base/ }).click();
    await rowsAre(page, "AAA", "BBB");
  });

  test("/ goes to the search, arrows choose, and Enter opens the token", async (t) => {
    const app = await startService(t, POSTED);
    await trade(app, swapOf("PEPE", { usd: "900" }), swapOf("PEPECOIN"), swapOf("AAA"));
    const { page } = await open(t, `${app.base}/`);
    await page.waitForSelector(".row");
    await page.keyboard.press("/");
    await page.keyboard.type("pep");
    await page.getByRole("option", { name: /PEPECOIN/ }).waitFor();
    assert.equal(await page.locator(".result").count(), 2);
    await page.keyboard.press("ArrowDown");
    assert.equal(await page.locator('.result[aria-selected="true"] strong').textContent(), "PEPECOIN");
    assert.equal(paramsOf(page).get("search"), "pep");
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/#/token/1:${addressOf("PEPECOIN")}`);
    await page.goBack();
    await page.getByRole("combobox", { name: /Search/ }).fill("zzz");
    await page.getByText("No token begins with or contains “zzz”.").waitFor();
    await page.keyboard.press("Escape");
    assert.equal(await page.locator(".results").count(), 0);
  });

  test("of many rows only those in sight are in the document, and keys reach all", async (t) => {
    const app = await startService(t, POSTED);
    const swaps = Array.from({ length: 400 }, (_, i) => swapOf(`T${i}`, { usd: String(10_000 - i) }));
    await trade(app, ...swaps);
    const { page } = await open(t, `${app.base}/#/screener?rows=500`);
    await page.waitForSelector(".row");
    const drawn = await page.locator(".row").count();
    assert.ok(drawn < 40, `${drawn} rows`);
    assert.equal(await page.getByRole("table", { name: "Tokens" }).getAttribute("aria-rowcount"), "402");
    await page.locator(".row .token-name a").first().focus();
    await page.keyboard.press("End");
    await page.waitForFunction(() => document.activeElement?.textContent === "T399");
    await page.keyboard.press("ArrowUp");
    await page.waitForFunction(() => document.activeElement?.textContent === "T398");
    assert.ok((await page.locator(".row").count()) < 40);
    await page.keyboard.press("Home");
    await page.waitForFunction(() => document.activeElement?.textContent === "T0");
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/#/token/1:${addressOf("T0")}`);
  });

  test("a row that begins to match enters, and one that ceases leaves, each marked for a moment", async (t) => {
    const app = await startService(t, POSTED);
    await trade(app, swapOf("AAA", { usd: "900" }), swapOf("BBB", { usd: "10" }));
    const filter = JSON.stringify({ field: "net_volume_usd", window: "1h", gt: "50" });
    const { page } = await open(t, `${app.base}/#/screener?filter=${encodeURIComponent(filter)}`);
    await rowsAre(page, "AAA");
    await page.evaluate(`
      window.phases = [];
      new MutationObserver((list) => {
        for (const { target, addedNodes } of list)
          for (const node of [target, ...addedNodes])
            if (node.classList?.contains("row")) phases.push(node.className + " " + node.dataset.id.slice(-6));
      }).observe(document.querySelector(".token-rows"), { subtree: true, childList: true, attributes: true });
    `);
    await trade(app, swapOf("BBB", { usd: "100" }));
    await rowsAre(page, "AAA", "BBB");
    await trade(app, swapOf("AAA", { usd: "900", side: "sell" }));
    await rowsAre(page, "BBB");
    await page.waitForFunction(() => document.querySelectorAll(".row").length === 1);
    const phases = await page.evaluate<string[]>("phases");
    assert.ok(phases.includes(`row entering ${addressOf("BBB").slice(-6)}`), phases.join());
    assert.ok(phases.includes(`row leaving ${addressOf("AAA").slice(-6)}`), phases.join());
  });

  test("rows keep their places while the pointer is among them", async (t) => {
    const app = await startService(t, POSTED);
    await trade(app, swapOf("AAA", { usd: "900" }), swapOf("BBB", { usd: "10" }));
    const { page } = await open(t, `${app.base}/`);
    await rowsAre(page, "AAA", "BBB");
    await page.locator(".row", { hasText: "BBB" }).hover();
    await page.getByText("Order held").waitFor();
    await trade(app, swapOf("BBB", { usd: "5000" }));
    await page.waitForFunction(() => document.querySelector(".token-rows")?.textContent?.includes("$5.01"));
    assert.deepEqual(await symbolsOf(page), ["AAA", "BBB"]);
    await page.mouse.move(5, 5);
    await rowsAre(page, "BBB", "AAA");
    await page.locator(".row", { hasText: "AAA" }).locator(".fig").nth(3).click();
    await page.waitForURL(`**/#/token/1:${addressOf("AAA")}`);
  });

  test("on a phone a row has two lines, with the figure of the order below the name", async (t) => {
    const app = await startService(t, POSTED);
    await trade(app, swapOf("AAA", { usd: "1500" }), swapOf("AAA", { usd: "1500" }));
    const { page, overhang } = await open(t, `${app.base}/#/screener?preset=trades`, { width: 390, height: 844 });
    await rowsAre(page, "AAA");
    assert.equal(await page.locator(".row .fact").textContent(), "2trades 1h");
    assert.equal(await page.locator(".row .fig.price").textContent(), "2.0000");
    assert.equal(await overhang(), 0);
  });
});
