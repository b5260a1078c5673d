/** A token's settled traders: an exact table up to the cap, beyond it a sketch. */

import type { LevelPlan } from "../buckets/levels.ts";
import type { Heap } from "../memory/heap.ts";
import type { HashSeed } from "../memory/keyed-hash.ts";
import { ACTIVE_BLOCK } from "../memory/layout.ts";
import type { Strings } from "../memory/strings.ts";
import { FLAG_BUY } from "../swaps/record-view.ts";
import type { Records } from "../swaps/records.ts";
import { TraderSketches } from "./trader-sketch.ts";
import { TraderTables } from "./trader-table.ts";

const { TRADER_SKETCH, TRADER_TABLE, UNITS: ACTIVE_UNITS } = ACTIVE_BLOCK;

export class SettledTraders {
  readonly #heap: Heap;
  readonly #records: Records;
  readonly #plan: LevelPlan;
  /** Expired wallets are removed from a table when it is an eighth above the cap, which keeps sweeps rare. */
  readonly #tableMax: number;
  readonly #exactMax: number;
  readonly tables: TraderTables;
  readonly sketches: TraderSketches;

  constructor(heap: Heap, records: Records, strings: Strings, plan: LevelPlan, exactMax: number, seed: HashSeed) {
    this.#heap = heap;
    this.#records = records;
    this.#plan = plan;
    this.#exactMax = exactMax;
    this.#tableMax = exactMax + Math.ceil(exactMax / 8);
    this.tables = new TraderTables(heap, strings, seed[0] ^ seed[1]);
    this.sketches = new TraderSketches(heap, strings, seed, plan.levels[plan.levels.length - 1].keepMs);
  }

  #expiredBeforeMs(highMs: number): number {
    return highMs - this.#plan.levels[this.#plan.levels.length - 1].keepMs;
  }

  /** Notes a counting swap that settles. */
  note(active: number, record: number, highMs: number): void {
    const who = this.#records.who(record);
    if (who === 0) return;
    const buy = (this.#records.flags(record) & FLAG_BUY) !== 0;
    const timeMs = this.#records.timeMs(record);
    const expiredMs = this.#expiredBeforeMs(highMs);
    const sketch = this.#heap.u32[2 * active + TRADER_SKETCH];
    if (sketch !== 0) {
      this.sketches.note(sketch, who, buy, timeMs, expiredMs);
      return;
    }
    let table = this.#heap.u32[2 * active + TRADER_TABLE];
    if (table === 0) table = this.tables.create(timeMs);
    table = this.tables.note(table, who, buy, timeMs, expiredMs);
    if (this.tables.count(table) <= this.#tableMax) {
      this.#setTable(active, table);
      return;
    }
    table = this.tables.sweep(table, expiredMs);
    this.#setTable(active, table);
    if (this.tables.count(table) > this.#exactMax) this.#estimateFromNow(active, table, expiredMs);
  }

  #setTable(active: number, table: number): void {
    if (this.#heap.u32[2 * active + TRADER_TABLE] === table) return;
    this.#heap.own(active, ACTIVE_UNITS);
    this.#heap.u32[2 * active + TRADER_TABLE] = table;
  }

  #estimateFromNow(active: number, table: number, expiredMs: number): void {
    const sketch = this.sketches.create();
    this.tables.each(table, (who, buyMs, sellMs) => {
      if (buyMs >= expiredMs) this.sketches.note(sketch, who, true, buyMs, expiredMs);
      if (sellMs >= expiredMs) this.sketches.note(sketch, who, false, sellMs, expiredMs);
    });
    this.tables.free(table);
    this.#heap.own(active, ACTIVE_UNITS);
    this.#heap.u32[2 * active + TRADER_TABLE] = 0;
    this.#heap.u32[2 * active + TRADER_SKETCH] = sketch;
  }

  free(active: number): void {
    const table = this.#heap.u32[2 * active + TRADER_TABLE];
    const sketch = this.#heap.u32[2 * active + TRADER_SKETCH];
    if (table !== 0) this.tables.free(table);
    if (sketch !== 0) this.sketches.free(sketch);
  }
}
