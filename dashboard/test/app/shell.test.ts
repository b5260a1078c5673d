/** The frame of the page in a browser: navigation, addresses, theme, keyboard, and what a user should never meet. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { requires } from "../../../server/test/support/requires.ts";
import { openerOf, reads } from "../support/browser.ts";
import { sharedService } from "../support/service.ts";

/**
 * Scores of shifts that are tolerated; 0.1 in all counts as good (Web Vitals). A right-aligned text that gets longer begins further left, and the browser
 * counts this as a shift: 0.0002 for a digit, up to 0.013 when the dashes of the chart's legend become figures. A box that moves others scores more.
 */
const TEXT_SHIFT_MAX = 0.015;
/** A new swap moves the rows below it: that is what the list shows. Parts of the chart move within its box when the labels of its axis get longer. */
const isMeant = (source: string): boolean => /^(tr\.(buy|sell)|canvas\.)/.test(source);

requires("the frame of the dashboard", { chromium: true }, ({ chromium }) => {
  const open = openerOf(chromium);
  const service = sharedService();
  const current = 'nav[aria-label="Views"] [aria-current="page"]';

  test("links lead to each view, back and forward return, and the title names the place", async (t) => {
    const { base } = await service();
    const { page, complaints } = await open(t, base);
    await page.locator(".connection.live").waitFor();
    for (const name of ["Token", "Inspector", "Operations", "Screener"]) {
      await page.locator("nav a", { hasText: name }).click();
      await reads(page.locator(current), name);
      await page.waitForFunction(() => document.title.endsWith("· swapstats"));
    }
    await page.goBack();
    await reads(page.locator(current), "Operations");
    await page.goForward();
    await reads(page.locator(current), "Screener");
    assert.deepEqual(complaints, []);
  });

  test("an address opens its place, and an unknown one the screener", async (t) => {
    const { base } = await service();
    for (const [hash, name] of [
      ["#/token/WETH?window=1h", "Token"],
      ["#/operations", "Operations"],
      ["#/nothing", "Screener"],
      ["#/%E0%A4%A", "Screener"],
    ] as const) {
      const { page, complaints } = await open(t, `${base}/${hash}`);
      await reads(page.locator(current), name);
      assert.deepEqual(complaints, [], hash);
    }
  });

  test("the header shows the state of the connection, lag, revision and the market", async (t) => {
    const { base } = await service();
    const { page } = await open(t, base);
    await page.locator(".connection.live").waitFor();
    const revision = page.locator(".connection-figures span").nth(1);
    await reads(revision, /^r[\d,]+$/);
    const before = await revision.innerText();
    await page.waitForFunction(
      (text) => document.querySelector(".connection-figures span:nth-child(2)")?.textContent !== text,
      before,
    );
    const volume = page.locator(".market dd").first();
    await reads(volume, /^\$[\d.]+/);
    assert.match((await volume.locator(".figure").first().getAttribute("title")) ?? "", /^\$[\d,]+(\.\d+)?$/);
    await page.locator(".connection").click();
    for (const word of ["Lag", "As of", "Watermark", "Revision", "Epoch"])
      await reads(page.locator(".bar-end .facts"), word);
    await page.keyboard.press("Escape");
    await page.locator(".bar-end .facts").waitFor({ state: "hidden" });
  });

  test("the theme follows the system until one is chosen, and the choice is kept", async (t) => {
    const { base } = await service();
    const { page } = await open(t, base, { colorScheme: "dark" });
    const theme = () => page.evaluate("document.documentElement.dataset.theme");
    await page.locator(".connection.live").waitFor();
    assert.equal(await theme(), "dark");
    await page.emulateMedia({ colorScheme: "light" });
    await page.locator(':root[data-theme="light"]').waitFor();
    await page.getByLabel("Menu").click();
    await page.getByRole("radio", { name: "Dark" }).check();
    await page.locator(':root[data-theme="dark"]').waitFor();
    await page.reload();
    await page.locator(".connection").waitFor();
    assert.equal(await theme(), "dark");
    await page.getByLabel("Menu").click();
    await page.getByRole("radio", { name: "System" }).check();
    await page.locator(':root[data-theme="light"]').waitFor();
  });

  test("the menu leads to the documents of the service", async (t) => {
    const { base } = await service();
    const { page } = await open(t, base);
    await page.getByLabel("Menu").click();
    const links = await page.locator(".menu a").evaluateAll((all) => all.map((one) => (one as HTMLAnchorElement).href));
    assert.ok(links.length >= 6);
    for (const link of links) assert.equal((await fetch(link)).status, 200, link);
  });

  test("a keyboard reaches every part in the order of reading, and sees where it is", async (t) => {
    const { base } = await service();
    const { page } = await open(t, `${base}/#/token/WETH`);
    await page.locator(".connection.live").waitFor();
    const names: string[] = [];
    for (let i = 0; i < 9; i += 1) {
      await page.keyboard.press("Tab");
      names.push(
        await page.evaluate<string>(
          "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent.trim()",
        ),
      );
      const ring = await page.evaluate<string>("getComputedStyle(document.activeElement).outlineStyle");
      assert.equal(ring, "solid", names.at(-1));
    }
    const frame = [
      "Skip to the content",
      "swapstats",
      "Screener",
      "Token",
      "Inspector",
      "Operations",
      "Connection: Live",
      "Menu",
    ];
    names[6] = (names[6] as string).slice(0, frame[6]?.length);
    assert.deepEqual(names.slice(0, frame.length), frame);
    assert.ok(await page.evaluate("document.querySelector('main').contains(document.activeElement)"), names.at(-1));
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Enter");
    await page.locator(".menu").waitFor();
    await page.keyboard.press("Escape");
    await page.locator(".menu").waitFor({ state: "hidden" });
    assert.equal(await page.evaluate("document.activeElement.getAttribute('aria-label')"), "Menu");
  });

  test("no view refuses by its policy, asks another host, shifts, or is wider than the window", async (t) => {
    const { base } = await service();
    const found: unknown[] = [];
    for (const width of [390, 768, 1280]) {
      for (const hash of ["#/screener", "#/token/WETH", "#/inspector", "#/operations"]) {
        const opened = await open(t, `${base}/${hash}`, { width });
        await opened.page.locator(".connection.live").waitFor();
        // Shifts would come with the first data and with a few updates.
        await opened.page.waitForTimeout(1_500);
        const shifts = (await opened.layoutShifts()).filter(
          ({ value, sources }) => value > TEXT_SHIFT_MAX && !sources.every(isMeant),
        );
        const [overhang, { complaints }] = [await opened.overhang(), opened];
        if (shifts.length + overhang + complaints.length > 0) found.push({ hash, width, shifts, overhang, complaints });
        await opened.page.close();
      }
    }
    assert.deepEqual(found, []);
  });
});
