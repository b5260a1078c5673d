/** Ageing of hot buckets: those that are old enough get a coarser step, and buckets that then share one are merged. */
import type { Heap } from "../memory/heap.ts";
import { ACTIVE_BLOCK } from "../memory/layout.ts";
import type { HotBuckets } from "./hot-buckets.ts";
import type { HotList } from "./hot-list.ts";
import type { LevelPlan } from "./levels.ts";

const { AGE_ALL_AT, FINEST_HEAD, HOT_HEAD, UNITS: ACTIVE_UNITS } = ACTIVE_BLOCK;

/** Coarser hot buckets age only once in this span: there are many of them, and few are due. */
const AGE_ALL_MS = 240_000;

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

  /** Ages the hot buckets of a token, with the high of its chain. */
  age(active: number, highMs: number): void {
    const { levels } = this.#plan;
    if (levels.length === 1) return;
    const all = highMs >= this.#heap.f64[active + AGE_ALL_AT];
    if (all) {
      this.#heap.own(active, ACTIVE_UNITS);
      this.#heap.f64[active + AGE_ALL_AT] = highMs + AGE_ALL_MS;
    }
    let bucket = this.#heap.u32[2 * active + (all ? HOT_HEAD : FINEST_HEAD)];
    let finest = 0;
    while (bucket !== 0 && this.#list.startMs(bucket) < highMs - levels[0].keepMs) {
      const next = this.#list.next(bucket);
      const level = this.#levelFor(bucket, highMs);
      if (level !== this.#list.level(bucket)) this.#widen(active, bucket, level);
      else if (level === 0 && finest === 0) finest = bucket;
      bucket = next;
    }
    this.#heap.own(active, ACTIVE_UNITS);
    this.#heap.u32[2 * active + FINEST_HEAD] = finest === 0 ? bucket : finest;
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
