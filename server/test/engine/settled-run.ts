import assert from "node:assert/strict";
import type { SettledChunk } from "../../src/codecs/settled-form.ts";
import { SettledRowWriter } from "../../src/codecs/settled-row-writer.ts";
import { readSettledRows } from "../../src/codecs/settled-rows.ts";
import type { PartitionEngine } from "../../src/engine/partition-engine.ts";
import type { SettledSwap } from "../../src/engine/reads/past-sums.ts";
import type { TestConfig } from "../model/arbitraries.ts";
import type { LogItem } from "../model/log-builder.ts";
import type { ModelEvent } from "../model/model-event.ts";
import type { NaiveModel } from "../model/naive-model.ts";
import { priceOf } from "../model/naive-stats.ts";
import { EngineRun } from "./pair.ts";

const CHUNK_HEAD_BYTES = 16;

/** An engine whose settled swaps are written down from `fromSequence` on. */
export class SettledRun {
  readonly run: EngineRun;
  readonly writer: SettledRowWriter;
  readonly chunks: SettledChunk[] = [];

  constructor(config: TestConfig, engine?: PartitionEngine) {
    this.run = new EngineRun(config, engine);
    this.writer = new SettledRowWriter(this.engine.source, this.engine.settledCount);
    this.engine.watchSettled(this.writer);
  }

  get engine(): PartitionEngine {
    return this.run.engine;
  }

  takeAll(items: readonly LogItem[]): this {
    for (const item of items) this.run.take(item);
    return this;
  }

  /** Ends the chunk in progress. */
  cut(): void {
    const chunk = this.writer.cut();
    if (chunk !== undefined) this.chunks.push(chunk);
  }

  /** All settled swaps so far, in the order of their sequences. */
  settled(): SettledSwap[] {
    this.cut();
    return this.chunks.flatMap(({ bytes }) => [...readSettledRows(bytes)]);
  }

  /** The groups of all chunks: these bytes do not depend on where chunks were cut. */
  bytes(): Buffer {
    this.cut();
    return Buffer.concat(this.chunks.map(({ bytes }) => bytes.subarray(CHUNK_HEAD_BYTES)));
  }

  /** The unsettled swaps of a token in [fromMs, toMs), in the same form. */
  unsettled(token: { chainId: number; token: string }, fromMs = 0, toMs = Number.MAX_SAFE_INTEGER): SettledSwap[] {
    const ref = this.run.ref(token);
    if (ref === undefined) return [];
    const writer = new SettledRowWriter(this.engine.source, 0);
    writer.settled(ref, this.engine.unsettled.records(ref, fromMs, toMs));
    const chunk = writer.cut();
    return chunk === undefined ? [] : [...readSettledRows(chunk.bytes)];
  }
}

/** The time before which all swaps of the partition have settled, from a scan that nothing interrupts. */
export function settledBeforeMs(engine: PartitionEngine): number | undefined {
  const scan = engine.unsettled.settledBeforeMs();
  for (;;) {
    const { done, value } = scan.next();
    if (done === true) return value;
  }
}

/** The row of a swap of the model. Its derived price is an approximation. */
export function rowOf(event: ModelEvent, priceMinUsdMicro: number): SettledSwap {
  const price = event.usd < BigInt(priceMinUsdMicro) ? undefined : priceOf(event);
  const given = event.price === undefined ? undefined : Number(`${event.price.coefficient}e${event.price.exponent}`);
  return {
    chainId: event.chainId,
    token: event.token,
    symbol: event.symbol,
    pool: event.pool,
    who: event.who,
    isBuy: event.side === "buy",
    amountUnits: event.amount,
    usdMicro: Number(event.usd),
    givenPrice: given,
    price: price === undefined ? undefined : (given ?? quotient(price.exact.numerator, price.exact.denominator)),
    eventTimeMs: event.eventTimeMs,
    txHash: event.txHash,
    logIndex: event.logIndex,
    txIndex: event.txIndex,
    eventId: event.eventId,
    blockNumber: event.blockNumber,
    blockHash: event.blockHash,
    revision: event.revision,
  };
}

/** 18 significant digits. */
function quotient(numerator: bigint, denominator: bigint): number {
  const shift = 18 - (String(numerator).length - String(denominator).length);
  const scaled =
    shift >= 0 ? (numerator * 10n ** BigInt(shift)) / denominator : numerator / (denominator * 10n ** BigInt(-shift));
  return Number(`${scaled}e${-shift}`);
}

/** Derived prices of engine and model are rounded in other places. */
const PRICE_ERROR_MAX = 1e-14;

/** A text by which rows that are equal but for a derived price are equal. */
function keyOf({ price, ...row }: SettledSwap): string {
  const derived = price === undefined ? "none" : "some";
  return JSON.stringify({ ...row, amountUnits: String(row.amountUnits), price: row.givenPrice ?? derived });
}

/** Asserts that both have the same rows, each as often. The message names the first difference alone. */
function assertSameRows(rows: readonly SettledSwap[], wanted: readonly SettledSwap[], about: string): void {
  const sorted = (list: readonly SettledSwap[]) =>
    list.map((row) => ({ row, key: keyOf(row) })).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const [got, want] = [sorted(rows), sorted(wanted)];
  for (let i = 0; i < Math.max(got.length, want.length); i++) {
    assert.equal(got[i]?.key, want[i]?.key, about);
    const [price, exact] = [got[i]?.row.price, want[i]?.row.price];
    assert.equal(price === undefined, exact === undefined, `${about}: price of ${got[i]?.key}`);
    if (price === undefined || exact === undefined) continue;
    assert.ok(Math.abs(price - exact) <= PRICE_ERROR_MAX * exact, `${about}: ${price}, not ${exact}: ${got[i]?.key}`);
  }
}

/** Asserts that the settled swaps and those in memory are the swaps that count, each once, and the bound and the sums in memory as well. */
export function assertWhole(settled: SettledRun, model: NaiveModel): void {
  const { engine } = settled;
  const rows = settled.settled();
  assert.equal(rows.length, engine.settledCount, "as many rows as the state counts");
  const wanted = [...model.known.values()].flatMap(({ id, chainId }) =>
    model.counted(id).map((event) => rowOf(event, model.priceMinUsdMicro(chainId))),
  );
  const unsettled = [...model.known.values()].flatMap((token) => settled.unsettled(token));
  assertSameRows([...rows, ...unsettled], wanted, "settled and unsettled swaps");
  const beforeMs = settledBeforeMs(engine);
  for (const row of unsettled) assert.ok(row.eventTimeMs >= (beforeMs ?? 0), `unsettled before ${beforeMs}`);
}
