import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, test } from "node:test";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { byLabel, expositionText, histogram, single } from "../../src/observability/exposition.ts";
import { Metrics } from "../../src/observability/metrics.ts";
import { PlainHistogram } from "../../src/observability/plain-histogram.ts";

const BOUNDS = [0.000_05, 0.1, 1];
const HTTP_API = readFileSync(resolve(import.meta.dirname, "../../../docs/http-api.md"), "utf8");

describe("the text format of metrics", () => {
  test("is that of prom-client", async () => {
    const register = new Registry();
    const counter = new Counter({ name: "a_events_total", help: 'Events "\\" of\na kind', registers: [register] });
    counter.inc(12.5);
    const gauge = new Gauge({ name: "a_rooms", help: "Rooms", labelNames: ["floor"], registers: [register] });
    const floors = new Map([
      ["1", 0],
      ['a "quoted" \\ name\nin two lines', Number.POSITIVE_INFINITY],
      ["below", Number.NEGATIVE_INFINITY],
    ]);
    for (const [floor, value] of floors) gauge.set({ floor }, value);
    new Gauge({ name: "a_nothing", help: "Nothing", labelNames: ["x"], registers: [register] });
    const seconds = new Histogram({ name: "a_seconds", help: "Times", buckets: BOUNDS, registers: [register] });
    const plain = new PlainHistogram(BOUNDS);
    for (const value of [0.1, 0.2, 30]) {
      seconds.observe(value);
      plain.observe(value);
    }
    const text = expositionText("a_", [
      single("events_total", "counter", 'Events "\\" of\na kind', 12.5),
      byLabel("rooms", "gauge", "Rooms", "floor", floors),
      byLabel("nothing", "gauge", "Nothing", "x", []),
      histogram("seconds", "Times", [
        { labels: {}, numbers: plain.numbers() },
        { labels: { x: "y" }, numbers: undefined },
      ]),
    ]);
    assert.equal(text, await register.metrics());
  });

  test("a value that is no number is NaN", () => {
    assert.match(expositionText("", [single("x", "gauge", "X", Number.NaN)]), /^x NaN$/m);
  });

  test("every metric of the service is documented", async () => {
    const names = [...(await new Metrics().text()).matchAll(/^# TYPE swapstats_(\S+)/gm)].map(([, name]) => name ?? "");
    assert.ok(names.length > 40, `${names.length} metrics`);
    assert.deepEqual(
      names.filter((name) => !new RegExp(`\`${name}[\`{]`).test(HTTP_API)),
      [],
    );
  });
});
