/** A service with swaps of a test's own, and the view of a token in a browser. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Locator, Page } from "playwright-core";
import type { RunningApp } from "../../../server/test/support/app-harness.ts";
import { type Look, type Opened, openerOf } from "../support/browser.ts";
import { startService } from "../support/service.ts";

const ADDRESS = `0x${"c0".repeat(20)}`;
export const ID = `1:${ADDRESS}`;

export const EMBEDDED = { "ingest.source": "embedded" };

/** The service has only the swaps that the test posts. */
export const ownService = (t: TestContext, overrides: Readonly<Record<string, string>> = {}): Promise<RunningApp> =>
  startService(t, { ...EMBEDDED, ...overrides });

/** A swap of WETH of some age: a buy of 1.5 tokens for 3,000 dollars, unless `members` says otherwise. */
export function swapOf(name: string, ageMs: number, members: object = {}) {
  return {
    ...{ chain_id: 1, tx_hash: `0x${Buffer.from(name).toString("hex")}`, log_index: 0, block_number: 7 },
    ...{ token: ADDRESS, token_symbol: "WETH", who: `0x${"11".repeat(20)}`, side: "buy" },
    ...{ amount_token: "1.5", amount_usd: "3000", event_time: Date.now() - ageMs },
    ...members,
  };
}

type TokenPage = Opened & {
  /** Resolves when the view is in this state. */
  readonly isIn: (state: string) => Promise<void>;
  /** Panel by its title. */
  readonly panel: (name: string) => Locator;
};

/** Returns a function that opens the view of a token. `place` is the name of the token, with parameters if it has some. */
export function tokenOpenerOf(chromium: string) {
  const open = openerOf(chromium);
  return async (t: TestContext, base: string, place: string, look?: Look): Promise<TokenPage> => {
    const opened = await open(t, `${base}/#/token/${place}`, look);
    const { page } = opened;
    return {
      ...opened,
      isIn: (state) => page.locator(`[data-state="${state}"]`).waitFor(),
      panel: (name) => page.getByRole("region", { name, exact: true }),
    };
  };
}

/** The row of a figure in the column of a window. */
export function figure(page: Page, label: string, window: string): Promise<{ text: string; title: string | null }> {
  return page.evaluate(
    ([row, column]) => {
      const table = document.querySelector<HTMLTableElement>(".figures-table");
      if (table === null) return { text: "", title: null };
      const heads = [...table.tHead!.rows[0]!.cells].map((cell) => cell.textContent!.replace("partial", ""));
      const found = [...table.rows].find((line) => line.querySelector('th[scope="row"]')?.textContent === row)!;
      const shown = found.cells[heads.indexOf(column!)]!.querySelector(".figure")!;
      return { text: shown.textContent!, title: shown.getAttribute("title") };
    },
    [label, window],
  );
}

/** Resolves when the exact value of a figure is this. */
export async function figureIs(page: Page, label: string, window: string, exactly: string): Promise<void> {
  const read = (): Promise<string | null> => figure(page, label, window).then(({ title }) => title);
  for (let title = await read(); title !== exactly; title = await read()) await page.evaluate(nextFrame);
}

const nextFrame = (): Promise<number> => new Promise(requestAnimationFrame);

/** Asserts that nothing was logged as wrong, and that the page is no wider than its window. */
export async function isClean({ complaints, overhang }: Opened): Promise<void> {
  assert.deepEqual(complaints, []);
  assert.equal(await overhang(), 0);
}

/** Number of pixels of the chart whose colour is near this custom property of the theme. */
export function pixelsOf(page: Page, property: string): Promise<number> {
  return page.evaluate((name) => {
    // The chart's own canvases are copied, because reading them would make them slow.
    const copy = document.createElement("canvas");
    const context = copy.getContext("2d", { willReadFrequently: true })!;
    context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    context.fillRect(0, 0, 1, 1);
    const wanted = context.getImageData(0, 0, 1, 1).data;
    let found = 0;
    for (const canvas of document.querySelectorAll<HTMLCanvasElement>(".chart canvas")) {
      if (canvas.width === 0 || canvas.height === 0) continue;
      [copy.width, copy.height] = [canvas.width, canvas.height];
      context.drawImage(canvas, 0, 0);
      const { data } = context.getImageData(0, 0, copy.width, copy.height);
      for (let at = 0; at < data.length; at += 4) {
        const isNear = [0, 1, 2, 3].every((part) => Math.abs(data[at + part]! - wanted[part]!) <= 3);
        if (isNear) found += 1;
      }
    }
    return found;
  }, property);
}
