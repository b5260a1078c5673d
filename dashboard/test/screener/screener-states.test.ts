/** States of the screener that are not the ordinary one: loading, empty, stale, refused, and addresses that cannot be read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { requires } from "../../../server/test/support/requires.ts";
import { claimsAt, SECRET, signingKey, tokenOf } from "../../../server/test/support/tokens.ts";
import { openerOf } from "../support/browser.ts";
import { startService } from "../support/service.ts";
import { swapOf, trade } from "./market-of-tokens.ts";

const POSTED = { "ingest.source": "embedded" };

requires("states of the screener in a browser", { chromium: true }, ({ chromium }) => {
  const open = openerOf(chromium);

  test("while the first answer is on its way the frame is there with bars in place of rows", async (t) => {
    const { base } = await startService(t, POSTED);
    const { page } = await open(t, `${base}/docs`);
    // The connection opens, and nothing comes.
    await page.routeWebSocket(/\/ws/, () => undefined);
    await page.goto(`${base}/`);
    await page.getByRole("status", { name: "Tokens are on their way" }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Gainers" }).count(), 1);
  });

  test("a service without tokens says so, and the first swap appears without reloading", async (t) => {
    const app = await startService(t, POSTED);
    const { page, complaints } = await open(t, `${app.base}/`);
    await page.getByRole("heading", { name: "No tokens yet" }).waitFor();
    await trade(app, swapOf("AAA"));
    await page.locator(".row", { hasText: "AAA" }).waitFor();
    assert.deepEqual(complaints, []);
  });

  test("a query that nothing matches says so, and its button leads to rows", async (t) => {
    const app = await startService(t, POSTED);
    await trade(app, swapOf("AAA"));
    const filter = encodeURIComponent(JSON.stringify({ field: "volume_usd", window: "1h", gt: "5000" }));
    const { page } = await open(t, `${app.base}/#/screener?filter=${filter}`);
    await page.getByRole("heading", { name: "No token matches the filter now" }).waitFor();
    assert.match((await page.locator(".standing").textContent()) ?? "", /^0 tokens match/);
    await page.getByRole("button", { name: "Clear the filter" }).click();
    await page.locator(".row", { hasText: "AAA" }).waitFor();
    await page.getByRole("button", { name: "Losers" }).click();
    await page.getByRole("heading", { name: "No token fits “Losers” now" }).waitFor();
    await page.getByRole("button", { name: "Show most volume" }).click();
    await page.locator(".row", { hasText: "AAA" }).waitFor();
  });

  test("parts of an address that cannot be read are named, and the rest is shown", async (t) => {
    const app = await startService(t, POSTED);
    await trade(app, swapOf("AAA"));
    const { page } = await open(t, `${app.base}/#/screener?columns=volume_usd:2h,trades:1h&rows=many&filter=oops`);
    await page.locator(".row", { hasText: "AAA" }).waitFor();
    const text = await page.locator(".address-problems").textContent();
    assert.match(text ?? "", /filter of the address is left out/);
    assert.match(text ?? "", /column "volume_usd:2h" is left out/);
    assert.match(text ?? "", /"many" is no number of rows/);
    assert.equal(await page.getByRole("columnheader", { name: "Trades in 1h" }).count(), 1);
  });

  test("without the service the last rows stay and are marked, and it goes on by itself", async (t) => {
    const app = await startService(t, POSTED);
    await trade(app, swapOf("AAA", { usd: "700" }));
    const { page } = await open(t, `${app.base}/`);
    await page.locator(".row", { hasText: "AAA" }).waitFor();
    const { port } = new URL(app.base);
    await app.app.stop();
    await page.locator(".standing .badge", { hasText: "Stale" }).waitFor();
    assert.equal(await page.locator(".row", { hasText: "AAA" }).count(), 1);
    const again = await startService(t, { ...POSTED, "api.http.addr": `127.0.0.1:${port}` });
    await trade(again, swapOf("BBB"));
    await page.locator(".row", { hasText: "BBB" }).waitFor({ timeout: 120_000 });
    await page.locator(".standing .badge", { hasText: "Stale" }).waitFor({ state: "detached" });
  });

  test("a token without the scope to read is told so in the place of the table", async (t) => {
    const app = await startService(t, {
      ...{ "security.mode": "required", "security.jwt.enabled": "on", "security.jwt.alg": "HS256" },
      "security.jwt.secret": SECRET,
    });
    const token = tokenOf(signingKey("HS256"), { ...claimsAt(Date.now()), scope: "ingest" });
    const { page } = await open(t, `${app.base}/docs`);
    await page.evaluate((text) => sessionStorage.setItem("swapstats.token", text), token);
    await page.goto(`${app.base}/`);
    await page.locator('.problem[data-code="forbidden"]').waitFor();
    assert.match((await page.locator(".problem").textContent()) ?? "", /read/);
  });
});
