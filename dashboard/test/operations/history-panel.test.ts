/** The panel of the history in a browser. The status is a stand-in's where a test cannot bring a real store into the state. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { requires } from "../../../server/test/support/requires.ts";
import { openerOf, reads } from "../support/browser.ts";
import { answerCalls } from "../support/history-stub.ts";
import { sharedService } from "../support/service.ts";

const WRITING = {
  store: "postgres",
  partitions: [
    { partition: 0, durable: 1_200, waiting_rows: 30, lag_ms: 4_000 },
    { partition: 1, durable: 7, waiting_rows: 0, lag_ms: 0 },
  ],
  ...{ memory_bytes: 2_048, spool_bytes: 0, rows_written: 1_207, rows_lost: 0, gaps: 0, full: false },
};

requires("the panel of the history in a browser", { chromium: true }, ({ chromium }) => {
  const openPage = openerOf(chromium);
  const service = sharedService({ "ingest.source": "embedded" });

  /** Opens the operations view. `history` replaces the one in the status. Undefined: the status stays as it is, without a history. */
  async function open(t: Parameters<typeof openPage>[0], history: object | undefined, width = 1280) {
    const { base } = await service();
    const opened = await openPage(t, `${base}/#/inspector`, { width });
    if (history !== undefined) {
      await answerCalls(opened.page, /\/api\/status$/, async (url) => {
        const status = (await (await fetch(url)).json()) as object;
        return { ...status, history };
      });
    }
    await opened.page.goto(`${base}/#/operations`);
    const panel = opened.page.getByRole("region", { name: "History", exact: true });
    await panel.waitFor();
    // The frame of the panel is there before the first answer.
    await reads(panel, history === undefined ? "No history is kept" : "Store");
    const text = async (): Promise<string> => (await panel.innerText()).replaceAll(/\s+/g, " ");
    return { ...opened, panel, text };
  }

  test("off: a service without a history says which key keeps one", async (t) => {
    const { text, complaints } = await open(t, undefined);
    assert.match(await text(), /No history is kept.*stores\.history/);
    assert.deepEqual(complaints, []);
  });

  test("written: store, rows and what waits", async (t) => {
    const { text, panel, complaints, overhang } = await open(t, WRITING);
    assert.match(await text(), /written.*Store PostgreSQL/);
    assert.match(
      await text(),
      /Oldest waits 4.s Waiting rows 30 In memory 2.*KiB In the buffer file 0.B Written 1,207 Left out 0 Gaps 0/,
    );
    await panel.getByTitle(/Durable: partition 0: up to swap 1,200; partition 1: up to swap 7$/).waitFor();
    assert.equal(await overhang(), 0);
    assert.deepEqual(complaints, []);
  });

  test("behind: rows that wait longer than a minute", async (t) => {
    const { panel } = await open(t, { ...WRITING, partitions: [{ ...WRITING.partitions[0], lag_ms: 61_000 }] });
    await panel.locator(".badge.warn", { hasText: "behind" }).waitFor();
  });

  test("away: the service's sentence, and what waits", async (t) => {
    const problem = "The history store cannot be reached: connection refused.";
    const { panel } = await open(t, { ...WRITING, problem });
    await panel.locator(".badge.down", { hasText: "away" }).waitFor();
    assert.equal(await panel.getByRole("alert").innerText(), problem);
  });

  test("full: rows are left out, and gaps are named", async (t) => {
    const { panel, text } = await open(t, { ...WRITING, full: true, rows_lost: 12, gaps: 1, problem: "No room." });
    await panel.locator(".badge.down", { hasText: "buffer full" }).waitFor();
    assert.match(await text(), /Left out 12 Gaps 1.*history_complete: false/);
  });

  test("on a phone nothing is wider than the screen", async (t) => {
    const { overhang } = await open(t, WRITING, 390);
    assert.equal(await overhang(), 0);
  });
});
