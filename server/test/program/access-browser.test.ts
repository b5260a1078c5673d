/** A page in a real browser: a token as sub-protocol, tickets for a WebSocket and an EventSource, and a page of another origin. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, type TestContext, test } from "node:test";
import { type Browser, type Page, chromium as playwright } from "playwright-core";
import { TestApps } from "../support/app-harness.ts";
import { requires } from "../support/requires.ts";
import { claimsAt, SECRET, signingKey, tokenOf } from "../support/tokens.ts";

const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
  ...["--disable-component-update", "--disable-sync"],
];
const REQUIRED = {
  ...{ "security.mode": "required", "security.jwt.enabled": "on", "security.jwt.alg": "HS256" },
  "security.jwt.secret": SECRET,
};
const token = (): string => tokenOf(signingKey("HS256"), claimsAt(Date.now()));

/** Runs in the page. Resolves to what became of the connection. */
const SOCKET = `(url, protocols) => new Promise((resolve) => {
  const socket = new WebSocket(url, protocols);
  socket.onopen = () => { resolve("open as " + socket.protocol); socket.close(); };
  socket.onerror = () => resolve("refused");
})`;
const TICKET = `(base, token) => fetch(base + "/api/auth/ticket", { method: "POST", headers: { authorization: "Bearer " + token } })
  .then((response) => response.json()).then(({ ticket }) => encodeURIComponent(ticket))`;
const EVENTS = `(url) => new Promise((resolve) => {
  const source = new EventSource(url);
  source.onopen = () => { resolve("open"); source.close(); };
  source.onerror = () => { resolve("refused"); source.close(); };
})`;

const run = (page: Page, code: string, ...args: unknown[]): Promise<unknown> =>
  page.evaluate(`(${code})(${args.map((arg) => JSON.stringify(arg)).join(",")})`);

requires("credentials of a page in a browser", { chromium: true }, ({ chromium }) => {
  let browser: Browser | undefined;
  after(() => browser?.close());
  const openPage = async (t: TestContext, address: string): Promise<Page> => {
    browser ??= await playwright.launch({ executablePath: chromium, args: FLAGS });
    const context = await browser.newContext();
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(address);
    return page;
  };

  test("a page of the service connects by sub-protocol and by ticket, and not without", async (t) => {
    const { base } = await new TestApps(t).start(REQUIRED);
    const socketUrl = `${base.replace("http", "ws")}/ws`;
    const page = await openPage(t, `${base}/docs`);
    const protocols = ["swapstats.v1.json", `bearer.${token()}`];
    assert.equal(await run(page, SOCKET, socketUrl, protocols), "open as swapstats.v1.json");
    assert.equal(await run(page, SOCKET, socketUrl, ["swapstats.v1.json"]), "refused");
    const ticket = await run(page, TICKET, base, token());
    assert.equal(await run(page, SOCKET, `${socketUrl}?ticket=${ticket}`, []), "open as ");
    assert.equal(await run(page, SOCKET, `${socketUrl}?ticket=${ticket}`, []), "refused");
    const stream = `${base}/api/stream?channels=market`;
    const another = await run(page, TICKET, base, token());
    assert.equal(await run(page, EVENTS, `${stream}&ticket=${another}`), "open");
    assert.equal(await run(page, EVENTS, stream), "refused");
  });

  test("a page of a listed origin gets a ticket by a preflight without credentials, and another page gets none", async (t) => {
    const site = createServer((_, response) => response.setHeader("content-type", "text/html").end("<p>page"));
    site.listen(0, "127.0.0.1");
    await once(site, "listening");
    t.after(() => site.close());
    const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
    const { base } = await new TestApps(t).start({ ...REQUIRED, "api.cors": origin });
    const page = await openPage(t, origin);
    const ticket = await run(page, TICKET, base, token());
    assert.equal(await run(page, SOCKET, `${base.replace("http", "ws")}/ws?ticket=${ticket}`, []), "open as ");
    const other = await openPage(t, origin.replace("127.0.0.1", "localhost"));
    await assert.rejects(run(other, TICKET, base, token()), /Failed to fetch/);
  });
});
