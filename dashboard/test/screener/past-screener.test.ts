/** The screener as of a past instant. The history is a stand-in where a real one cannot be brought into the state. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { requires } from "../../../server/test/support/requires.ts";
import { openerOf } from "../support/browser.ts";
import { answerCalls, problemOf } from "../support/history-stub.ts";
import { startService } from "../support/service.ts";
import { swapOf, trade } from "./market-of-tokens.ts";

const POSTED = { "ingest.source": "embedded" };
const AT = "2026-01-02T03:04:05Z";
const AT_MS = Date.parse(AT);

const row = (symbol: string, usd: string) => {
  const figures = { open_time: 0, close_time: AT_MS, complete: true, trades: 4, volume_usd: usd, close: "1.5" };
  return { id: `1:0x${symbol}`, symbol, windows: { "5m": figures, "1h": figures, "24h": figures } };
};
const answerOf = (items: readonly object[], isComplete = true) => ({
  as_of: AT_MS,
  history_complete: isComplete,
  items,
});

requires("the screener of the past in a browser", { chromium: true }, ({ chromium }) => {
  const openPage = openerOf(chromium);

  async function open(
    t: Parameters<typeof openPage>[0],
    answer: (body: { at?: string }) => unknown,
    place = `at=${AT}`,
  ) {
    const app = await startService(t as never, POSTED);
    await trade(app, swapOf("NOW"));
    const opened = await openPage(t, `${app.base}/`);
    await opened.page.locator(".row", { hasText: "NOW" }).waitFor();
    const bodies: { at?: string }[] = [];
    await answerCalls(opened.page, /\/api\/screener$/, (_, route) => {
      const body = route.request().postDataJSON() as { at?: string };
      bodies.push(body);
      return answer(body);
    });
    await opened.page.goto(`${app.base}/#/screener?${place}`);
    return { ...opened, bodies };
  }

  test("ranks the tokens of the instant in the address, says so, and leads to the token of then and back to live", async (t) => {
    const { page, bodies, complaints, overhang } = await open(t, () =>
      answerOf([row("OLD", "5000"), row("ELD", "300")]),
    );
    await page.locator(".row", { hasText: "OLD" }).waitFor();
    assert.equal(await page.locator(".row", { hasText: "NOW" }).count(), 0);
    assert.equal(bodies[0]?.at, AT);
    assert.match((await page.locator(".past-banner").textContent()) ?? "", /The past.*2 Jan 2026/);
    assert.match((await page.locator(".standing").textContent()) ?? "", /2 tokens matched.*as of 2 Jan 2026/);
    assert.equal(await page.locator(".strip").count(), 0);
    const link = page.getByRole("link", { name: "OLD" });
    assert.equal(await link.getAttribute("href"), `#/token/1:0xOLD?at=${AT.replaceAll(":", ":")}`);
    await page.getByRole("button", { name: "1 h earlier" }).click();
    await page.waitForURL(/at=2026-01-02T02:04:05Z/);
    await page.getByRole("button", { name: "Back to live" }).click();
    await page.locator(".row", { hasText: "NOW" }).waitFor();
    assert.equal(await page.locator(".past-banner").count(), 0);
    assert.deepEqual(complaints, []);
    assert.equal(await overhang(), 0);
  });

  test("another order or preset asks for the same instant, and the former rows stay meanwhile", async (t) => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let calls = 0;
    const { page, bodies } = await open(t, async () => {
      if (calls++ > 0) await held;
      return answerOf([row("OLD", "5000")]);
    });
    await page.locator(".row", { hasText: "OLD" }).waitFor();
    await page.getByRole("button", { name: "Gainers" }).click();
    await page.locator(".answer.is-former .row", { hasText: "OLD" }).waitFor();
    release();
    await page.locator(".answer:not(.is-former) .row", { hasText: "OLD" }).waitFor();
    assert.ok(bodies.length > 1 && bodies.every(({ at }) => at === AT));
  });

  test("bars stand in the places of rows before the first answer", async (t) => {
    const { page } = await open(t, () => new Promise(() => undefined));
    await page.getByRole("status", { name: "Tokens are on their way" }).waitFor();
    assert.match((await page.locator(".past-banner").textContent()) ?? "", /The past/);
  });

  test("an incomplete history is marked, and a time without tokens says so", async (t) => {
    const { page } = await open(t, () => answerOf([], false));
    await page.getByRole("heading", { name: "No token matches at that time" }).waitFor();
    assert.equal(await page.locator(".past-banner .badge").textContent(), "Incomplete");
    await page.locator(".empty").getByRole("button", { name: "Back to live" }).click();
    await page.locator(".row", { hasText: "NOW" }).waitFor();
  });

  test("without a history the page names the missing key, and it asks again while the store does not answer", async (t) => {
    // The service of this test has none.
    const { page } = await open(t, () => undefined);
    assert.match((await page.locator('.problem[data-code="history_off"]').textContent()) ?? "", /stores\.history/);
    // The client itself asks three times.
    let failures = 3;
    const away = await open(t, () =>
      failures-- > 0 ? problemOf(503, "unavailable", "Away.") : answerOf([row("OLD", "5")]),
    );
    await away.page.locator('.problem[data-code="unavailable"]').waitFor();
    await away.page.locator(".row", { hasText: "OLD" }).waitFor();
  });

  test("an instant that cannot be read is named above the live rows", async (t) => {
    const { page } = await open(t, () => undefined, "at=soon");
    assert.match((await page.getByRole("alert").textContent()) ?? "", /"soon" is no date and time/);
    await page.locator(".row", { hasText: "NOW" }).waitFor();
  });
});
