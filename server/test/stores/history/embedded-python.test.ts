import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { findServer } from "../../../../scripts/servers/install.ts";
import { openEmbeddedHistory } from "../../../src/stores/history/embedded/open-embedded-history.ts";
import { requires } from "../../support/requires.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";
import { tempDir } from "../../support/tmp.ts";
import { compactFully } from "./contract.ts";
import { embeddedSetup } from "./embedded-support.ts";
import { ALWAYS, BEGIN_MS, HistoryMaker, MINUTE_MS } from "./random-history.ts";

const ROUNDS = 25;
const FILES = 24;
const ROWS = 20;
const run = promisify(execFile);

requires("the embedded history from Python", { servers: ["duckdb"] }, () => {
  test("a program that reads the listed files finds the sums of the store, also while files are merged", async (t) => {
    const dataDir = tempDir(t, "history");
    const store = await openEmbeddedHistory(embeddedSetup(dataDir));
    t.after(() => store.close());
    await store.migrate();
    const maker = new HistoryMaker(randomFrom(seedOf(t)));
    const tokens = maker.tokens(3);
    const old = { logId: "log-a", partition: 0, epoch: 1 };
    const rebuilt = { ...old, epoch: 2 };
    const step = 2 * MINUTE_MS;
    const rows = Array.from({ length: FILES * ROWS }, (_, i) => ({
      ...maker.row(tokens[i % tokens.length]!, BEGIN_MS + i * step),
      amountUnits: BigInt(i) * 10n ** 15n + 1n,
    }));
    await store.beginStream(old, ALWAYS);
    for (let i = 0; i < rows.length; i += ROWS) {
      const part = rows.slice(i, i + ROWS);
      const marks = [{ ...old, sequence: i + ROWS, beforeMs: BEGIN_MS + (i + ROWS) * step }];
      await store.append({ settled: [{ ...old, fromSequence: i, rows: part }], raw: [], marks });
    }
    // The rebuilt state supersedes the last rows with other ones.
    await store.beginStream(rebuilt, { fromMs: BEGIN_MS + (rows.length - 2 * ROWS) * step, toMs: ALWAYS.toMs });
    await store.append({ settled: [{ ...rebuilt, fromSequence: 0, rows: rows.slice(-ROWS) }], raw: [], marks: [] });

    const python = findServer("duckdb") as string;
    const reading = run(python, [join(import.meta.dirname, "read_history.py"), join(dataDir, "history"), `${ROUNDS}`]);
    await compactFully(t, store);
    const { stdout } = await reading;
    const results = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const expected = await store.tokens({ fromMs: 0, toMs: ALWAYS.toMs }, [], undefined);
    assert.equal(
      expected.reduce((sum, { buys, sells }) => sum + buys + sells, 0),
      rows.length - ROWS,
    );
    const texts = new Set(results.map(({ tokens }) => JSON.stringify(tokens)));
    assert.equal(texts.size, 1, "every reading has the same sums");
    assert.ok(results[0].inMinutes > 0);
    for (const [chainId, token, swaps, buys, usd, amount] of results[0].tokens) {
      const sums = expected.find((one) => one.chainId === chainId && one.token === token)!;
      assert.deepEqual([swaps, buys], [sums.buys + sums.sells, sums.buys]);
      assert.equal(BigInt(usd.replace(".", "")), sums.usdBuyMicro + sums.usdSellMicro);
      assert.equal(BigInt(amount.replace(".", "")), sums.tokenBuyUnits + sums.tokenSellUnits);
    }
    assert.equal(results[0].tokens.length, expected.length);
  });
});
