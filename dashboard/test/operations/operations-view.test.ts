/** The operations view in a browser, in each of its states, over a real service. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { requires } from "../../../server/test/support/requires.ts";
import { TcpProxy } from "../../../server/test/support/tcp-proxy.ts";
import { claimsAt, SECRET, signingKey, tokenOf } from "../../../server/test/support/tokens.ts";
import { openerOf } from "../support/browser.ts";
import { sharedService, startService } from "../support/service.ts";

const LIVE = '.operations[data-state="live"]';
const WITH_SECURITY = {
  ...{ "security.mode": "required", "security.jwt.enabled": "on", "security.jwt.alg": "HS256" },
  "security.jwt.secret": SECRET,
};

const go = (page: Page, hash: string): Promise<unknown> => page.evaluate(`location.hash = ${JSON.stringify(hash)}`);
const textOf = async (page: Page, selector: string): Promise<string> =>
  (await page.locator(selector).first().innerText()).replaceAll(/\s+/g, " ");

requires("the operations view in a browser", { chromium: true }, ({ chromium }) => {
  const open = openerOf(chromium);
  const service = sharedService();

  test("loading: the frame stands before the first answer, and does not move when that comes", async (t) => {
    const { base } = await service();
    const { page, complaints, layoutShifts } = await open(t, `${base}/#/screener`);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    await page.route("**/api/status", async (route) => {
      await held;
      await route.continue();
    });
    await page.locator(".connection.live").waitFor();
    await go(page, "#/operations");
    await page.getByRole("status", { name: "Loading partitions" }).waitFor();
    assert.match(await textOf(page, ".ops-summary"), /Instance – /);
    const before = (await layoutShifts()).length;
    release();
    await page.locator(LIVE).waitFor();
    const shifts = (await layoutShifts()).slice(before);
    assert.ok(shifts.reduce((sum, { value }) => sum + value, 0) < 0.05, JSON.stringify(shifts));
    assert.deepEqual(complaints, []);
  });

  test("live: partitions, instances and rates are those of the service", async (t) => {
    const { base } = await service();
    const { page, complaints, overhang } = await open(t, `${base}/#/operations`);
    await page.locator(LIVE).waitFor();
    assert.match(await textOf(page, ".ops-verdict"), /All partitions are up to date/);
    const row = await textOf(page, ".ops-table tbody tr");
    assert.match(row, /^0 running \S+ \d+ \d+.ms 1: \d+.(s|min) 56: .* 8453: .* 42161: /);
    await page.locator(".ops-table").getByText("this one").waitFor();
    // Two answers make a rate.
    const applied = page.locator(".ops-rate").filter({ hasText: "Applied" });
    await applied.filter({ hasText: /[1-9][\d,.]* \/s/ }).waitFor();
    await page.locator(".ops-line[d^=M]").nth(3).waitFor({ state: "attached" });
    assert.match((await applied.locator("svg").getAttribute("aria-label")) ?? "", /^Applied: now [\d.,]+ \/s, at most/);
    assert.equal(await overhang(), 0);
    assert.deepEqual(complaints, []);
  });

  test("the history stays while another view is shown", async (t) => {
    const { base } = await service();
    const { page } = await open(t, `${base}/#/operations`);
    await page.locator(".ops-line[d^=M]").nth(3).waitFor({ state: "attached" });
    await go(page, "#/screener");
    await page.locator(".operations").waitFor({ state: "detached" });
    await go(page, "#/operations");
    await page.locator(LIVE).waitFor();
    assert.ok(await page.locator(".ops-line[d^=M]").count());
  });

  test("stale: a service that does not answer is told with its age, and found again", async (t) => {
    const { base } = await service();
    const proxy = await TcpProxy.start(Number(new URL(base).port));
    t.after(() => proxy.close());
    const { page, complaints } = await open(t, `http://127.0.0.1:${proxy.port}/#/operations`);
    await page.locator(LIVE).waitFor();
    proxy.mode = "cut";
    await page.locator('.operations[data-state="stale"]').waitFor();
    assert.match(await textOf(page, ".ops-standing"), /Stale for/);
    assert.match(await textOf(page, ".ops-table tbody tr"), /^0 running/);
    proxy.mode = "open";
    await page.getByRole("button", { name: "Try now" }).click();
    await page.locator(LIVE).waitFor();
    assert.deepEqual(complaints, []);
  });

  test("error: without any answer the view says why, and goes on by itself", async (t) => {
    const { base } = await service();
    const { page, complaints } = await open(t, `${base}/#/screener`);
    await page.locator(".connection.live").waitFor();
    await page.route("**/api/status", (route) => route.abort());
    await go(page, "#/operations");
    const problem = page.locator("main .problem");
    await problem.waitFor({ timeout: 120_000 });
    assert.match(await problem.innerText(), /cannot be/);
    await page.unroute("**/api/status");
    await page.getByRole("button", { name: "Try now" }).click();
    await page.locator(LIVE).waitFor();
    assert.deepEqual(complaints, []);
  });

  test("forbidden: a token without the scope admin is told which scope is missing", async (t) => {
    const { base } = await startService(t, WITH_SECURITY);
    const token = tokenOf(signingKey("HS256"), { ...claimsAt(Date.now()), scope: "read" });
    const { page, complaints } = await open(t, base);
    await page.getByLabel("Token or API key").fill(token);
    await page.getByRole("button", { name: "Open" }).click();
    await page.locator(".connection.live").waitFor();
    await go(page, "#/operations");
    const problem = page.locator('main .problem[data-code="forbidden"]');
    await problem.waitFor();
    assert.match(await problem.innerText(), /need the scope admin/);
    assert.deepEqual(complaints, []);
  });

  test("hidden: no request is made, and one at once when the page is seen again", async (t) => {
    const { base } = await service();
    const { page } = await open(t, `${base}/#/operations`);
    await page.locator(LIVE).waitFor();
    const show = (hidden: boolean): Promise<unknown> =>
      page.evaluate(
        `Object.defineProperty(document, "hidden", { configurable: true, get: () => ${hidden} });
         document.dispatchEvent(new Event("visibilitychange"))`,
      );
    await show(true);
    let asked = 0;
    page.on("request", (request) => {
      if (request.url().endsWith("/api/status")) asked += 1;
    });
    // Longer than the interval, on the page's own clock.
    await page.evaluate("new Promise((resolve) => setTimeout(resolve, 4500))");
    assert.equal(asked, 0);
    const next = page.waitForRequest("**/api/status");
    await show(false);
    await next;
  });

  test("several instances: each with its partitions and circuits, and what to do about problems", async (t) => {
    const { base } = await service();
    const { page, complaints } = await open(t, `${base}/#/screener`);
    await page.locator(".connection.live").waitFor();
    // A stand-in answer: several instances need Kafka, NATS and S3. The service's own answers of this form have tests in server/test/cluster.
    await page.route("**/api/status", async (route) => {
      const response = await route.fetch();
      const json = await response.json();
      await route.fulfill({ response, json: { ...json, ...twoInstances(json.time, json.partitions[0]) } });
    });
    await go(page, "#/operations");
    await page.locator(LIVE).waitFor();
    assert.match(await textOf(page, ".ops-verdict"), /2 problems to act on, 1 to look at/);
    const findings = await textOf(page, ".ops-findings");
    assert.match(findings, /No instance serves partition 2 at the moment/);
    assert.match(findings, /pod-b cannot use S3, which keeps the checkpoints since 1.min\./);
    assert.match(findings, /Partition 1 is restoring its state\./);
    const rows = await page.locator(".ops-table").nth(1).locator("tbody tr").allInnerTexts();
    assert.deepEqual(
      rows.map((row) => row.replaceAll(/\s+/g, " ")),
      ["pod-a this one 1.0.0 0 nats works s3 works", "pod-b live 1.0.0 1 s3 away 1 min"],
    );
    assert.deepEqual(complaints, []);
  });

  test("phone, in both themes: nothing is wider than the window", async (t) => {
    const { base } = await service();
    for (const colorScheme of ["light", "dark"] as const) {
      const { page, complaints, overhang } = await open(t, `${base}/#/operations`, {
        width: 390,
        height: 844,
        colorScheme,
      });
      await page.locator(LIVE).waitFor();
      assert.equal(await overhang(), 0);
      // The table scrolls within itself, and its first column stays.
      const table = page.locator(".ops-scroll").first();
      await table.evaluate((element) => element.scrollTo(200, 0));
      const [left, first] = await Promise.all([
        table.evaluate((element) => element.getBoundingClientRect().left),
        table
          .locator("tbody th")
          .first()
          .evaluate((element) => element.getBoundingClientRect().left),
      ]);
      assert.equal(first, left);
      assert.deepEqual(complaints, []);
    }
  });
});

function twoInstances(timeMs: number, partition: object): object {
  const away = "No instance serves partition 2 at the moment; its tokens are served as stale.";
  return {
    partitions: [
      { ...partition, owner: "pod-a" },
      { ...partition, partition: 1, owner: "pod-b", state: "restoring" },
      { ...partition, partition: 2, owner: "", state: "away", problems: [away] },
    ],
    instances: [
      { instance: "pod-a", version: "1.0.0", state: "self", partitions: [0] },
      { instance: "pod-b", version: "1.0.0", state: "live", partitions: [1] },
    ],
    circuits: [
      { instance: "pod-a", dependency: "nats", state: "closed" },
      { instance: "pod-a", dependency: "s3", state: "closed" },
      { instance: "pod-b", dependency: "s3", state: "open", since: timeMs - 90_000 },
    ],
  };
}
