/**
 * The packed buckets of a token: a list of blobs in order of time, coarser steps first. Rows come from settled hot buckets. A
 * blob that is old enough for the next step is unpacked and merged into it; a blob that is older than the last step is kept is
 * freed.
 */

import type { Heap } from "../memory/heap.ts";
import { ACTIVE_BLOCK } from "../memory/layout.ts";
import { BucketRow, Figures } from "./bucket-row.ts";
import { ColdBlobs } from "./cold-blob.ts";
import type { LevelPlan } from "./levels.ts";

const { COLD_CAPACITY, COLD_COUNT, COLD_LIST, UNITS: ACTIVE_UNITS } = ACTIVE_BLOCK;

export class ColdStore {
  readonly #heap: Heap;
  readonly #plan: LevelPlan;
  readonly blobs: ColdBlobs;
  readonly #row = new BucketRow();
  readonly #sum = new Figures();

  constructor(heap: Heap, plan: LevelPlan) {
    this.#heap = heap;
    this.#plan = plan;
    this.blobs = new ColdBlobs(
      heap,
      plan.levels.map((level) => level.stepMs),
    );
  }

  count(active: number): number {
    return this.#heap.u32[2 * active + COLD_COUNT];
  }

  blobAt(active: number, i: number): number {
    return this.#heap.u32[2 * this.#heap.u32[2 * active + COLD_LIST] + i];
  }

  /** Appends a settled bucket, which is newer than all rows here. */
  settle(active: number, level: number, row: BucketRow): void {
    // A bucket that waited long may be coarser than the rows before it. They are older, so they are due for its step, too.
    while (this.count(active) > 0 && this.blobs.level(this.blobAt(active, this.count(active) - 1)) < level) {
      let at = this.count(active) - 1;
      const finest = this.blobs.level(this.blobAt(active, at));
      while (at > 0 && this.blobs.level(this.blobAt(active, at - 1)) === finest) at -= 1;
      this.#coarsen(active, at, finest + 1);
    }
    this.#append(active, level, row);
  }

