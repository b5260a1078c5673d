import assert from "node:assert/strict";
import { test } from "node:test";
import type { Audit } from "@swapstats/client";
import { auditRows, verdictOf } from "../../src/token/audit.ts";

const figures = { open_time: 0, close_time: 60_000, complete: true, trades: 3, volume_usd: "12.5" };
const audit = (members: Partial<Audit> = {}): Audit => ({
  ...{ id: "1:0x", window: "1h", as_of: 1, from: 0, to: 60_000, rows: 1_234, history_complete: true },
  ...{ served: figures, recomputed: figures, differences: [] },
  ...members,
});

test("an audit without a difference says how many figures follow from how many swaps", () => {
  assert.equal(verdictOf(audit()), "No difference: all 2 figures of 1h follow from 1,234 swaps.");
  assert.equal(verdictOf(audit({ rows: 1 })), "No difference: all 2 figures of 1h follow from 1 swap.");
});

test("figures that differ come first, and those of the span before are named", () => {
  const previous = { trades: 2 } as Audit["served"]["previous"];
  const differing = audit({
    served: { ...figures, previous } as Audit["served"],
    recomputed: { ...figures, trades: 4 },
    differences: [
      { field: "trades", served: "3", recomputed: "4" },
      { field: "previous.trades", served: "2" },
    ],
  });
  assert.equal(verdictOf(differing), "2 figures differ from what 1,234 swaps give. Please report it.");
  assert.deepEqual(auditRows(differing), [
    { name: "trades", served: "3", recomputed: "4", isDifferent: true },
    { name: "previous.trades", served: "2", recomputed: undefined, isDifferent: true },
    { name: "volume_usd", served: "12.5", recomputed: "12.5", isDifferent: false },
  ]);
  const one = audit({ differences: [{ field: "trades", served: "3" }] });
  assert.equal(verdictOf(one), "1 figure differs from what 1,234 swaps give. Please report it.");
});
