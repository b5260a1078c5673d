/**
 * The expected result, computed from what the test itself has sent: a naive model for each partition, which knows neither our Kafka reader
 * nor our engine. Records carry their arrival as the producer's time, so the broker must not set it.
 */
import assert from "node:assert/strict";
import { waitFor } from "../../../scripts/servers/process.ts";
import type { EngineConfig } from "../../src/engine/types.ts";
import { differences } from "../model/compare-figures.ts";
import { decodeLine } from "../model/model-decoder.ts";
import { type ModelCounters, NaiveModel } from "../model/naive-model.ts";
import { type Instance, SETTLE_LIMIT_MS } from "./site.ts";

const IDS_PER_REQUEST = 500;

type Answer = {
  id: string;
  symbol?: string;
  late: number;
  removed: number;
  unresolved: number;
  replaced: number;
  removals_unmatched: number;
  stale?: true;
  error?: { code: string };
  windows: Record<string, Record<string, unknown>>;
};

export class Expected {
  readonly models: readonly NaiveModel[];
  readonly #config: EngineConfig;

  constructor(config: EngineConfig, partitions: number) {
    this.#config = config;
    const settings = { ...config, maxChains: Number.POSITIVE_INFINITY };
    this.models = Array.from({ length: partitions }, () => new NaiveModel(settings));
  }

  /** The next record of a partition. `code` is given where the model cannot tell why it is a dead letter. */
  take(partition: number, value: string, arrivalMs: number, code?: string): void {
    const model = this.models[partition] as NaiveModel;
    const decoded = code === undefined ? decodeLine(value) : { code };
    if ("code" in decoded) model.deadLetter(decoded.code);
    else model.apply(decoded.event, arrivalMs);
  }

  get counters(): ModelCounters {
    const sum: Record<string, number> = {};
    const letters: Record<string, number> = {};
    for (const { counters } of this.models) {
      for (const [name, value] of Object.entries(counters)) {
        if (typeof value === "number") sum[name] = (sum[name] ?? 0) + value;
      }
      for (const [code, count] of Object.entries(counters.dead_letters)) letters[code] = (letters[code] ?? 0) + count;
    }
    return { ...sum, dead_letters: letters } as ModelCounters;
  }

  /** Of all partitions. All instances reach it, because they tell each other. */
  get asOfMs(): number {
    return Math.max(...this.models.map((model) => model.maxHighMs() ?? 0));
  }

  /** Asserts that every statistic of every such token in this instance's response equals the model. Returns the number of tokens. */
  async compare(instance: Instance, isMeant: (id: string) => boolean = () => true): Promise<number> {
    let count = 0;
    for (const model of this.models) {
      const ids = [...model.known.keys()].filter(isMeant);
      for (let at = 0; at < ids.length; at += IDS_PER_REQUEST) {
        const answers = await answersOf(instance, ids.slice(at, at + IDS_PER_REQUEST), this.asOfMs);
        for (const answer of answers) this.#compareOne(instance, model, answer);
      }
      count += ids.length;
    }
    return count;
  }

  #compareOne(instance: Instance, model: NaiveModel, answer: Answer): void {
    const { id, late, removed, unresolved, replaced, removals_unmatched } = answer;
    const known = model.known.get(id);
    const where = `${id} at ${instance.name}`;
    assert.deepEqual([late, removed, unresolved], [known?.late, known?.removed, known?.unresolved], where);
    assert.deepEqual([replaced, removals_unmatched], [known?.replaced, known?.removals_unmatched], where);
    assert.equal(answer.symbol, model.symbol(id), where);
    for (const [index, { name }] of this.#config.windows.entries()) {
      const stats = model.stats(id, index, this.asOfMs);
      assert.deepEqual(differences(answer.windows[name] ?? {}, stats), [], `${where} ${name}`);
    }
  }
}

/** Returns the responses for these tokens once none is stale or missing and all have this instant. */
export async function answersOf(instance: Instance, ids: readonly string[], asOfMs: number): Promise<Answer[]> {
  let items: Answer[] = [];
  let seen = "";
  const isFresh = async (): Promise<boolean> => {
    const response = await fetch(`${instance.url}/api/tokens/stats`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ids }),
    });
    const body = (await response.json()) as { as_of: number; items: Answer[] };
    seen = JSON.stringify(body).slice(0, 1_000);
    items = body.items;
    return (
      response.status === 200 &&
      body.as_of === asOfMs &&
      items.every(({ stale, error }) => stale === undefined && error === undefined)
    );
  };
  await waitFor(`fresh answers of ${instance.name}`, isFresh, SETTLE_LIMIT_MS).catch((error: Error) => {
    throw new Error(`${error.message}, as of ${asOfMs}: ${seen}`);
  });
  return items;
}
