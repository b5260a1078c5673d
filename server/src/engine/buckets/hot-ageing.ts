/** Ageing of hot buckets: those that are old enough get a coarser step, and buckets that then share one are merged. */
import type { Heap } from "../memory/heap.ts";
import { ACTIVE_BLOCK } from "../memory/layout.ts";
import type { HotBuckets } from "./hot-buckets.ts";
import type { HotList } from "./hot-list.ts";
import type { LevelPlan } from "./levels.ts";

const { FINEST_HEAD, HOT_COUNT, HOT_HEAD, UNITS: ACTIVE_UNITS } = ACTIVE_BLOCK;

/** The finest buckets of a token with fewer hot buckets do not age: few of them would be merged. */
export const AGED_BUCKETS_MIN = 64;

export class HotAgeing {
  readonly #heap: Heap;
  readonly #plan: LevelPlan;
  readonly #list: HotList;
  readonly #hot: HotBuckets;

  constructor(heap: Heap, plan: LevelPlan, list: HotList, hot: HotBuckets) {
    this.#heap = heap;
    this.#plan = plan;
    this.#list = list;
    this.#hot = hot;
  }

  /**
   * Ages the buckets of a token that start before settlesMs, and so are about to settle, and the finest ones if there are many.
   * highMs is the high of its chain. The buckets between are of one step: to merge them twice would cost more than it saves.
   */
  age(active: number, highMs: number, settlesMs: number): void {
    const { levels } = this.#plan;
    if (levels.length === 1) return;
    const heap = this.#heap;
    this.#ageFrom(active, heap.u32[2 * active + HOT_HEAD], settlesMs, highMs);
    if (heap.u32[2 * active + HOT_COUNT] < AGED_BUCKETS_MIN) return;
    const finest = heap.u32[2 * active + FINEST_HEAD];
    heap.own(active, ACTIVE_UNITS);
    heap.u32[2 * active + FINEST_HEAD] = this.#ageFrom(active, finest, highMs - levels[0].keepMs, highMs);
  }

  /** Ages the buckets from `first` on that start before a time. Returns the first of the finest step, or the one behind them. */
  #ageFrom(active: number, first: number, beforeMs: number, highMs: number): number {
    let bucket = first;
    let finest = 0;
    while (bucket !== 0 && this.#list.startMs(bucket) < beforeMs) {
      const next = this.#list.next(bucket);
      const level = this.#levelFor(bucket, highMs);
      if (level !== this.#list.level(bucket)) this.#widen(active, bucket, level);
      else if (level === 0 && finest === 0) finest = bucket;
      bucket = next;
    }
    return finest === 0 ? bucket : finest;
  }

  /** The coarsest step that the age of a bucket allows. */
  #levelFor(bucket: number, highMs: number): number {
    const { levels } = this.#plan;
    const startMs = this.#list.startMs(bucket);
    let level = this.#list.level(bucket);
    while (level + 1 < levels.length) {
      const { stepMs } = levels[level + 1];
      if (Math.floor(startMs / stepMs) * stepMs + stepMs > highMs - levels[level].keepMs) break;
      level += 1;
    }
    return level;
  }

  #widen(active: number, bucket: number, level: number): void {
    const { stepMs } = this.#plan.levels[level];
    const startMs = Math.floor(this.#list.startMs(bucket) / stepMs) * stepMs;
    const before = this.#list.previous(bucket);
    if (before !== 0 && this.#list.level(before) === level && this.#list.startMs(before) === startMs) {
      this.#hot.merge(before, bucket);
      this.#hot.remove(active, bucket);
      return;
    }
    this.#list.widen(active, bucket, level, startMs);
  }
}
