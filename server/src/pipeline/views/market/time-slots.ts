/**
 * Sums of the counting swaps of a chain by time. A window is the sum of its slots, as a token's window is the sum of its buckets: time alone
 * changes no slot. Slots begin at multiples of the finest step. Older ones are merged into the step of the windows that still have an edge there.
 *
 * Rejected: sums of each token's windows that are replaced when the token changes. They take 800 bytes a token, and every swap changes them again
 * whenever it leaves a window.
 */
import { hasPrevious } from "../../../engine/buckets/levels.ts";
import type { WindowSpec } from "../../../engine/types.ts";

const LIMB = 1e15;

/** An exact sum of signed amounts: l1 x 10^15 + l0, with l0 from 0 to 10^15 - 1. */
class SignedSum {
  l0 = 0;
  l1 = 0;

  add(l0: number, l1: number): void {
    let low = this.l0 + l0;
    let high = this.l1 + l1;
    if (low >= LIMB) {
      low -= LIMB;
      high += 1;
    } else if (low < 0) {
      low += LIMB;
      high -= 1;
    }
    this.l0 = low;
    this.l1 = high;
  }

  toBigInt(): bigint {
    return BigInt(this.l1) * BigInt(LIMB) + BigInt(this.l0);
  }
}

/** Sums of a span of time. Dollars are integers of 10^-6. */
export class SpanSums {
  buys = 0;
  sells = 0;
  readonly usdBuy = new SignedSum();
  readonly usdSell = new SignedSum();

  add(other: SpanSums): void {
    this.buys += other.buys;
    this.sells += other.sells;
    this.usdBuy.add(other.usdBuy.l0, other.usdBuy.l1);
    this.usdSell.add(other.usdSell.l0, other.usdSell.l1);
  }
}

type Slot = { readonly startMs: number; readonly sums: SpanSums };

/** The sums of a window, and of the same span before it where the figures have one. */
type WindowSums = { readonly sums: SpanSums; readonly previous: SpanSums | undefined };

type Edges = { readonly openMs: number; readonly previousMs: number | undefined };
/** Slots that end before the age may begin at multiples of the step. */
type Level = { readonly stepMs: number; readonly ageMs: number };

export class TimeSlots {
  readonly #windows: readonly WindowSpec[];
  readonly #finestStepMs: number;
  readonly #longest: WindowSpec;
  readonly #levels: readonly Level[];
  /** Ascending by start. */
  #slots: Slot[] = [];

  /** `windows`: ascending by length; their steps divide each other. */
  constructor(windows: readonly WindowSpec[]) {
    this.#windows = windows;
    this.#longest = windows.at(-1) as WindowSpec;
    const steps = [...new Set(windows.map(({ stepMs }) => stepMs))].sort((a, b) => a - b);
    this.#finestStepMs = steps[0] as number;
    this.#levels = steps.map((stepMs) => ({ stepMs, ageMs: ageOfFinerEdgesMs(windows, stepMs) }));
  }

  /** Number of slots: the measure of memory, and of the time of `sums`. */
  get size(): number {
    return this.#slots.length;
  }

  /** Returns the sums to which swaps of this time are added. */
  at(timeMs: number): SpanSums {
    const startMs = Math.floor(timeMs / this.#finestStepMs) * this.#finestStepMs;
    const slots = this.#slots;
    let low = 0;
    let high = slots.length;
    // Nearly all swaps belong to the newest slots.
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((slots[middle] as Slot).startMs < startMs) low = middle + 1;
      else high = middle;
    }
    const found = slots[low];
    if (found?.startMs === startMs) return found.sums;
    const slot = { startMs, sums: new SpanSums() };
    slots.splice(low, 0, slot);
    return slot.sums;
  }

  /** Returns the sums of all windows at this as-of, in their order. An as-of must not be before that of an earlier call. */
  windows(asOfMs: number): readonly WindowSums[] {
    this.#age(asOfMs);
    const closeMs = Math.floor(asOfMs / this.#finestStepMs) * this.#finestStepMs + this.#finestStepMs;
    const edges = this.#windows.map((window) => this.#edges(window, asOfMs));
    const bounds = [...new Set(edges.flatMap(({ openMs, previousMs = openMs }) => [openMs, previousMs]))];
    bounds.push(closeMs);
    bounds.sort((a, b) => a - b);
    const segments = this.#segments(bounds);
    const between = (fromMs: number, toMs: number): SpanSums => {
      const sums = new SpanSums();
      for (let k = bounds.indexOf(fromMs); k < bounds.indexOf(toMs); k++) sums.add(segments[k] as SpanSums);
      return sums;
    };
    return edges.map(({ openMs, previousMs }) => ({
      sums: between(openMs, closeMs),
      previous: previousMs === undefined ? undefined : between(previousMs, openMs),
    }));
  }

  #edges(window: WindowSpec, asOfMs: number): Edges {
    const { lengthMs, stepMs } = window;
    const openMs = Math.floor((asOfMs - lengthMs) / stepMs) * stepMs;
    return { openMs, previousMs: hasPrevious(window, this.#longest.lengthMs) ? openMs - lengthMs : undefined };
  }

  /** Adds up the slots between neighbouring bounds, which ascend. */
  #segments(bounds: readonly number[]): SpanSums[] {
    const segments = bounds.slice(1).map(() => new SpanSums());
    let k = 0;
    for (const { startMs, sums } of this.#slots) {
      if (startMs < (bounds[0] as number)) continue;
      while (k < segments.length && startMs >= (bounds[k + 1] as number)) k += 1;
      const segment = segments[k];
      if (segment === undefined) break;
      segment.add(sums);
    }
    return segments;
  }

  /** Merges older slots into coarser ones, and drops those before all windows. */
  #age(asOfMs: number): void {
    const { openMs } = this.#edges(this.#longest, asOfMs);
    const kept: Slot[] = [];
    for (const slot of this.#slots) {
      if (slot.startMs < openMs) continue;
      const startMs = this.#mergedStartMs(slot.startMs, asOfMs);
      const last = kept.at(-1);
      if (last?.startMs === startMs) last.sums.add(slot.sums);
      else if (startMs === slot.startMs) kept.push(slot);
      else kept.push({ startMs, sums: slot.sums });
    }
    this.#slots = kept;
  }

  #mergedStartMs(startMs: number, asOfMs: number): number {
    let mergedMs = startMs;
    for (const { stepMs, ageMs } of this.#levels) {
      const coarseMs = Math.floor(startMs / stepMs) * stepMs;
      if (coarseMs + stepMs > asOfMs - ageMs) break;
      mergedMs = coarseMs;
    }
    return mergedMs;
  }
}

/** Returns the age beyond which no edge of a window, or of the span before it, lies between multiples of the step. */
function ageOfFinerEdgesMs(windows: readonly WindowSpec[], stepMs: number): number {
  return windows.reduce((age, window) => {
    return window.stepMs < stepMs ? Math.max(age, 2 * window.lengthMs + window.stepMs) : age;
  }, 0);
}
