/** The short form of `npm run history-proof`, on the embedded store. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { GENERATOR_DEFAULTS } from "../../../src/generator/options.ts";
import { auditWindow } from "../../../src/serving/history/audit.ts";
import { openEmbeddedHistory } from "../../../src/stores/history/embedded/open-embedded-history.ts";
import { REAL_EVENTS, REAL_TOKENS } from "../../support/real-file.ts";
import { requires } from "../../support/requires.ts";
import { tempDir } from "../../support/tmp.ts";
import { generatedEvents, proveHistory, realEvents } from "./audit-proof.ts";
import { embeddedSetup } from "./embedded-support.ts";

requires("audits of the real file", { realData: true }, ({ realDataFile }) => {
  test("every window of every token of the real file is recomputed from the embedded history without a difference", async (t) => {
    const store = await openEmbeddedHistory(embeddedSetup(tempDir(t, "proof")));
    const result = await proveHistory(store, realEvents(realDataFile), REAL_EVENTS, auditWindow).finally(() =>
      store.close(),
    );
    assert.deepEqual([result.differences, result.findings], [[], []]);
    assert.deepEqual([result.tokens, result.events], [REAL_TOKENS, REAL_EVENTS]);
    const weth = result.lastDay.get("1:0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2");
    assert.deepEqual([weth?.volume_usd, weth?.traders], ["167610361.891595", 207]);
  });
});

test("windows of a generated stream with reorganisations are recomputed without a difference", async (t) => {
  const options = { ...GENERATOR_DEFAULTS, ratePerSecond: 1, tokens: 12, traders: 200, removed: 0.05, late: 0.01 };
  const store = await openEmbeddedHistory(embeddedSetup(tempDir(t, "proof")));
  const result = await proveHistory(store, generatedEvents(options, 6_000), 6_000, auditWindow).finally(() =>
    store.close(),
  );
  assert.deepEqual([result.differences, result.findings], [[], []]);
  assert.ok(result.removed > 100 && result.rows > 4_000);
});
