/** docs/history.md: its examples run against a real service with a history. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { TestApps } from "../../../server/test/support/app-harness.ts";
import { printedBy, REPOSITORY } from "./project.ts";

const PAGE = readFileSync(join(REPOSITORY, "docs/history.md"), "utf8");
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const midnight = Math.floor(Date.now() / DAY_MS) * DAY_MS;

const swap = (index: number, timeMs: number) => ({
  ...{ chain_id: 1, tx_hash: `0x0${index}`, log_index: index, token: "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2" },
  ...{
    token_symbol: "WETH",
    who: `0x${index}`,
    side: "buy",
    amount_token: "2",
    amount_usd: "3000",
    event_time: timeMs,
  },
});

describe("the examples of the page about the history run, and print what they are for:", () => {
  const printed = [/^WETH\t6000\t2\t2\t1500$/m, /^\d{4}-\d\d-\d\dT\d\d:00:00\.000Z\t1500\t3000\t/m];
  const examples = [...PAGE.matchAll(/^```js\n(.*?)^```/gms)].map(([, text]) => text!);

  test("there is an expectation for each", () => assert.equal(examples.length, printed.length));

  for (const [index, example] of examples.entries()) {
    test(`example ${index + 1}`, async (t) => {
      const app = await new TestApps(t).start({ "stores.history": "embedded" });
      await app.post([swap(1, midnight - 2 * HOUR_MS)]);
      await app.post([swap(2, midnight - HOUR_MS)]);
      await app.post([swap(3, Date.now() - 1_000)]);
      await app.caughtUp();
      assert.match(await printedBy(t, example, app.base), printed[index]!);
    });
  }
});
