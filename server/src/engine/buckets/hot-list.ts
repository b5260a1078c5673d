/**
 * A token's hot buckets as a list in order of time. Buckets never overlap: new ones are of the finest step, and only ageing widens
 * them. A token with many buckets has a ring that finds the bucket of a second in one step.
 */
import type { Heap } from "../memory/heap.ts";
import { ACTIVE_BLOCK, HOT_BUCKET } from "../memory/layout.ts";
import type { LevelPlan } from "./levels.ts";

const { FINEST_HEAD, HOT_COUNT, HOT_HEAD, HOT_TAIL, RING, UNITS: ACTIVE_UNITS } = ACTIVE_BLOCK;
const {
  BUYS,
  FIRST_RECORD,
  HIGH,
  LEVEL,
  LOW,
  NEXT,
  PREVIOUS,
  SELLS,
  START,
  BYTES: BUCKET_BYTES,
  UNITS: BUCKET_UNITS,
} = HOT_BUCKET;

/** A token with this many hot buckets gets a ring: it replaces a walk through the buckets of the last seconds by a step or two. */
const RING_BUCKETS_MIN = 96;
const RING_SLOTS = 128;
/** Slots of the ring before a new bucket's that are searched for its neighbour. Their words lie together. */
const NEAR_SLOTS = 32;

export class HotList {
  readonly #heap: Heap;
  readonly #plan: LevelPlan;
  /** Buckets of all tokens. */
  count = 0;

  constructor(heap: Heap, plan: LevelPlan) {
    this.#heap = heap;
    this.#plan = plan;
  }

  startMs(bucket: number): number {
    return this.#heap.f64[bucket + START];
  }

  endMs(bucket: number): number {
    return this.#heap.f64[bucket + START] + this.#plan.levels[this.level(bucket)].stepMs;
  }

  level(bucket: number): number {
    return this.#heap.u32[2 * bucket + LEVEL];
  }

  next(bucket: number): number {
    return this.#heap.u32[2 * bucket + NEXT];
  }

  previous(bucket: number): number {
    return this.#heap.u32[2 * bucket + PREVIOUS];
  }

  trades(bucket: number): number {
    return this.#heap.u32[2 * bucket + BUYS] + this.#heap.u32[2 * bucket + SELLS];
  }

  firstRecord(bucket: number): number {
    return this.#heap.u32[2 * bucket + FIRST_RECORD];
  }

