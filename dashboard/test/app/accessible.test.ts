/** Every view in both themes, judged by axe-core for WCAG 2.2, levels A and AA. */
import assert from "node:assert/strict";
import { test } from "node:test";
import axe from "axe-core";
import { requires } from "../../../server/test/support/requires.ts";
import { openerOf } from "../support/browser.ts";
import { sharedService } from "../support/service.ts";

type Violation = {
  readonly id: string;
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
};

const RUN = `axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"] })`;

requires("access to the dashboard's views by all", { chromium: true }, ({ chromium }) => {
  const open = openerOf(chromium);
  const service = sharedService();

  for (const colorScheme of ["light", "dark"] as const) {
    for (const hash of ["#/screener", "#/token/WETH", "#/inspector", "#/operations"]) {
      test(`${hash}, ${colorScheme}`, async (t) => {
        const { base } = await service();
        const { page } = await open(t, `${base}/${hash}`, { colorScheme, reducedMotion: "reduce" });
        await page.locator(".connection.live").waitFor();
        await page.locator("main .skeleton").first().waitFor({ state: "detached" });
        await page.evaluate(axe.source);
        const { violations } = await page.evaluate<{ violations: readonly Violation[] }>(RUN);
        const found = violations.flatMap(({ id, nodes }) =>
          nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
        );
        assert.deepEqual(found, []);
      });
    }
  }
});
