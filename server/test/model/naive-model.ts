import { type ModelEvent, tokenIdOf } from "./model-event.ts";
import { compareClose, type ModelFigures, type ModelStats, statsOf, sumsOf } from "./naive-stats.ts";
import { closeTime, edgesOf, hasPrevious, type ModelWindow, memoryFromMs } from "./window-rules.ts";

/**
 * The model of one partition: keeps every record that it ever applied, and computes every figure from them by filtering,
 * sorting and adding up. The rules stand in the order of the semantics, and nothing is cached except a sorted list per token.
 */
type ModelChainLimits = {
  readonly graceMs?: number;
  readonly reorgHorizonMs?: number;
  readonly maxSkewMs?: number;
  readonly priceMinUsdMicro?: number;
};

export type ModelConfig = {
  readonly windows: readonly ModelWindow[];
  readonly graceMs: number;
  readonly reorgHorizonMs: number;
  readonly maxSkewMs: number;
  /** Settings of single chains. */
  readonly chains: ReadonlyMap<number, ModelChainLimits>;
  /** A swap below this many micro-dollars has no price. */
  readonly priceMinUsdMicro: number;
  readonly maxTokens: number;
  readonly maxChains: number;
};

export type ModelOutcome =
  | "applied"
  | "duplicate"
  | "late"
  | "quarantined"
  | "removed"
  | "unresolved"
  | "too_many_inclusions"
  | "too_many_tokens"
  | "too_many_chains";

export type ModelCounters = {
  accepted: number;
  applied: number;
  duplicates: number;
  late: number;
  quarantined: number;
  removed: number;
  unresolved: number;
  conflicts: number;
  replaced: number;
  removals_unmatched: number;
  labels_dropped: number;
  dead_letters: Record<string, number>;
};

type Inclusion = { present: ModelEvent | undefined; removal: ModelEvent | undefined };

/** One life of a swap, from its first inclusion until it is forgotten. Afterwards it counts as it was. */
type Swap = { readonly chainId: number; readonly inclusions: Map<string, Inclusion> };

export type ModelToken = {
  readonly id: string;
  readonly chainId: number;
  readonly token: string;
  late: number;
  removed: number;
  unresolved: number;
  replaced: number;
  removals_unmatched: number;
};

export type ModelCandle = { readonly openMs: number; readonly stats: ModelStats; readonly complete: boolean };

const inclusionsMax = 16;

export class NaiveModel {
  readonly config: ModelConfig;
  readonly counters: ModelCounters = {
    accepted: 0,
    applied: 0,
    duplicates: 0,
    late: 0,
    quarantined: 0,
    removed: 0,
    unresolved: 0,
    conflicts: 0,
    replaced: 0,
    removals_unmatched: 0,
    labels_dropped: 0,
    dead_letters: {},
  };
  readonly highs = new Map<number, number>();
  readonly known = new Map<string, ModelToken>();
  seenSinceMs: number | undefined;
  #seenSinceIsOpen = true;
  /** Every life of every swap, by token id. */
  readonly #lives = new Map<string, Swap[]>();
  /** The newest life of each swap, by token id and event id; it may already be forgotten. */
  readonly #newest = new Map<string, Swap>();
  readonly #sorted = new Map<string, ModelEvent[]>();

  constructor(config: ModelConfig) {
    this.config = config;
  }

  /** Sets seen_since, as a new data folder with a live clock does. */
  setSeenSince(ms: number): void {
    this.seenSinceMs = ms;
    this.#seenSinceIsOpen = false;
  }

  noteGap(): void {
    this.seenSinceMs = undefined;
    this.#seenSinceIsOpen = true;
  }

  deadLetter(code: string): void {
    this.counters.accepted += 1;
    this.counters.dead_letters[code] = (this.counters.dead_letters[code] ?? 0) + 1;
  }