  /** Appends a row after all others of its level. */
  #append(active: number, level: number, row: BucketRow): void {
    // After the last blob of this step or a coarser one. Blobs of finer steps follow.
    let at = this.count(active);
    while (at > 0 && this.blobs.level(this.blobAt(active, at - 1)) < level) at -= 1;
    const last = at > 0 ? this.blobAt(active, at - 1) : 0;
    const moved = last !== 0 && this.blobs.level(last) === level ? this.blobs.append(last, row) : 0;
    if (moved === 0) {
      const fresh = this.blobs.create(level);
      this.#insert(active, at, this.blobs.append(fresh, row));
    } else if (moved !== last) this.#set(active, at - 1, moved);
  }

  #set(active: number, i: number, blob: number): void {
    const list = this.#heap.u32[2 * active + COLD_LIST];
    this.#heap.own(list + (i >>> 1), 1);
    this.#heap.u32[2 * list + i] = blob;
  }

  #insert(active: number, at: number, blob: number): void {
    const heap = this.#heap;
    const count = this.count(active);
    if (count === heap.u32[2 * active + COLD_CAPACITY]) this.#resize(active, count === 0 ? 4 : count + (count >>> 1));
    const list = 2 * heap.u32[2 * active + COLD_LIST];
    heap.own(list >>> 1, (count + 2) >>> 1);
    heap.u32.copyWithin(list + at + 1, list + at, list + count);
    heap.u32[list + at] = blob;
    heap.own(active, ACTIVE_UNITS);
    heap.u32[2 * active + COLD_COUNT] = count + 1;
  }

  #resize(active: number, capacity: number): void {
    const heap = this.#heap;
    const old = heap.u32[2 * active + COLD_LIST];
    const count = this.count(active);
    const list = capacity === 0 ? 0 : heap.alloc(4 * capacity);
    for (let i = 0; i < count; i++) heap.u32[2 * list + i] = heap.u32[2 * old + i];
    if (old !== 0) heap.free(old, 4 * heap.u32[2 * active + COLD_CAPACITY]);
    heap.own(active, ACTIVE_UNITS);
    heap.u32[2 * active + COLD_LIST] = list;
    heap.u32[2 * active + COLD_CAPACITY] = capacity;
  }

  #removeAt(active: number, at: number): void {
    const heap = this.#heap;
    const count = this.count(active);
    this.blobs.free(this.blobAt(active, at));
    const list = 2 * heap.u32[2 * active + COLD_LIST];
    heap.own(list >>> 1, (count + 2) >>> 1);
    heap.u32.copyWithin(list + at, list + at + 1, list + count);
    heap.u32[list + count - 1] = 0;
    heap.own(active, ACTIVE_UNITS);
    heap.u32[2 * active + COLD_COUNT] = count - 1;
    if (count === 1) this.#resize(active, 0);
  }

  /** Merges old blobs into coarser steps, and drops those that no window reaches. */
  age(active: number, highMs: number): void {
    const { levels } = this.#plan;
    const last = levels.length - 1;
    while (this.count(active) > 0) {
      const oldest = this.blobAt(active, 0);
      if (this.blobs.endMs(oldest) > highMs - levels[last].keepMs) break;
      this.#removeAt(active, 0);
    }
    // Coarser levels first: rows that were just merged are not old enough to be merged again.
    for (let level = last - 1; level >= 0; level--) {
      let at = 0;
      while (at < this.count(active) && this.blobs.level(this.blobAt(active, at)) > level) at += 1;
      while (at < this.count(active)) {
        const blob = this.blobAt(active, at);
        const { stepMs } = levels[level + 1];
        const endMs = Math.ceil(this.blobs.endMs(blob) / stepMs) * stepMs;
        if (this.blobs.level(blob) !== level || endMs > highMs - levels[level].keepMs) break;
        at = this.#coarsen(active, at, level + 1);
      }
    }
  }

  /** Moves the rows of blob `at` to the next level. Returns the new index of the next blob of its level. */
  #coarsen(active: number, at: number, level: number): number {
    const { stepMs } = this.#plan.levels[level];
    const rows: BucketRow[] = [];
    this.#sum.clear();
    let startMs = Number.NaN;
    const flush = (): void => {
      if (this.#sum.trades > 0) rows.push(this.#take(startMs));
      this.#sum.clear();
    };
    this.blobs.unpack(this.blobAt(active, at), this.#row, (row) => {
      const slot = Math.floor(row.startMs / stepMs) * stepMs;
      if (slot !== startMs) flush();
      startMs = slot;
      this.#sum.add(row);
    });
    flush();
    this.#removeAt(active, at);
    for (const row of rows) this.#append(active, level, row);
    let next = 0;
    while (next < this.count(active) && this.blobs.level(this.blobAt(active, next)) >= level) next += 1;
    return next;
  }

  #take(startMs: number): BucketRow {
    const row = new BucketRow();
    const sum = this.#sum;
    row.startMs = startMs;
    row.buys = sum.buys;
    row.sells = sum.sells;
    row.usdBuy0 = sum.usdBuy.l0;
    row.usdBuy1 = sum.usdBuy.l1;
    row.usdSell0 = sum.usdSell.l0;
    row.usdSell1 = sum.usdSell.l1;
    row.tokenBuy0 = sum.tokenBuy.l0;
    row.tokenBuy1 = sum.tokenBuy.l1;
    row.tokenBuy2 = sum.tokenBuy.l2;
    row.tokenSell0 = sum.tokenSell.l0;
    row.tokenSell1 = sum.tokenSell.l1;
    row.tokenSell2 = sum.tokenSell.l2;
    row.open = sum.open;
    row.high = sum.high;
    row.low = sum.low;
    row.close = sum.close;
    row.firstMs = sum.firstMs;
    row.lastMs = sum.lastMs;
    return row;
  }

  /** Calls `each` for all rows that start in [fromMs, toMs), in order of time. */
  eachRow(active: number, fromMs: number, toMs: number, each: (row: BucketRow) => void): void {
    const count = this.count(active);
    for (let i = 0; i < count; i++) {
      const blob = this.blobAt(active, i);
      if (this.blobs.startMs(blob) >= toMs) break;
      if (this.blobs.endMs(blob) <= fromMs) continue;
      this.blobs.unpack(blob, this.#row, (row) => {
        if (row.startMs >= fromMs && row.startMs < toMs) each(row);
      });
    }
  }

  /** Start of the first row at or after fromMs, or Infinity. */
  firstStartMs(active: number, fromMs: number): number {
    // From the newest, because most reads start later than all of these.
    let i = this.count(active);
    while (i > 0 && this.blobs.lastStartMs(this.blobAt(active, i - 1)) >= fromMs) i -= 1;
    return i === this.count(active)
      ? Number.POSITIVE_INFINITY
      : this.blobs.firstStartMs(this.blobAt(active, i), fromMs);
  }

  /** The high at which the next blob must be merged or dropped; Infinity without blobs. */
  nextDueMs(active: number): number {
    const { levels } = this.#plan;
    let due = Number.POSITIVE_INFINITY;
    const count = this.count(active);
    for (let i = 0; i < count; i++) {
      const blob = this.blobAt(active, i);
      const level = this.blobs.level(blob);
      const coarserMs = level + 1 < levels.length ? levels[level + 1].stepMs : 1;
      due = Math.min(due, Math.ceil(this.blobs.endMs(blob) / coarserMs) * coarserMs + levels[level].keepMs);
    }
    return due;
  }
}
