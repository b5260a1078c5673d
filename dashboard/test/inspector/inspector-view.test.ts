/** The stream inspector in a browser, in each of its states, over a real service. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { waitFor } from "../../../scripts/servers/process.ts";
import { requires } from "../../../server/test/support/requires.ts";
import { TcpProxy } from "../../../server/test/support/tcp-proxy.ts";
import { claimsAt, SECRET, signingKey, tokenOf } from "../../../server/test/support/tokens.ts";
import { openerOf } from "../support/browser.ts";
import { sharedService, startService } from "../support/service.ts";

const CHANNELS = encodeURIComponent("overview:5m:volume_usd?limit=5;token:WETH?windows=5m;swaps:WETH");
const PENDING = "1:0x00000000000000000000000000000000000000ff";

const messages = (page: Page, of: string) => page.locator(`.virtual-rows .message${of}`);
const channel = (page: Page, name: string) => page.locator(".channel").filter({ hasText: name });
const hashOf = (page: Page): string => decodeURIComponent(new URL(page.url()).hash);

requires("the stream inspector in a browser", { chromium: true }, ({ chromium }) => {
  const open = openerOf(chromium);
  const service = sharedService();

  test("live: messages of the opened channels come, with their sums", async (t) => {
    const { base } = await service();
    const { page, complaints, overhang } = await open(t, `${base}/#/inspector?channels=${CHANNELS}`);
    await messages(page, ".kind-patch").filter({ hasText: "overview:5m" }).first().waitFor();
    await messages(page, ".kind-patch").filter({ hasText: "token:1:" }).first().waitFor();
    assert.ok(await messages(page, ".out.kind-subscribe").count());
    // Styles of other views reach none of the kinds.
    const heightOf = async (kind: string) => (await messages(page, kind).first().boundingBox())?.height;
    // A message may leave the list at this moment.
    await waitFor("both kinds of messages, equally high", async () => {
      const height = await heightOf(".kind-swaps");
      return height !== undefined && height === (await heightOf(".kind-patch"));
    });
    await messages(page, ".kind-swaps").getByText("swaps", { exact: true }).first().waitFor();
    const sums = channel(page, "token:WETH").locator(".channel-sums");
    // The token may have had no swap for a while.
    await waitFor("the sums of a channel", async () =>
      /^msg\/s [\d.]+ bytes\/s .* total .* rev [\d,]+ lag \d+.ms every /.test(
        (await sums.innerText()).replaceAll(/\s+/g, " "),
      ),
    );
    // The page's own channel is there too, and cannot be closed here.
    await channel(page, "market").getByText("page").waitFor();
    assert.equal(await channel(page, "market").getByRole("button", { name: "Close channel" }).count(), 0);
    assert.equal(await overhang(), 0);
    assert.deepEqual(complaints, []);
  });

  test("checksums of the service are verified against the data that was put together here", async (t) => {
    const { base } = await service();
    const { page } = await open(t, `${base}/#/inspector?channels=${CHANNELS}`);
    await messages(page, ".kind-checksum").first().waitFor({ timeout: 120_000 });
    await messages(page, ".kind-checksum").getByText("equal").first().waitFor();
    await channel(page, "token:WETH")
      .getByText(/checksums? verified/)
      .waitFor({ timeout: 120_000 });
    assert.equal(await page.getByText("different").count(), 0);
  });

  test("the form tells mistakes, opens a channel, keeps it in the address, and closes it", async (t) => {
    const { base } = await service();
    const { page, complaints } = await open(t, `${base}/#/inspector`);
    const form = page.getByRole("form", { name: "Open a channel" });
    await form.getByRole("button", { name: "Open channel" }).click();
    await form.getByText("Give a symbol, an address").waitFor();
    await form.getByLabel("Token").fill("WETH");
    await form.getByRole("button", { name: "1h" }).click();
    await form.getByLabel("Conflate, ms").fill("70000");
    await form.getByText("Give a whole number from 0 to 60000").waitFor();
    await form.getByLabel("Conflate, ms").fill("250");
    await form.getByLabel("Conflate, ms").press("Enter");
    await channel(page, "token:WETH").getByText("1h · conflated to one in 250").waitFor();
    assert.match(hashOf(page), /#\/inspector\?channels=token:WETH\?windows=1h&conflate_ms=250$/);
    await messages(page, ".kind-snapshot").filter({ hasText: "token:1:" }).first().waitFor();

    await form.getByLabel("Channel").selectOption("screener");
    await form.getByLabel("Query").fill("{");
    await form.getByRole("button", { name: "Open channel" }).click();
    await form.getByText("The query is not JSON").waitFor();

    await channel(page, "token:WETH").getByRole("button", { name: "Close channel" }).click();
    await messages(page, ".kind-unsubscribe").first().waitFor();
    assert.equal(hashOf(page), "#/inspector");
    assert.deepEqual(complaints, []);
  });

  test("error and pending: a channel says what is wrong, or what it waits for", async (t) => {
    const { base } = await service();
    const channels = encodeURIComponent(`token:NOPE;token:${PENDING};overview:7m:trades`);
    const { page, complaints } = await open(t, `${base}/#/inspector?channels=${channels}`);
    await channel(page, "token:NOPE").getByText("unknown_token").waitFor();
    assert.match(
      await channel(page, "token:NOPE").getByRole("alert").innerText(),
      /No swap of the token "NOPE" has been seen/,
    );
    await channel(page, PENDING).getByText("Its snapshot comes with the first one.").waitFor();
    await channel(page, "overview:7m")
      .getByText(/names no window of this service/)
      .waitFor();
    await messages(page, ".kind-error").first().waitFor();
    assert.deepEqual(complaints, []);
  });

  test("pause holds the list, clear empties it, and filters leave what they name", async (t) => {
    const { base } = await service();
    const { page, complaints } = await open(t, `${base}/#/inspector?channels=${CHANNELS}`);
    await messages(page, ".kind-patch").nth(3).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    const count = await page.locator(".stream-count").innerText();
    await page.getByRole("button", { name: /Go on, \d+ new/ }).waitFor();
    assert.equal(await page.locator(".stream-count").innerText(), count);
    await page.getByRole("button", { name: /Go on/ }).click();
    await page.getByLabel("Kind").selectOption("snapshot");
    await page.locator(".stream-count").filter({ hasText: " of " }).waitFor();
    assert.equal(await messages(page, ".kind-patch").count(), 0);
    await page.getByLabel("Text in messages").fill("no message has this text");
    await page.getByText("No message passes the filter").waitFor();
    await page.getByRole("button", { name: "Clear filters" }).click();
    await channel(page, "token:WETH").getByRole("button", { pressed: false }).first().click();
    await messages(page, "").filter({ hasText: "token:1:" }).first().waitFor();
    assert.equal(await messages(page, "").filter({ hasText: "overview" }).count(), 0);
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Clear", exact: true }).click();
    await page.getByText("Messages that come now are counted").waitFor();
    assert.deepEqual(complaints, []);
  });

  test("a message is chosen by keyboard, shows what it changed, and is closed by Escape", async (t) => {
    const { base } = await service();
    const { page, complaints } = await open(t, `${base}/#/inspector?channels=${CHANNELS}`);
    await messages(page, ".kind-patch").filter({ hasText: "token:1:" }).nth(1).waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByLabel("Kind").selectOption("patch");
    const list = page.getByRole("listbox", { name: "Messages" });
    await list.focus();
    await page.keyboard.press("End");
    const pane = page.getByRole("region", { name: "Message", exact: true });
    await pane.locator(".json-line.changed").first().waitFor();
    assert.match(await pane.locator(".json-line.changed").first().innerText(), /^~\s*"\w+": .* was /);
    assert.match(await pane.locator(".pane-count").innerText(), /^\d+ places? changed$/);
    const first = await list.getAttribute("aria-activedescendant");
    await page.keyboard.press("ArrowUp");
    assert.notEqual(await list.getAttribute("aria-activedescendant"), first);
    await pane.getByRole("radio", { name: "Data" }).click();
    await pane.locator(".json-line").first().waitFor();
    await list.focus();
    await page.keyboard.press("Escape");
    assert.equal(await pane.count(), 0);
    assert.deepEqual(complaints, []);
  });

  test("a channel is copied as code", async (t) => {
    const { base } = await service();
    const { page, complaints } = await open(t, `${base}/#/inspector?channels=${CHANNELS}`);
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await channel(page, "token:WETH").getByRole("button", { name: "Copy as code" }).click();
    const pane = page.getByRole("region", { name: "Channel as code" });
    await pane.getByRole("radio", { name: "curl", exact: true }).click();
    await pane.getByRole("button", { name: "Copy", exact: true }).click();
    await pane.getByRole("button", { name: "Copied" }).waitFor();
    const line = `curl -sS '${base}/api/tokens/WETH/stats?windows=5m'`;
    assert.equal(await page.evaluate("navigator.clipboard.readText()"), line);
    await pane.getByLabel("With a token").check();
    assert.match(await pane.locator("pre").innerText(), /-H "Authorization: Bearer \$SWAPSTATS_TOKEN"/);
    assert.deepEqual(complaints, []);
  });

  test("stale and reconnect: a cut is told at the channel, which resumes", async (t) => {
    const { base } = await service();
    const proxy = await TcpProxy.start(Number(new URL(base).port));
    t.after(() => proxy.close());
    const { page, complaints } = await open(t, `http://127.0.0.1:${proxy.port}/#/inspector?channels=${CHANNELS}`);
    await messages(page, ".kind-patch").filter({ hasText: "token:1:" }).first().waitFor();
    proxy.mode = "cut";
    await channel(page, "token:WETH").getByText("Stale").waitFor();
    proxy.mode = "open";
    await messages(page, ".kind-resume").first().waitFor({ timeout: 120_000 });
    await channel(page, "token:WETH").getByText("Stale").waitFor({ state: "detached" });
    assert.deepEqual(complaints, []);
  });

  test("loading and empty: without a connection there is no message, and examples to open", async (t) => {
    const { base } = await service();
    const { page, complaints } = await open(t, `${base}/#/screener`);
    // Neither way to live data works.
    await page.addInitScript("WebSocket = class { constructor() { throw new Error('off'); } }");
    await page.route("**/api/stream*", (route) => route.abort());
    await page.goto(`${base}/#/inspector`);
    await page.reload();
    await page.getByText("No message yet").waitFor();
    await page.getByRole("button", { name: "swaps:WETH" }).click();
    assert.equal(hashOf(page), "#/inspector?channels=swaps:WETH");
    await channel(page, "swaps:WETH").getByText("Opening").waitFor();
    assert.deepEqual(complaints, []);
  });

  test("forbidden: a token without the scope read is told at the channel", async (t) => {
    const security = { "security.mode": "required", "security.jwt.enabled": "on", "security.jwt.alg": "HS256" };
    const { base } = await startService(t, { ...security, "security.jwt.secret": SECRET });
    const { page } = await open(t, `${base}/#/inspector?channels=token:WETH`);
    await page
      .getByLabel("Token or API key")
      .fill(tokenOf(signingKey("HS256"), { ...claimsAt(Date.now()), scope: "ingest" }));
    await page.getByRole("button", { name: "Open", exact: true }).click();
    await channel(page, "token:WETH").getByText("forbidden").waitFor();
    assert.match(await channel(page, "token:WETH").getByRole("alert").innerText(), /read/);
  });

  test("phone, in both themes: nothing is wider than the window, and a message covers the view", async (t) => {
    const { base } = await service();
    for (const colorScheme of ["light", "dark"] as const) {
      const look = { width: 390, height: 844, colorScheme };
      const { page, complaints, overhang } = await open(t, `${base}/#/inspector?channels=${CHANNELS}`, look);
      await messages(page, ".kind-patch").first().waitFor();
      await page.getByRole("button", { name: "Pause" }).click();
      await messages(page, ".kind-patch").first().click();
      const pane = page.getByRole("region", { name: "Message", exact: true });
      await pane.waitFor();
      assert.equal((await pane.boundingBox())?.width, 390);
      assert.equal(await overhang(), 0);
      await pane.getByRole("button", { name: "Close" }).click();
      assert.equal(await pane.count(), 0);
      assert.deepEqual(complaints, []);
    }
  });
});
