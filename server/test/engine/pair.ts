import assert from "node:assert/strict";
import { PartitionEngine } from "../../src/engine/partition-engine.ts";
import type { EngineConfig, TokenRef } from "../../src/engine/types.ts";
import type { HostileLog, TestConfig } from "../model/arbitraries.ts";
import { differences, type Served, type Tolerance } from "../model/compare-figures.ts";
import { describeItem, LogBuilder, type LogItem } from "../model/log-builder.ts";
import { tokenIdOf } from "../model/model-event.ts";
import { type ModelCounters, type ModelOutcome, type ModelToken, NaiveModel } from "../model/naive-model.ts";
import { countersOfVectors } from "../model/vectors.ts";
import { TEST_SEED } from "../support/hash-seed.ts";
import { EventWriter } from "./event-writer.ts";

/** Runs one log through an engine. */
export class EngineRun {
  readonly config: TestConfig;
  engine: PartitionEngine;
  readonly #writer = new EventWriter();

  constructor(config: TestConfig, engine?: PartitionEngine) {
    this.config = config;
    this.engine = engine ?? new PartitionEngine(engineConfigOf(config), TEST_SEED);
  }

  take(item: LogItem): ModelOutcome | undefined {
    if (item.kind === "event") return this.engine.apply(this.#writer.write(item.event), item.arrivalMs);
    if (item.kind === "gap") this.engine.noteGap();
    else this.engine.deadLetter(item.code);
    return undefined;
  }

  takeAll(items: readonly LogItem[]): this {
    for (const item of items) this.take(item);
    return this;
  }

  ref(token: { readonly chainId: number; readonly token: string }): TokenRef | undefined {
    return this.engine.findById(token.chainId, token.token);
  }
}

export function engineConfigOf(config: TestConfig): EngineConfig {
  const { maxChains: _, ...engineConfig } = config;
  return engineConfig;
}

function takeIntoModel(model: NaiveModel, item: LogItem): ModelOutcome | undefined {
  if (item.kind === "event") return model.apply(item.event, item.arrivalMs);
  if (item.kind === "gap") model.noteGap();
  else model.deadLetter(item.code);
  return undefined;
}

/** An engine and the model, which get the same log and are compared. */
export class Pair {
  readonly run: EngineRun;
  readonly model: NaiveModel;
  readonly config: TestConfig;

  constructor(config: TestConfig) {
    this.config = config;
    this.run = new EngineRun(config);
    this.model = new NaiveModel(config);
  }

  /** A pair for a hostile log, and the log. */
  static of({ config, startMs, commands, folderAgeMs }: HostileLog): { pair: Pair; items: LogItem[] } {
    const pair = new Pair(config);
    if (folderAgeMs !== undefined) pair.setSeenSince(startMs - folderAgeMs);
    return { pair, items: new LogBuilder(config, startMs).build(commands) };
  }

  get engine(): PartitionEngine {
    return this.run.engine;
  }

  setSeenSince(ms: number): void {
    this.engine.setSeenSince(ms);
    this.model.setSeenSince(ms);
  }

  /** Applies one item to both, and compares the outcome and the token that the engine reports as touched. */
  take(item: LogItem): void {
    if (item.kind !== "event") {
      this.run.take(item);
      takeIntoModel(this.model, item);
      return;
    }
    const known = this.model.known.get(tokenIdOf(item.event));
    const refBefore = this.run.ref(item.event);
    assert.equal(refBefore !== undefined, known !== undefined, `known before ${describeItem(item)}`);
    const versionBefore = refBefore === undefined ? -1 : this.engine.version(refBefore);
    const expected = takeIntoModel(this.model, item);
    assert.equal(this.run.take(item), expected, `outcome of ${describeItem(item)}`);
    this.#compareTouched(item, expected as ModelOutcome, versionBefore);
  }

  #compareTouched(item: LogItem & { kind: "event" }, outcome: ModelOutcome, versionBefore: number): void {
    const ref = this.run.ref(item.event);
    const isCounted = outcome === "applied" || outcome === "removed" || outcome === "late" || outcome === "unresolved";
    const hasGrown = ref !== undefined && this.engine.version(ref) > versionBefore;
    if (ref !== undefined && isCounted && outcome !== "applied") {
      assert.ok(hasGrown, `the token's counter grew without its version: ${describeItem(item)}`);
    }
    const { touchedRef, movedRefs } = this.engine;
    // A swap that counts nothing may still let earlier swaps settle. The engine then names the tokens that this changed.
    const isMoved = ref !== undefined && !isCounted && movedRefs.includes(ref);
    if (isMoved && touchedRef === -1) return;
    assert.equal(touchedRef, hasGrown ? ref : -1, `touched by ${describeItem(item)}`);
  }

  /** The highest high, from which the as-of of a check is taken. */
  highMs(): number {
    return this.model.maxHighMs() ?? Date.UTC(2026, 0, 1);
  }

  /** Compares everything that does not depend on the as-of. */
  compareState(): void {
    const { engine, model } = this;
    assert.deepEqual({ ...engine.counters }, model.counters);
    const { accepted, dead_letters, ...parts } = countersOfVectors(engine.counters as ModelCounters);
    const sum = Object.values({ ...parts, ...dead_letters }).reduce((a, b) => a + b, 0);
    assert.equal(sum, accepted, "accepted is the sum of its parts");
    assert.equal(engine.seenSinceMs(), model.seenSinceMs);
    assert.deepEqual([...engine.highs()].sort(), [...model.highs].sort());
    const watermarks = [...model.highs].map(([chain, high]) => [chain, high - model.graceMs(chain)]);
    assert.deepEqual([...engine.watermarks()].sort(), watermarks.sort());
    assert.equal(engine.maxHighMs(), model.maxHighMs());
    const ids = [...engine.tokens()].map((ref) => engine.info(ref).id);
    assert.deepEqual(ids.sort(), [...model.known.keys()].sort());
  }

  /** Compares every statistic of every token in every window at one as-of. */
  compareAt(asOfMs: number, tolerance?: Tolerance): void {
    for (const token of this.model.known.values()) this.compareToken(token, asOfMs, tolerance);
  }

  compareToken(token: ModelToken, asOfMs: number, tolerance?: Tolerance): void {
    const { engine, model, config } = this;
    const ref = this.run.ref(token);
    assert.ok(ref !== undefined, `${token.id} is known`);
    const { token: _, removals_unmatched: removalsUnmatched, ...rest } = token;
    const { id } = token;
    const expected = { ...rest, removalsUnmatched, symbol: model.symbol(id) };
    assert.deepEqual({ ...engine.info(ref) }, expected);
    assert.equal(engine.isRetired(ref, asOfMs), model.isRetired(id, asOfMs), `${id} retired at ${asOfMs}`);
    config.windows.forEach((window, index) => {
      const served = engine.windowStats(ref, index, asOfMs) as unknown as Served;
      const found = differences(served, model.stats(id, index, asOfMs), tolerance);
      assert.deepEqual(found, [], `${id} in ${window.name} as of ${asOfMs}`);
    });
  }
}

/** Runs the comparison; when it fails, the message ends with the log. */
export function explained(items: readonly LogItem[], compare: () => void): void {
  try {
    compare();
  } catch (error) {
    const log = items.map(describeItem).join("\n");
    throw new Error(`${(error as Error).message}\nlog:\n${log}`, { cause: error });
  }
}
