/** Times of a stream of settled rows: where it begins, marks, and gaps. */
import type { PartitionEngine } from "../../engine/partition-engine.ts";

const MINUTE_MS = 60_000;
/** The end of spans that have none. */
export const ENDLESS_MS = Number.MAX_SAFE_INTEGER;

export function minuteFloor(ms: number): number {
  return Math.floor(ms / MINUTE_MS) * MINUTE_MS;
}

export function minuteCeil(ms: number): number {
  return Math.ceil(ms / MINUTE_MS) * MINUTE_MS;
}

/**
 * Returns the first minute of which a stream that begins with this state, which has records, will have all swaps. Swaps that have settled are not in the
 * stream, and none of them is younger than the horizon of its chain.
 */
export function firstCompleteMs(engine: PartitionEngine): number {
  const settled = Array.from(engine.highs(), ([chainId, highMs]) => highMs - horizonOf(engine, chainId));
  return minuteCeil(Math.max(engine.seenSinceMs() ?? engine.maxHighMs() ?? 0, ...settled));
}

/** Returns a time that no record which comes later lies before, but for those of chains that are behind the others. */
export function earliestNextMs(engine: PartitionEngine): number {
  const earliest = Array.from(engine.highs(), ([chainId, highMs]) => highMs - graceOf(engine, chainId));
  return earliest.length === 0 ? 0 : minuteFloor(Math.max(...earliest));
}

/** Returns a time that no swap which settles later lies before. */
export function oldestComingMs(engine: PartitionEngine): number {
  const oldest = Array.from(engine.highs(), ([chainId, highMs]) => highMs - horizonOf(engine, chainId));
  return minuteFloor(Math.max(0, Math.min(...oldest)));
}

export function largestGraceMs({ config }: PartitionEngine): number {
  return Math.max(config.graceMs, ...Array.from(config.chains.values(), (chain) => chain.graceMs ?? 0));
}

function horizonOf({ config }: PartitionEngine, chainId: number): number {
  return config.chains.get(chainId)?.reorgHorizonMs ?? config.reorgHorizonMs;
}

function graceOf({ config }: PartitionEngine, chainId: number): number {
  return config.chains.get(chainId)?.graceMs ?? config.graceMs;
}