  /** Returns the bucket that holds timeMs, and creates it if there is none. */
  locate(active: number, timeMs: number): number {
    const { u32, f64 } = this.#heap;
    const ring = u32[2 * active + RING];
    const step = Math.floor(timeMs / this.#plan.finestStepMs);
    const startMs = step * this.#plan.finestStepMs;
    if (ring !== 0) {
      const known = u32[2 * ring + (step % RING_SLOTS)];
      if (known !== 0 && f64[known + START] === startMs) return known;
    }
    let bucket = ring === 0 ? 0 : this.#nearBefore(ring, step, timeMs);
    if (bucket === 0) {
      bucket = u32[2 * active + HOT_TAIL];
      while (bucket !== 0 && f64[bucket + START] > timeMs) bucket = u32[2 * bucket + PREVIOUS];
    }
    if (bucket !== 0 && timeMs < this.endMs(bucket)) return bucket;
    return this.#insertAfter(active, bucket, startMs);
  }

  /** The last bucket that starts at or before timeMs, if the ring has one that starts shortly before; else 0. */
  #nearBefore(ring: number, step: number, timeMs: number): number {
    const { u32, f64 } = this.#heap;
    for (let back = 1; back <= NEAR_SLOTS; back++) {
      let bucket = u32[2 * ring + ((step - back) % RING_SLOTS)];
      if (bucket === 0 || f64[bucket + START] !== (step - back) * this.#plan.finestStepMs) continue;
      for (let next = u32[2 * bucket + NEXT]; next !== 0 && f64[next + START] <= timeMs; next = u32[2 * next + NEXT])
        bucket = next;
      return bucket;
    }
    return 0;
  }

  /** Enters a bucket of the finest step into the ring. The ring is created once the token has RING_BUCKETS_MIN buckets. */
  #enterRing(active: number, bucket: number): void {
    const heap = this.#heap;
    let ring = heap.u32[2 * active + RING];
    if (ring === 0) {
      if (heap.u32[2 * active + HOT_COUNT] < RING_BUCKETS_MIN) return;
      ring = heap.alloc(4 * RING_SLOTS);
      heap.own(active, ACTIVE_UNITS);
      heap.u32[2 * active + RING] = ring;
    }
    const slot = (heap.f64[bucket + START] / this.#plan.finestStepMs) % RING_SLOTS;
    const known = heap.u32[2 * ring + slot];
    if (known !== 0 && heap.f64[known + START] > heap.f64[bucket + START]) return;
    heap.own(ring + (slot >>> 1), 1);
    heap.u32[2 * ring + slot] = bucket;
  }

  /** Removes a bucket from the ring and from the head of the finest ones, before it is widened or freed. */
  #leaveFinest(active: number, bucket: number): void {
    const heap = this.#heap;
    if (heap.u32[2 * active + FINEST_HEAD] === bucket) {
      heap.own(active, ACTIVE_UNITS);
      heap.u32[2 * active + FINEST_HEAD] = heap.u32[2 * bucket + NEXT];
    }
    if (this.level(bucket) > 0) return;
    const ring = heap.u32[2 * active + RING];
    if (ring === 0) return;
    const slot = (heap.f64[bucket + START] / this.#plan.finestStepMs) % RING_SLOTS;
    if (heap.u32[2 * ring + slot] !== bucket) return;
    heap.own(ring + (slot >>> 1), 1);
    heap.u32[2 * ring + slot] = 0;
  }

  freeRing(active: number): void {
    const ring = this.#heap.u32[2 * active + RING];
    if (ring === 0) return;
    this.#heap.free(ring, 4 * RING_SLOTS);
    this.#heap.own(active, ACTIVE_UNITS);
    this.#heap.u32[2 * active + RING] = 0;
  }

  #insertAfter(active: number, before: number, startMs: number): number {
    const heap = this.#heap;
    const bucket = heap.alloc(BUCKET_BYTES);
    const { u32, f64 } = heap;
    heap.own(active, ACTIVE_UNITS);
    heap.own(bucket, BUCKET_UNITS);
    const after = before === 0 ? u32[2 * active + HOT_HEAD] : u32[2 * before + NEXT];
    u32[2 * bucket + PREVIOUS] = before;
    u32[2 * bucket + NEXT] = after;
    f64[bucket + START] = startMs;
    f64[bucket + HIGH] = Number.NaN;
    f64[bucket + LOW] = Number.NaN;
    if (before === 0) u32[2 * active + HOT_HEAD] = bucket;
    else {
      heap.own(before, BUCKET_UNITS);
      u32[2 * before + NEXT] = bucket;
    }
    if (after === 0) u32[2 * active + HOT_TAIL] = bucket;
    else {
      heap.own(after, BUCKET_UNITS);
      u32[2 * after + PREVIOUS] = bucket;
    }
    u32[2 * active + HOT_COUNT] += 1;
    this.count += 1;
    const finest = u32[2 * active + FINEST_HEAD];
    if (finest === 0 || f64[finest + START] > startMs) u32[2 * active + FINEST_HEAD] = bucket;
    this.#enterRing(active, bucket);
    return bucket;
  }

  /** Removes a bucket from its list and frees it. The caller disposes of its records. */
  remove(active: number, bucket: number): void {
    const heap = this.#heap;
    const { u32 } = heap;
    this.#leaveFinest(active, bucket);
    const before = u32[2 * bucket + PREVIOUS];
    const after = u32[2 * bucket + NEXT];
    heap.own(active, ACTIVE_UNITS);
    if (before === 0) u32[2 * active + HOT_HEAD] = after;
    else {
      heap.own(before, BUCKET_UNITS);
      u32[2 * before + NEXT] = after;
    }
    if (after === 0) u32[2 * active + HOT_TAIL] = before;
    else {
      heap.own(after, BUCKET_UNITS);
      u32[2 * after + PREVIOUS] = before;
    }
    u32[2 * active + HOT_COUNT] -= 1;
    this.count -= 1;
    heap.free(bucket, BUCKET_BYTES);
  }

  /** The first bucket that starts at or after fromMs, or 0. */
  firstFrom(active: number, fromMs: number): number {
    const { u32, f64 } = this.#heap;
    let bucket = u32[2 * active + HOT_TAIL];
    let first = 0;
    while (bucket !== 0 && f64[bucket + START] >= fromMs) {
      first = bucket;
      bucket = u32[2 * bucket + PREVIOUS];
    }
    return first;
  }

  /** Gives a bucket a coarser step. */
  widen(active: number, bucket: number, level: number, startMs: number): void {
    this.#leaveFinest(active, bucket);
    this.#heap.own(bucket, BUCKET_UNITS);
    this.#heap.f64[bucket + START] = startMs;
    this.#heap.u32[2 * bucket + LEVEL] = level;
  }
}
