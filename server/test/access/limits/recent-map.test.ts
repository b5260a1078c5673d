import assert from "node:assert/strict";
import { test } from "node:test";
import { RecentMap } from "../../../src/access/limits/recent-map.ts";

test("entries in use stay, whatever number of others comes and goes, and the map stays within its limit", () => {
  const map = new RecentMap<{ readonly at: number }>(100);
  const used = { at: -1 };
  map.set("used", used);
  map.set("unused", { at: -2 });
  for (let i = 0; i < 10_000; i += 1) {
    map.set(`${i}`, { at: i });
    if (i % 40 === 0) assert.equal(map.get("used"), used);
    assert.ok(map.size <= 100, `${map.size}`);
  }
  assert.equal(map.get("unused"), undefined);
  assert.equal(map.get("9999")?.at, 9_999);
  map.clear();
  assert.equal(map.get("used"), undefined);
});

test("the half of its entries that was used last is never forgotten", () => {
  const map = new RecentMap<{ readonly at: number }>(100);
  for (let i = 0; i < 1_000; i += 1) {
    map.set(`${i}`, { at: i });
    for (let back = 0; back < Math.min(i + 1, 50); back += 1) assert.equal(map.get(`${i - back}`)?.at, i - back);
  }
});
