import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { type Browser, chromium as playwright } from "playwright-core";
import { operationsOf } from "../../../src/serving/http/operations.ts";
import { requires } from "../../support/requires.ts";
import { startHarness, WINDOWS } from "./http-harness.ts";

const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync"],
];

requires("pages in a browser", { chromium: true }, ({ chromium }) => {
  let browser: Browser | undefined;
  after(() => browser?.close());

  type Look = { width: number; colorScheme: "light" | "dark" };

  /** A page with its complaints: refusals by its policy, errors, requests to other sites. */
  async function open(address: string, { width, colorScheme }: Look) {
    browser ??= await playwright.launch({ executablePath: chromium, args: FLAGS });
    const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() !== "log") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => {
      const { host, protocol } = new URL(request.url());
      if (protocol !== "data:" && host !== new URL(address).host) complaints.push(`asked ${request.url()}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
    });
    await page.addInitScript({
      content:
        "addEventListener('securitypolicyviolation', (event) => console.error('refused', event.violatedDirective));",
    });
    await page.goto(address);
    const overhang = () => page.evaluate("document.documentElement.scrollWidth - innerWidth");
    return { page, complaints, overhang, close: () => context.close() };
  }

  describe("pages in a browser", () => {
    for (const look of [
      { width: 360, colorScheme: "light" },
      { width: 360, colorScheme: "dark" },
      { width: 800, colorScheme: "light" },
      { width: 1280, colorScheme: "dark" },
    ] as const) {
      test(`/docs at ${look.width} px, ${look.colorScheme}: all operations, no refusal, no request to other sites, no overflow`, async (t) => {
        const { port } = await startHarness(t);
        const { page, complaints, overhang, close } = await open(`http://127.0.0.1:${port}/docs`, look);
        await page.waitForSelector(".opblock");
        assert.equal(await page.locator(".opblock").count(), operationsOf(WINDOWS).length);
        for (const id of ["tokenStats", "overview", "ingest", "status"]) {
          await page.locator(`.opblock[id$="-${id}"] .opblock-summary-control`).click();
          await page.waitForSelector(`.opblock[id$="-${id}"] .responses-table`);
        }
        assert.equal(await overhang(), 0);
        const isDark = await page.evaluate("document.documentElement.classList.contains('dark-mode')");
        assert.equal(isDark, look.colorScheme === "dark");
        assert.deepEqual(complaints, []);
        await close();
      });
    }

    test("an operation can be tried, and its response is shown", async (t) => {
      const { port } = await startHarness(t);
      const { page, complaints, close } = await open(`http://127.0.0.1:${port}/docs`, {
        width: 1280,
        colorScheme: "light",
      });
      const block = page.locator('.opblock[id$="-tokenStats"]');
      await block.locator(".opblock-summary-control").click();
      await block.locator(".try-out__btn").click();
      await block.locator(".execute").click();
      await block.locator(".live-responses-table .microlight, .live-responses-table pre").first().waitFor();
      assert.match(await block.locator(".live-responses-table").innerText(), /volume_usd/);
      assert.deepEqual(complaints, []);
      await close();
    });

    test("the type of a problem leads to its row", async (t) => {
      const { port } = await startHarness(t);
      const address = `http://127.0.0.1:${port}/docs#problem-unknown_token`;
      const { page, complaints, close } = await open(address, { width: 800, colorScheme: "light" });
      await page.waitForSelector(".opblock");
      // The policy forbids a wait condition given as text.
      const top = () =>
        page.evaluate<number>("document.getElementById('problem-unknown_token').getBoundingClientRect().top");
      let at = await top();
      for (let looks = 0; (at < 0 || at > 900) && looks < 200; looks += 1, at = await top())
        await page.waitForTimeout(20);
      assert.ok(at >= 0 && at <= 900, `the row is at ${at}`);
      assert.deepEqual(complaints, []);
      await close();
    });

    test("the index", async (t) => {
      const { port } = await startHarness(t);
      for (const width of [360, 1280]) {
        const { complaints, overhang, close } = await open(`http://127.0.0.1:${port}/`, { width, colorScheme: "dark" });
        assert.equal(await overhang(), 0);
        assert.deepEqual(complaints, []);
        await close();
      }
    });
  });
});
