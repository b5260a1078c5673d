/** The audit of a window in the token view: every state. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Audit } from "@swapstats/client";
import { requires } from "../../../server/test/support/requires.ts";
import { reads } from "../support/browser.ts";
import { ID, isClean, ownService, swapOf, tokenOpenerOf } from "./token-page.ts";

const NOW = Date.now();
const figures = { open_time: NOW - 3_600_000, close_time: NOW, complete: true, trades: 2, volume_usd: "30" };
const audit = (more: object): Partial<Audit> =>
  ({
    ...{ id: ID, window: "1h", as_of: NOW, from: NOW - 3_600_000, to: NOW, rows: 2, history_complete: true },
    ...{ served: figures, recomputed: figures, differences: [], ...more },
  }) as Partial<Audit>;

requires("the audit of a token in a browser", { chromium: true }, ({ chromium }) => {
  const open = tokenOpenerOf(chromium);

  test("no difference: a service with a history adds the swaps up again", async (t) => {
    const { base, post } = await ownService(t, { "stores.history": "embedded" });
    await post([swapOf("a", 60_000, { amount_usd: "10" }), swapOf("b", 30_000, { amount_usd: "20" })]);
    const opened = await open(t, base, `${ID}?window=1h`);
    await opened.isIn("live");
    await opened.page.getByRole("button", { name: "Audit 1h" }).click();
    await opened.page.locator('[data-audit="same"]').waitFor();
    await reads(opened.page.locator(".audit .proof-result"), /2 swaps/);
    await isClean(opened);
  });

  test("history off: a service without one says what it needs", async (t) => {
    const { base, post } = await ownService(t);
    await post([swapOf("a", 60_000)]);
    const opened = await open(t, base, `${ID}?window=1h`);
    await opened.isIn("live");
    await opened.page.getByRole("button", { name: "Audit 1h" }).click();
    await reads(opened.page.locator('[data-audit="failed"]'), /needs a history/);
    assert.equal(await opened.page.getByRole("button", { name: "Try again" }).count(), 0);
    await isClean(opened);
  });

  test("running, differences, too many swaps and failures are told, and what helps is offered", async (t) => {
    const { base, post } = await ownService(t);
    await post([swapOf("a", 60_000)]);
    const opened = await open(t, base, `${ID}?window=1h`);
    const { page } = opened;
    await opened.isIn("live");
    // A service cannot be made to differ, to have millions of swaps, or to wait.
    let answer: { status: number; json: object } | undefined;
    await page.route("**/api/audit/**", async (route) => {
      if (answer !== undefined)
        await route.fulfill({
          ...answer,
          contentType: answer.status === 200 ? "application/json" : "application/problem+json",
        });
    });
    const button = page.getByRole("button", { name: "Audit 1h" });
    await button.click();
    await reads(page.locator('[data-audit="running"]'), "Adding up");
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.locator('[data-audit="idle"]').waitFor();

    const differences = [{ field: "volume_usd", served: "30", recomputed: "31" }];
    answer = { status: 200, json: audit({ differences, recomputed: { ...figures, volume_usd: "31" } }) };
    await button.click();
    await page.locator('[data-audit="differs"]').waitFor();
    assert.equal(await page.locator(".audit-figures tr.differs").count(), 1);

    answer = { status: 400, json: { code: "invalid_parameters", detail: "has too many swaps" } };
    await button.click();
    await reads(page.locator('[data-audit="failed"]'), "has too many swaps");
    await page.locator(".audit").getByRole("button", { name: "Audit 30m" }).waitFor();

    answer = { status: 503, json: { code: "unavailable", detail: "is away" } };
    await button.click();
    await reads(page.locator('[data-audit="failed"]'), "is away");
    answer = { status: 200, json: audit({ history_complete: false }) };
    await page.locator(".audit").getByRole("button", { name: "Try again" }).click();
    await reads(page.locator('[data-audit="same"]'), "has not all swaps");
  });
});
