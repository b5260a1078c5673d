/** Chains of a partition: their highs and limits, and the wheel in which their tokens wait for upkeep. */

import type { LevelPlan } from "./buckets/levels.ts";
import type { Heap } from "./memory/heap.ts";
import { TOKEN_ROW } from "./memory/layout.ts";
import type { EngineConfig } from "./types.ts";

/** Largest number of chains in a partition. An event of a further chain is a dead letter. */
export const CHAINS_MAX = 256;
/** Grain of the wheel: upkeep visits a token with many swaps once in this span of event time, and others when swaps of theirs settle. */
export const WHEEL_GRAIN_MS = 30_000;
const WHEEL_SLOTS = 4096;
/** Recent block hashes kept at hand, by block number. */
export const BLOCK_SLOTS = 256;
/** Most empty slots that one event skips, so that a jump of the high does not stall the stream. */
const SLOTS_PER_EVENT_MAX = 256;

export type Chain = {
  readonly id: number;
  readonly index: number;
  readonly graceMs: number;
  /** H of semantics: the larger of grace and reorg horizon. */
  readonly horizonMs: number;
  /** Buckets younger than this stay hot: the horizon, and at least the span by which swaps may lie ahead of an as-of. */
  readonly hotMs: number;
  readonly maxSkewMs: number;
  readonly priceMinUsdMicro: number;
  highMs: number;
  readonly blocksRef: number;
  readonly wheelRef: number;
  wheelPosition: number;
  scheduled: number;
};

/** The state of a chain that does not follow from the configuration; part of the snapshot's header. */
export type ChainState = Pick<Chain, "id" | "highMs" | "blocksRef" | "wheelRef" | "wheelPosition" | "scheduled">;

const { WHEEL_NEXT, WHEEL_PREVIOUS, WHEEL_SLOT, UNITS: ROW_UNITS } = TOKEN_ROW;

export class Chains {
  readonly list: Chain[] = [];
  readonly #byId = new Map<number, Chain>();
  readonly #heap: Heap;
  readonly #config: EngineConfig;
  readonly #plan: LevelPlan;

  constructor(heap: Heap, config: EngineConfig, plan: LevelPlan, states: readonly ChainState[] = []) {
    this.#heap = heap;
    this.#config = config;
    this.#plan = plan;
    for (const state of states) this.#append(state);
  }

  #append(state: ChainState): Chain {
    const own = this.#config.chains.get(state.id);
    const graceMs = own?.graceMs ?? this.#config.graceMs;
    const horizonMs = Math.max(graceMs, own?.reorgHorizonMs ?? this.#config.reorgHorizonMs);
    const hotMs = Math.max(horizonMs, this.#plan.skewMs + this.#plan.finestStepMs);
    const maxSkewMs = this.maxSkewMs(state.id);
    const priceMinUsdMicro = own?.priceMinUsdMicro ?? this.#config.priceMinUsdMicro;
    const chain = { ...state, index: this.list.length, graceMs, horizonMs, hotMs, maxSkewMs, priceMinUsdMicro };
    this.list.push(chain);
    this.#byId.set(chain.id, chain);
    return chain;
  }

  /** Returns how far ahead of its arrival an event of this chain may lie. The chain need not be known. */
  maxSkewMs(id: number): number {
    return this.#config.chains.get(id)?.maxSkewMs ?? this.#config.maxSkewMs;
  }

  get(id: number): Chain | undefined {
    return this.#byId.get(id);
  }

  create(id: number, highMs: number): Chain {
    const wheelRef = this.#heap.alloc(4 * WHEEL_SLOTS);
    const blocksRef = this.#heap.alloc(4 * BLOCK_SLOTS);
    const wheelPosition = Math.floor(highMs / WHEEL_GRAIN_MS);
    return this.#append({ id, highMs, blocksRef, wheelRef, wheelPosition, scheduled: 0 });
  }

  states(): ChainState[] {
    return this.list.map(({ id, highMs, blocksRef, wheelRef, wheelPosition, scheduled }) => ({
      id,
      highMs,
      blocksRef,
      wheelRef,
      wheelPosition,
      scheduled,
    }));
  }

  /** Schedules upkeep of a token, which must not be in the wheel, for when the high has passed dueMs. */
  schedule(chain: Chain, row: number, dueMs: number): void {
    const heap = this.#heap;
    const slot = Math.max(
      chain.wheelPosition + 1,
      Math.min(Math.floor(dueMs / WHEEL_GRAIN_MS) + 1, chain.wheelPosition + WHEEL_SLOTS - 1),
    );
    const at = 2 * chain.wheelRef + (slot % WHEEL_SLOTS);
    const next = heap.u32[at];
    heap.own(row, ROW_UNITS);
    heap.own(at >>> 1, 1);
    heap.u32[2 * row + WHEEL_NEXT] = next;
    heap.u32[2 * row + WHEEL_PREVIOUS] = 0;
    heap.f64[row + WHEEL_SLOT] = slot;
    if (next !== 0) {
      heap.own(next + (WHEEL_PREVIOUS >>> 1), 1);
      heap.u32[2 * next + WHEEL_PREVIOUS] = row;
    }
    heap.u32[at] = row;
    chain.scheduled += 1;
  }

  unschedule(chain: Chain, row: number): void {
    const heap = this.#heap;
    const slot = heap.f64[row + WHEEL_SLOT];
    if (slot < 0) return;
    const next = heap.u32[2 * row + WHEEL_NEXT];
    const previous = heap.u32[2 * row + WHEEL_PREVIOUS];
    heap.own(row, ROW_UNITS);
    if (previous === 0) {
      const at = 2 * chain.wheelRef + (slot % WHEEL_SLOTS);
      heap.own(at >>> 1, 1);
      heap.u32[at] = next;
    } else {
      heap.own(previous + (WHEEL_NEXT >>> 1), 1);
      heap.u32[2 * previous + WHEEL_NEXT] = next;
    }
    if (next !== 0) {
      heap.own(next + (WHEEL_PREVIOUS >>> 1), 1);
      heap.u32[2 * next + WHEEL_PREVIOUS] = previous;
    }
    heap.u32[2 * row + WHEEL_NEXT] = 0;
    heap.u32[2 * row + WHEEL_PREVIOUS] = 0;
    heap.f64[row + WHEEL_SLOT] = -1;
    chain.scheduled -= 1;
  }

  /** Schedules upkeep of a token with a fresh swap for when that swap settles, or earlier. */
  wake(chain: Chain, row: number, timeMs: number): void {
    const slot = this.#heap.f64[row + WHEEL_SLOT];
    const settlesMs = timeMs + chain.hotMs + this.#plan.finestStepMs;
    if (slot >= 0 && slot <= Math.floor(settlesMs / WHEEL_GRAIN_MS) + 1) return;
    this.unschedule(chain, row);
    this.schedule(chain, row, settlesMs);
  }

  /** Removes the next due token from the wheel and returns it; 0 if none is due. */
  nextDue(chain: Chain): number {
    const target = Math.floor(chain.highMs / WHEEL_GRAIN_MS);
    if (chain.scheduled === 0) {
      if (chain.wheelPosition < target) chain.wheelPosition = target;
      return 0;
    }
    for (let passed = 0; chain.wheelPosition < target && passed < SLOTS_PER_EVENT_MAX; passed++) {
      const row = this.#heap.u32[2 * chain.wheelRef + ((chain.wheelPosition + 1) % WHEEL_SLOTS)];
      if (row !== 0) {
        this.unschedule(chain, row);
        return row;
      }
      chain.wheelPosition += 1;
    }
    return 0;
  }
}
