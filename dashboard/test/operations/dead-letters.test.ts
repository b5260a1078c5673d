/** Dead letters in a browser: of posted swaps and of a feeder's file, hostile texts and bytes that are no text. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type RunningApp, TestApps } from "../../../server/test/support/app-harness.ts";
import { requires } from "../../../server/test/support/requires.ts";
import { tempDir } from "../../../server/test/support/tmp.ts";
import { openerOf } from "../support/browser.ts";
import { sharedService } from "../support/service.ts";

const HOSTILE = `"><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>\u202egpj.exe`;
const HOUR_MS = 3_600_000;

const early = (log_index: number): object => ({
  ...{ chain_id: 1, tx_hash: "0xdead", log_index, token: "0xabc", token_symbol: HOSTILE, side: "buy" },
  ...{ amount_token: "1", amount_usd: "1", event_time: Date.now() + HOUR_MS },
});

/** A feeder whose file has a good line, a line that breaks a rule, and a line of bytes that are no UTF-8. */
async function startWithFeeder(t: TestContext): Promise<RunningApp> {
  const folder = tempDir(t, "feeder");
  const swap = { ...early(0), token_symbol: "GOOD", event_time: Date.now() };
  const lines = [JSON.stringify(swap), JSON.stringify({ ...swap, log_index: 1, side: "hold" })];
  const bytes = Buffer.concat([Buffer.from(`${lines.join("\n")}\n`), Buffer.of(0x00, 0xff, 0x1b, 0x5b, 0x41, 0x0a)]);
  writeFileSync(join(folder, "swaps.ndjson"), bytes);
  const config = `ingest:\n  feeders:\n    - type: file\n      name: odd\n      path: ${join(folder, "swaps.ndjson")}\n`;
  writeFileSync(join(folder, "config.yaml"), config);
  return new TestApps(t).start({}, join(folder, "config.yaml"));
}

requires("dead letters in a browser", { chromium: true }, ({ chromium }) => {
  const open = openerOf(chromium);
  const service = sharedService({ "ingest.source": "embedded" });

  test("empty: a service without one says so", async (t) => {
    const { base } = await service();
    const { page, complaints } = await open(t, `${base}/#/operations`);
    await page.getByText("No dead letters").waitFor();
    await page.getByText("Every record so far follows the rules.").waitFor();
    await page.getByText("No feeder is configured.").waitFor();
    assert.deepEqual(complaints, []);
  });

  test("a letter is listed at once, and its hostile text is shown and not obeyed", async (t) => {
    const app = await service();
    const { page, complaints } = await open(t, `${app.base}/#/operations`);
    await page.locator(".operations[data-state=live]").waitFor();
    await app.post([early(1), early(2)]);
    const heads = page.locator(".letter-head");
    await heads.first().waitFor();
    assert.match(await heads.first().innerText(), /quarantined/);
    await page.locator(".ops-rate").filter({ hasText: "Quarantined" }).getByText("2", { exact: true }).waitFor();

    // By the keyboard alone.
    await heads.first().focus();
    await page.keyboard.press("Enter");
    const record = page.locator(".letter pre.record");
    const shown = await record.innerText();
    assert.ok(shown.includes(JSON.stringify(HOSTILE).slice(1, 40)), shown);
    assert.match(shown, /U\+202Egpj\.exe/);
    assert.deepEqual(
      await page.evaluate("[window.hacked, document.querySelectorAll('main img, main script').length]"),
      [undefined, 0],
    );
    await page.getByRole("radio", { name: "Hex" }).click();
    assert.match(await record.innerText(), /^00000000 7b 22 63 68 61 69 6e 5f {2}69 64 /);
    await heads.first().focus();
    await page.keyboard.press("Enter");
    assert.equal(await record.count(), 0);
    assert.deepEqual(complaints, []);
  });

  test("a feeder's letters: a code filter, bytes as they came, and the feeder in its table", async (t) => {
    const { base } = await startWithFeeder(t);
    const { page, complaints } = await open(t, `${base}/#/operations`);
    await page.locator(".letter-head").nth(1).waitFor();
    assert.match(
      await page.locator(".ops-table").filter({ hasText: "Feeder" }).locator("tbody").innerText(),
      /odd file\s+running\s+3\s+1\s+2/,
    );
    assert.match(
      await page.locator(".ops-findings").innerText(),
      /Feeder odd has read 2 records with a swap that was refused/,
    );

    await page.getByLabel("Code").selectOption({ label: "invalid_utf8" });
    assert.equal(new URL(page.url()).hash, "#/operations?code=invalid_utf8");
    assert.equal(await page.locator(".letter-head").count(), 1);
    await page.locator(".letter-head").click();
    // Bytes that are no text are shown in hexadecimal digits first.
    assert.match(await page.locator("pre.record").innerText(), /^00000000 00 ff 1b 5b 41\s+\.\.\.\[A\s*$/);
    await page.getByRole("radio", { name: "Text" }).click();
    await page.getByText("The bytes are not UTF-8").waitFor();
    assert.match(await page.locator("pre.record").innerText(), /^U\+0000\ufffdU\+001B\[A$/);

    await page.reload();
    await page.locator(".letter-head").waitFor();
    assert.equal(await page.locator(".letter-head").count(), 1);
    assert.deepEqual(complaints, []);
  });

  test("a filter that nothing passes says so", async (t) => {
    const { base } = await service();
    const { page } = await open(t, `${base}/#/operations?code=too_deep`);
    await page.getByText("None of the newest 200 has the code too_deep").waitFor();
  });
});
