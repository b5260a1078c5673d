import assert from "node:assert/strict";
import { test } from "node:test";
import { differenceIn } from "../../src/token/http-check.ts";

const data = { id: "1:0xc0", late: 0, windows: { "5m": { complete: true, trades: 2, previous: { trades: 1 } } } };
const answer = {
  ...{ ...data, as_of: 1, watermark: 0, epoch: "7", rev: 41, lag_ms: 0 },
  windows: { "5m": { ...data.windows["5m"], open_time: 1, close_time: 2 } },
};

test("an answer of HTTP is the held data and what its message says", () => {
  assert.equal(differenceIn(answer, data), undefined);
});

test("the first difference is named by its path", () => {
  const differs = (windows: object) => differenceIn(answer, { ...data, windows: { "5m": windows } });
  assert.equal(differs({ complete: true, trades: 3, previous: { trades: 1 } }), "windows.5m.trades");
  assert.equal(differs({ complete: true, trades: 2, previous: { trades: 2 } }), "windows.5m.previous.trades");
  assert.equal(differs({ complete: true, trades: 2 }), "windows.5m.previous");
  assert.equal(differs({ ...data.windows["5m"], close: "1" }), "windows.5m.close");
  assert.equal(differenceIn({ ...answer, symbol: "WETH" }, data), "symbol");
});
