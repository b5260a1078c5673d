import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { statsFields } from "@swapstats/protocol/figures.ts";
import { SwapDecoder } from "../../src/codecs/swap-decoder.ts";
import { PartitionEngine } from "../../src/engine/partition-engine.ts";
import { SwapEvent } from "../../src/engine/swaps/swap-event.ts";
import { differences, type Served } from "../model/compare-figures.ts";
import { decodeLine } from "../model/model-decoder.ts";
import { NaiveModel } from "../model/naive-model.ts";
import { countersOfVectors, defaultConfig, laterFigures, loadVector, vectorNames } from "../model/vectors.ts";
import { TEST_SEED } from "../support/hash-seed.ts";
import { engineConfigOf } from "./pair.ts";

const encoder = new TextEncoder();

describe("bytes through the decoder and the engine give the figures of the vectors", () => {
  for (const name of vectorNames) {
    test(name, () => {
      const { lines, expected } = loadVector(name);
      const engine = new PartitionEngine(engineConfigOf(defaultConfig), TEST_SEED);
      const model = new NaiveModel(defaultConfig);
      const decoder = new SwapDecoder();
      const event = new SwapEvent();
      for (const line of lines) {
        const bytes = encoder.encode(line);
        const code = decoder.decode(bytes, 0, bytes.length, event);
        if (code === undefined) engine.apply(event, expected.arrival);
        else engine.deadLetter(code);
        const decoded = decodeLine(line);
        if ("event" in decoded) model.apply(decoded.event, expected.arrival);
      }
      assert.equal(engine.maxHighMs(), expected.as_of);
      const counters = countersOfVectors(engine.counters);
      assert.deepEqual(counters, expected.counters);
      const refs = [...engine.tokens()];
      assert.deepEqual(refs.map((ref) => engine.info(ref).id).sort(), Object.keys(expected.tokens).sort());
      for (const ref of refs) {
        const { id, symbol, late, removed, unresolved } = engine.info(ref);
        const want = expected.tokens[id];
        assert.ok(want !== undefined);
        const { windows, ...rest } = want;
        assert.deepEqual({ late, removed, unresolved, ...(symbol !== undefined && { symbol }) }, rest, id);
        defaultConfig.windows.forEach((window, index) => {
          const served = engine.windowStats(ref, index, expected.as_of) as unknown as Served;
          assert.deepEqual(differences(served, model.stats(id, index, expected.as_of)), [], `${id} ${window.name}`);
          const later = laterFigures(model.stats(id, index, expected.as_of));
          assertEqualButDerived(served, { ...windows[window.name], ...later }, `${id} ${window.name}`);
        });
      }
    });
  }
});

test("the engine computes every figure of the protocol's table, and no other, in the order of the table", () => {
  const computed = new Set<string>(["traders_estimated", "traders_error"]);
  for (const name of vectorNames) {
    const { lines, expected } = loadVector(name);
    const engine = new PartitionEngine(engineConfigOf(defaultConfig), TEST_SEED);
    const decoder = new SwapDecoder();
    const event = new SwapEvent();
    for (const line of lines) {
      const bytes = encoder.encode(line);
      if (decoder.decode(bytes, 0, bytes.length, event) === undefined) engine.apply(event, expected.arrival);
    }
    for (const ref of engine.tokens()) {
      const names = Object.keys(engine.windowStats(ref, 1, expected.as_of));
      assert.deepEqual(
        names,
        statsFields.filter((field) => names.includes(field)),
      );
      for (const field of names) computed.add(field);
    }
  }
  assert.deepEqual([...computed].sort(), [...statsFields].sort());
});

const derived = ["open", "high", "low", "close", "vwap", "price_change", "price_change_pct"];

/** Compares all figures except those that may differ in the last place, which were compared with a tolerance before. */
function assertEqualButDerived(served: Served, want: Served, about: string): void {
  const strict = (figures: Served) =>
    Object.fromEntries(Object.entries(figures).filter(([name]) => !derived.includes(name)));
  assert.deepEqual(strict(served), strict(want), about);
  assert.deepEqual(Object.keys(served).sort(), Object.keys(want).sort(), about);
}
