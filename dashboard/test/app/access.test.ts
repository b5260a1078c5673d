/** A service that asks for credentials, seen in a browser: the form, a wrong token, scopes that do not suffice, the end of access. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { requires } from "../../../server/test/support/requires.ts";
import { claimsAt, SECRET, signingKey, tokenOf } from "../../../server/test/support/tokens.ts";
import { openerOf } from "../support/browser.ts";
import { startService } from "../support/service.ts";

const REQUIRED = {
  ...{ "security.mode": "required", "security.jwt.enabled": "on", "security.jwt.alg": "HS256" },
  "security.jwt.secret": SECRET,
};
const tokenWith = (scope: string): string => tokenOf(signingKey("HS256"), { ...claimsAt(Date.now()), scope });

requires("access to the dashboard", { chromium: true }, ({ chromium }) => {
  const open = openerOf(chromium);

  test("the page asks for a token, keeps it in the tab alone, and forgets it at the end", async (t) => {
    const { base } = await startService(t, REQUIRED);
    const { page, complaints } = await open(t, `${base}/#/screener?window=1h`);
    const form = page.locator("form.access");
    await form.waitFor();
    assert.equal(await page.evaluate("document.activeElement.name"), "token");
    const token = tokenWith("read admin");
    await form.getByLabel("Token or API key").fill(token);
    await form.getByRole("button", { name: "Open" }).click();
    await page.locator(".connection.live").waitFor();
    await form.waitFor({ state: "detached" });
    assert.equal(new URL(page.url()).hash, "#/screener?window=1h");
    assert.ok(!page.url().includes(token));
    assert.deepEqual(await page.evaluate("[sessionStorage.length, localStorage.length, document.cookie]"), [1, 0, ""]);

    await page.reload();
    await page.locator(".connection.live").waitFor();
    await page.getByLabel("Menu").click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await form.waitFor();
    assert.equal(await page.evaluate("sessionStorage.length"), 0);
    assert.deepEqual(complaints, []);
  });

  test("a token that the service refuses leads back to the form, with the reason", async (t) => {
    const { base } = await startService(t, REQUIRED);
    const { page, complaints } = await open(t, base);
    await page
      .getByLabel("Token or API key")
      .fill(tokenOf({ ...signingKey("HS256"), sign: "another secret" }, claimsAt(Date.now())));
    await page.getByRole("button", { name: "Open" }).click();
    await page.locator(".field-problem").waitFor();
    assert.match(await page.locator(".field-problem").innerText(), /\w+/);
    assert.deepEqual(complaints, []);
  });

  test("a view that the token does not allow names the scope, and takes another token", async (t) => {
    const { base } = await startService(t, REQUIRED);
    const { page, complaints } = await open(t, `${base}/#/operations`);
    await page.getByLabel("Token or API key").fill(tokenWith("read"));
    await page.getByRole("button", { name: "Open" }).click();
    const problem = page.locator('.problem[data-code="forbidden"]');
    await problem.waitFor();
    assert.match(await problem.innerText(), /scope admin/);
    await problem.getByRole("button", { name: "Give a token" }).click();
    await page.getByLabel("Token or API key").fill(tokenWith("read admin"));
    await page.getByRole("button", { name: "Open" }).click();
    await page.locator(".connection.live").waitFor();
    await problem.waitFor({ state: "detached" });
    assert.deepEqual(complaints, []);
  });
});
