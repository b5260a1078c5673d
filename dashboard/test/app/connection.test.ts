/** Lost connections, seen in a browser: the page says so, keeps what it knows, and goes on by itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { TestApps } from "../../../server/test/support/app-harness.ts";
import { requires } from "../../../server/test/support/requires.ts";
import { TcpProxy } from "../../../server/test/support/tcp-proxy.ts";
import { openerOf, reads } from "../support/browser.ts";
import { startService } from "../support/service.ts";

requires("the dashboard through lost connections", { chromium: true }, ({ chromium }) => {
  const open = openerOf(chromium);

  test("a connection that is cut is told, the figures stay, and it is live again by itself", async (t) => {
    const { base } = await startService(t);
    const proxy = await TcpProxy.start(Number(new URL(base).port));
    t.after(() => proxy.close());
    const { page, complaints } = await open(t, `http://127.0.0.1:${proxy.port}`);
    await page.locator(".connection.live").waitFor();
    await reads(page.locator(".market dd").first(), /^\$\d/);
    proxy.mode = "cut";
    await page.locator(".connection.stale, .connection.offline").waitFor();
    await page.locator(".market.is-stale").waitFor({ state: "attached" });
    assert.match(await page.locator(".market dd").first().innerText(), /^\$\d/);
    proxy.mode = "open";
    await page.locator(".connection.live").waitFor();
    await page.locator(".market:not(.is-stale)").waitFor({ state: "attached" });
    assert.deepEqual(complaints, []);
  });

  test("a service that is stopped and started is found again, with its own revisions", async (t) => {
    const apps = new TestApps(t);
    const settings = { "ingest.source": "generator", "ingest.generator.rate": "500" };
    const first = await apps.start(settings);
    const { page, complaints } = await open(t, first.base);
    await page.locator(".connection.live").waitFor();
    await first.app.stop();
    await page.locator(".connection.stale, .connection.offline").waitFor();
    await apps.start({ ...settings, "api.http.addr": new URL(first.base).host });
    await page.locator(".connection.live").waitFor({ timeout: 120_000 });
    assert.deepEqual(complaints, []);
  });
});