  apply(event: ModelEvent, arrivalMs: number): ModelOutcome {
    if (event.symbolDropped) this.counters.labels_dropped += 1;
    const outcome = this.#judge(event, arrivalMs);
    const counters = this.counters;
    if (outcome.startsWith("too_many")) {
      this.deadLetter(outcome);
      return outcome;
    }
    counters.accepted += 1;
    counters[outcome === "duplicate" ? "duplicates" : (outcome as "applied")] += 1;
    const token = this.known.get(tokenIdOf(event));
    if (token !== undefined && (outcome === "late" || outcome === "removed" || outcome === "unresolved")) {
      token[outcome] += 1;
    }
    return outcome;
  }

  /** Steps 2 to 8 of the order of checks. */
  #judge(event: ModelEvent, arrivalMs: number): ModelOutcome {
    const { chainId, eventTimeMs, removed } = event;
    if (eventTimeMs > arrivalMs + this.maxSkewMs(chainId)) return "quarantined";
    if (!this.highs.has(chainId) && this.highs.size >= this.config.maxChains) return "too_many_chains";
    const highMs = Math.max(this.highs.get(chainId) ?? eventTimeMs, eventTimeMs);
    this.highs.set(chainId, highMs);
    if (this.#seenSinceIsOpen) {
      this.seenSinceMs = highMs;
      this.#seenSinceIsOpen = false;
    }
    if (eventTimeMs < highMs - this.horizonMs(chainId)) return removed ? "unresolved" : "late";
    const swapKey = JSON.stringify([tokenIdOf(event), event.eventId]);
    const swap = this.#rememberedSwap(swapKey);
    const inclusionKey = inclusionKeyOf(event);
    const inclusion = swap?.inclusions.get(inclusionKey);
    const first = removed ? inclusion?.removal : inclusion?.present;
    if (first !== undefined) {
      if (contentOf(first) !== contentOf(event)) this.counters.conflicts += 1;
      return "duplicate";
    }
    if (!removed && eventTimeMs < highMs - this.graceMs(chainId) && swap === undefined) return "late";
    if (swap !== undefined && inclusion === undefined && swap.inclusions.size >= inclusionsMax) {
      return "too_many_inclusions";
    }
    const isNewToken = !removed && !this.known.has(tokenIdOf(event));
    if (isNewToken && this.known.size >= this.config.maxTokens) return "too_many_tokens";
    this.#apply(event, swapKey, swap, inclusionKey);
    return removed ? "removed" : "applied";
  }

  #apply(event: ModelEvent, swapKey: string, remembered: Swap | undefined, inclusionKey: string): void {
    const id = tokenIdOf(event);
    let swap = remembered;
    if (swap === undefined) {
      swap = { chainId: event.chainId, inclusions: new Map() };
      this.#newest.set(swapKey, swap);
      const lives = this.#lives.get(id);
      if (lives === undefined) this.#lives.set(id, [swap]);
      else lives.push(swap);
    }
    const inclusion = swap.inclusions.get(inclusionKey) ?? { present: undefined, removal: undefined };
    swap.inclusions.set(inclusionKey, inclusion);
    const before = countingInclusion(swap);
    if (event.removed) inclusion.removal = event;
    else inclusion.present = event;
    if (!event.removed && !this.known.has(id)) {
      const { chainId, token } = event;
      const counters = { late: 0, removed: 0, unresolved: 0, replaced: 0, removals_unmatched: 0 };
      this.known.set(id, { id, chainId, token, ...counters });
    }
    // The one before is not removed: the announcement has replaced it.
    const isReplaced = !event.removed && before !== undefined && countingInclusion(swap) === event;
    if (isReplaced) this.#count(id, "replaced");
    if (event.removed && inclusion.present === undefined) this.#count(id, "removals_unmatched");
    this.#sorted.delete(id);
  }

  #count(id: string, counter: "replaced" | "removals_unmatched"): void {
    this.counters[counter] += 1;
    const token = this.known.get(id);
    if (token !== undefined) token[counter] += 1;
  }

  maxSkewMs(chainId: number): number {
    return this.config.chains.get(chainId)?.maxSkewMs ?? this.config.maxSkewMs;
  }

  priceMinUsdMicro(chainId: number): number {
    return this.config.chains.get(chainId)?.priceMinUsdMicro ?? this.config.priceMinUsdMicro;
  }

  graceMs(chainId: number): number {
    return this.config.chains.get(chainId)?.graceMs ?? this.config.graceMs;
  }

  horizonMs(chainId: number): number {
    const horizon = this.config.chains.get(chainId)?.reorgHorizonMs ?? this.config.reorgHorizonMs;
    return Math.max(this.graceMs(chainId), horizon);
  }

  maxHighMs(): number | undefined {
    return this.highs.size === 0 ? undefined : Math.max(...this.highs.values());
  }

  #isRemembered(swap: Swap): boolean {
    const settledBeforeMs = (this.highs.get(swap.chainId) as number) - this.horizonMs(swap.chainId);
    return [...swap.inclusions.values()].some((inclusion) => lastTimeOf(inclusion) >= settledBeforeMs);
  }

  #rememberedSwap(swapKey: string): Swap | undefined {
    const swap = this.#newest.get(swapKey);
    return swap !== undefined && this.#isRemembered(swap) ? swap : undefined;
  }

  /** The inclusions that count, of all lives of all swaps of a token, in the order of open and close. */
  counted(id: string): readonly ModelEvent[] {
    let events = this.#sorted.get(id);
    if (events === undefined) {
      events = (this.#lives.get(id) ?? []).map(countingInclusion).filter((event) => event !== undefined);
      events.sort(compareClose);
      this.#sorted.set(id, events);
    }
    return events;
  }

  symbol(id: string): string | undefined {
    return this.counted(id).findLast((event) => event.symbol !== undefined)?.symbol;
  }

  stats(id: string, windowIndex: number, asOfMs: number): ModelStats {
    const { windows } = this.config;
    const window = windows[windowIndex] as ModelWindow;
    const { openMs, closeMs } = edgesOf(windows, window, asOfMs);
    const events = this.counted(id);
    const previous = hasPrevious(windows, window)
      ? sumsOf(between(events, openMs - window.lengthMs, openMs))
      : undefined;
    const complete = this.seenSinceMs !== undefined && this.seenSinceMs <= openMs;
    return { openMs, closeMs, complete, previous, ...this.#figuresOf(id, between(events, openMs, closeMs)) };
  }

  #figuresOf(id: string, events: readonly ModelEvent[]): ModelFigures {
    return statsOf(events, this.priceMinUsdMicro(this.known.get(id)?.chainId ?? 0));
  }

  /** The time from which candles are available: the start of memory, or later seen_since or the first swap held; at an interval. */
  candlesFromMs(id: string, intervalMs: number): number | undefined {
    const memoryMs = this.candleMemoryMs(id, intervalMs);
    if (memoryMs === undefined) return undefined;
    const oldestMs = this.counted(id).find((event) => event.eventTimeMs >= memoryMs)?.eventTimeMs;
    if (oldestMs === undefined && this.seenSinceMs === undefined) return undefined;
    const beginsMs = Math.min(oldestMs ?? Number.POSITIVE_INFINITY, this.seenSinceMs ?? Number.POSITIVE_INFINITY);
    return Math.floor(Math.max(memoryMs, beginsMs) / intervalMs) * intervalMs;
  }

  candleMemoryMs(id: string, intervalMs: number): number | undefined {
    const { windows, maxSkewMs, chains } = this.config;
    const skewMs = Math.max(maxSkewMs, ...[...chains.values()].map((chain) => chain.maxSkewMs ?? 0));
    const highMs = this.highs.get(this.known.get(id)?.chainId as number) as number;
    return memoryFromMs(windows, skewMs, intervalMs, highMs);
  }

  /** Candles whose interval begins in [fromMs, toMs), from the swaps in memory. */
  candles(id: string, intervalMs: number, fromMs: number, toMs: number, asOfMs: number): ModelCandle[] {
    const memoryMs = this.candleMemoryMs(id, intervalMs) ?? Number.POSITIVE_INFINITY;
    const closeMs = closeTime(this.config.windows, asOfMs);
    const groups = new Map<number, ModelEvent[]>();
    for (const event of this.counted(id)) {
      const openMs = Math.floor(event.eventTimeMs / intervalMs) * intervalMs;
      if (openMs < fromMs || openMs >= toMs || event.eventTimeMs >= closeMs || event.eventTimeMs < memoryMs) continue;
      const group = groups.get(openMs);
      if (group === undefined) groups.set(openMs, [event]);
      else group.push(event);
    }
    return [...groups].map(([openMs, events]) => {
      const wasSeen = this.seenSinceMs !== undefined && Math.max(this.seenSinceMs, memoryMs) <= openMs;
      const isWhole = wasSeen && openMs + intervalMs <= asOfMs;
      const edges = { openMs, closeMs: openMs + intervalMs, previous: undefined };
      return { openMs, complete: isWhole, stats: { ...edges, complete: isWhole, ...this.#figuresOf(id, events) } };
    });
  }

  /** All swaps that count before the close time, newest first. */
  newestSwaps(id: string, asOfMs: number): ModelEvent[] {
    const closeMs = closeTime(this.config.windows, asOfMs);
    return this.counted(id)
      .filter((event) => event.eventTimeMs < closeMs)
      .reverse();
  }

  /** Whether the longest window and the time after it are empty, and every swap of the token has settled. */
  isRetired(id: string, asOfMs: number): boolean {
    const { windows } = this.config;
    const longest = windows.reduce((a, b) => (b.lengthMs > a.lengthMs ? b : a));
    const { openMs } = edgesOf(windows, longest, asOfMs);
    const isEmpty = !this.counted(id).some((event) => event.eventTimeMs >= openMs);
    return isEmpty && !(this.#lives.get(id) ?? []).some((swap) => this.#isRemembered(swap));
  }
}

function inclusionKeyOf(event: ModelEvent): string {
  if (event.blockHash !== undefined) return JSON.stringify([event.revision, event.blockHash]);
  return JSON.stringify([event.revision, event.blockNumber ?? 0, event.eventTimeMs]);
}

function lastTimeOf({ present, removal }: Inclusion): number {
  return Math.max(present?.eventTimeMs ?? 0, removal?.eventTimeMs ?? 0);
}

/** The greatest inclusion that is present and not removed. */
function countingInclusion(swap: Swap): ModelEvent | undefined {
  const candidates = [...swap.inclusions.values()].filter(({ removal }) => removal === undefined);
  const events = candidates.map(({ present }) => present).filter((event) => event !== undefined);
  return events.sort(compareInclusions).at(-1);
}

function compareInclusions(a: ModelEvent, b: ModelEvent): number {
  return (
    a.revision - b.revision ||
    (a.blockNumber ?? 0) - (b.blockNumber ?? 0) ||
    a.eventTimeMs - b.eventTimeMs ||
    Buffer.compare(Buffer.from(a.blockHash ?? ""), Buffer.from(b.blockHash ?? ""))
  );
}

/** Everything that is kept of an event, except whether it announces or removes. */
function contentOf(event: ModelEvent): string {
  const values = Object.entries({ ...event, removed: undefined, symbolDropped: undefined });
  return JSON.stringify(values.sort(), (_key, value) => {
    if (typeof value === "bigint") return value.toString();
    return value;
  });
}

/** The part of a sorted list with event times in [fromMs, toMs). */
function between(events: readonly ModelEvent[], fromMs: number, toMs: number): readonly ModelEvent[] {
  const from = events.findIndex((event) => event.eventTimeMs >= fromMs);
  if (from < 0) return [];
  const to = events.findLastIndex((event) => event.eventTimeMs < toMs);
  return events.slice(from, to + 1);
}
