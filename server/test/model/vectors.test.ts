import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { differences } from "./compare-figures.ts";
import { formatDecimal, formatPlaces, rationalToDigits15 } from "./decimal.ts";
import { decodeLine } from "./model-decoder.ts";
import { tokenIdOf } from "./model-event.ts";
import { NaiveModel } from "./naive-model.ts";
import { priceOf } from "./naive-stats.ts";
import { countersOfVectors, defaultConfig, laterFigures, loadForms, loadVector, vectorNames } from "./vectors.ts";

describe("the naive model gives the figures of the vectors", () => {
  for (const name of vectorNames) {
    test(name, () => {
      const { lines, expected } = loadVector(name);
      const model = new NaiveModel(defaultConfig);
      for (const line of lines) {
        const decoded = decodeLine(line);
        if ("code" in decoded) model.deadLetter(decoded.code);
        else model.apply(decoded.event, expected.arrival);
      }
      assert.equal(model.maxHighMs(), expected.as_of);
      const counters = countersOfVectors(model.counters);
      assert.deepEqual(counters, expected.counters);
      assert.deepEqual([...model.known.keys()].sort(), Object.keys(expected.tokens).sort());
      for (const [id, want] of Object.entries(expected.tokens)) {
        const { late, removed, unresolved } = model.known.get(id) as {
          late: number;
          removed: number;
          unresolved: number;
        };
        assert.deepEqual(
          { late, removed, unresolved },
          { late: want.late, removed: want.removed, unresolved: want.unresolved },
          id,
        );
        assert.equal(model.symbol(id), want.symbol, `symbol of ${id}`);
        defaultConfig.windows.forEach((window, index) => {
          const figures = model.stats(id, index, expected.as_of);
          const found = differences({ ...want.windows[window.name], ...laterFigures(figures) }, figures);
          assert.deepEqual(found, [], `${id} ${window.name}`);
        });
      }
    });
  }
});

describe("the model's decoder reads the single forms", () => {
  for (const [index, { json, accept, why, want }] of loadForms().entries()) {
    test(`${index}: ${why}`, () => {
      const decoded = decodeLine(json);
      assert.equal(
        "event" in decoded,
        accept,
        JSON.stringify(decoded, (_key, value) => String(value)),
      );
      if (!("event" in decoded) || want === undefined) return;
      const { event } = decoded;
      const price = priceOf(event);
      const meaning: Record<string, unknown> = {
        token_id: tokenIdOf(event),
        event_id: event.eventId,
        symbol: event.symbol ?? null,
        side: event.side,
        amount_token: formatPlaces(event.amount, 18),
        amount_usd: formatPlaces(event.usd, 6),
        price: price === undefined ? null : formatDecimal(rationalToDigits15(price.exact)),
        event_time: event.eventTimeMs,
      };
      for (const [name, value] of Object.entries(want)) assert.equal(meaning[name], value, name);
    });
  }
});
