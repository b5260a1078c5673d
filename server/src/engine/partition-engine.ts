/**
 * The statistics of one partition: a deterministic function of the records it is given. `apply` runs the order of checks
 * of the semantics; reads are pure functions of the state and an as-of. There is no clock, no randomness and no I/O here.
 */

import { SwapstatsError } from "../shared/errors.ts";
import { CHAINS_MAX, type Chain } from "./chains.ts";
import { EngineState } from "./engine-state.ts";
import { stringToUtf8 } from "./memory/bytes.ts";
import { HASH_SEGMENTS } from "./memory/hash-index.ts";
import { Heap, PAGE_BYTES } from "./memory/heap.ts";
import type { HashSeed } from "./memory/keyed-hash.ts";
import { CandleQuery } from "./reads/candle-query.ts";
import type { RankedFigure, WindowStats } from "./reads/figures.ts";
import type { RankKey } from "./reads/rank-key.ts";
import { SwapQuery } from "./reads/swap-query.ts";
import { compareChainTexts } from "./reads/token-order.ts";
import { WindowQuery } from "./reads/window-query.ts";
import { decodeHeader, encodeHeader, type SnapshotHeader } from "./snapshot.ts";
import { INCLUSIONS_MAX } from "./swaps/inclusions.ts";
import type { RecordView } from "./swaps/record-view.ts";
import type { SwapEvent } from "./swaps/swap-event.ts";
import { ACTIVE_UNITS, HOT_TAIL, RECENT_FROM, SYMBOL_HOLDER } from "./tokens.ts";
import { TraderCounts } from "./traders/trader-counts.ts";
import type { Counters, EngineConfig, Outcome, ServedSwap, TokenInfo, TokenRef } from "./types.ts";
import { SETTLED_PER_VISIT_MAX, Upkeep } from "./upkeep.ts";

/** Parts in which all tokens can be read. */
export const TOKEN_PARTS = HASH_SEGMENTS;
/** Tokens looked after at one event at most: more than can come due per event, so that a backlog shrinks without a stall. */
const VISITS_PER_EVENT_MAX = 3;

export type EngineSnapshot = {
  readonly header: Uint8Array;
  readonly totalBytes: number;
  /** The next slice of the image of about maxBytes (at least a page), or undefined at the end. */
  next(maxBytes: number): Uint8Array | undefined;
  abort(): void;
};

export class PartitionEngine {
  readonly config: EngineConfig;
  /** The known token whose version the last apply raised, or -1. */
  touchedRef: TokenRef = -1;
  readonly #state: EngineState;
  readonly #upkeep: Upkeep;
  readonly #traderCounts: TraderCounts;
  readonly #windows: WindowQuery;
  readonly #candles: CandleQuery;
  readonly #swaps: SwapQuery;

  /** `start` is the secret of a new partition's hashes, two random words of 32 bits, or a restored state. */
  constructor(config: EngineConfig, start: HashSeed | EngineState) {
    const state = start instanceof EngineState ? start : EngineState.empty(config, start);
    this.config = config;
    this.#state = state;
    this.#traderCounts = new TraderCounts(
      state.heap,
      state.records,
      state.hot,
      state.traders,
      state.seed,
      state.plan.finestStepMs,
    );
    this.#upkeep = new Upkeep(state, this.#traderCounts);
    this.#windows = new WindowQuery(config, state.plan, state.hot, state.cold, this.#traderCounts);
    this.#candles = new CandleQuery(state.plan, state.hot, state.cold);
    this.#swaps = new SwapQuery(state.heap, state.hot, state.records, state.strings, state.tokens);
  }

  get counters(): Counters {
    return this.#state.counters;
  }

  /** A record that could not be decoded. */
  deadLetter(code: string): void {
    this.touchedRef = -1;
    this.#state.counters.accepted += 1;
    this.#countDeadLetter(code);
  }

  #countDeadLetter(code: string): void {
    const { dead_letters } = this.#state.counters;
    dead_letters[code] = (dead_letters[code] ?? 0) + 1;
  }

  /** Tokens, of this event or not, whose estimated traders the last apply moved by settling swaps; their version rose. Empty as a rule. */
  get movedRefs(): readonly TokenRef[] {
    return this.#upkeep.moved;
  }

  /** Runs the checks on one decoded event and applies it. Throws RangeError only when the image is full. */
  apply(event: SwapEvent, arrivalMs: number): Outcome {
    const { counters, chains } = this.#state;
    this.touchedRef = -1;
    if (this.#upkeep.moved.length > 0) this.#upkeep.moved.length = 0;
    counters.accepted += 1;
    if (event.symbolDropped) counters.labels_dropped += 1;
    let chain = chains.get(event.chainId);
    if (event.eventTimeMs > arrivalMs + (chain?.maxSkewMs ?? chains.maxSkewMs(event.chainId))) {
      counters.quarantined += 1;
      return "quarantined";
    }
    if (chain === undefined) {
      if (chains.list.length >= CHAINS_MAX) {
        this.#countDeadLetter("too_many_chains");
        return "too_many_chains";
      }
      chain = chains.create(event.chainId, event.eventTimeMs);
    } else if (event.eventTimeMs > chain.highMs) {
      chain.highMs = event.eventTimeMs;
    }
    if (this.#state.seenSinceMs === undefined) this.#state.seenSinceMs = chain.highMs;
    const outcome = this.#judge(event, chain);
    for (let i = 0; i < VISITS_PER_EVENT_MAX; i++) {
      const due = chains.nextDue(chain);
      if (due === 0) break;
      this.#upkeep.visit(due, chain);
      if (this.#upkeep.settled >= SETTLED_PER_VISIT_MAX) break;
    }
    return outcome;
  }

  /** Steps 4 to 8: late, duplicate, beyond a cap, or applied. */
  #judge(event: SwapEvent, chain: Chain): Outcome {
    const { tokens, records, inclusions } = this.#state;
    const oldestMs = chain.highMs - chain.horizonMs;
    let token = tokens.findEvent(chain.index, event);
    if (event.eventTimeMs < oldestMs) return event.removed ? this.#unresolved(token) : this.#late(token);
    let hash = 0;
    let entry = 0;
    if (token !== 0) {
      hash = records.prepare(event, token);
      entry = inclusions.find(hash, event, token);
      if (entry !== 0 && inclusions.lastMs(entry) < oldestMs) {
        inclusions.forget(hash, entry);
        entry = 0;
      }
    }
    let inclusion = -1;
    if (entry !== 0) {
      inclusion = inclusions.inclusionOf(entry, event);
      if (inclusion >= 0 && this.#isDuplicate(entry, inclusion, event)) return "duplicate";
    } else if (!event.removed && event.eventTimeMs < chain.highMs - chain.graceMs) {
      return this.#late(token);
    }
    if (entry !== 0 && inclusion < 0 && inclusions.count(entry) >= INCLUSIONS_MAX) {
      this.#countDeadLetter("too_many_inclusions");
      return "too_many_inclusions";
    }
    if (!event.removed && (token === 0 || !tokens.isKnown(token)) && tokens.knownCount >= this.config.maxTokens) {
      this.#countDeadLetter("too_many_tokens");
      return "too_many_tokens";
    }
    if (token === 0) {
      token = tokens.create(chain.index, event);
      hash = records.prepare(event, token);
    }
    this.#take(event, chain, token, hash, entry, inclusion);
    return event.removed ? "removed" : "applied";
  }

  #late(token: number): Outcome {
    this.#state.counters.late += 1;
    if (token !== 0 && this.#state.tokens.isKnown(token)) {
      this.#state.tokens.countLate(token);
      this.touchedRef = token;
    }
    return "late";
  }

  #unresolved(token: number): Outcome {
    this.#state.counters.unresolved += 1;
    if (token !== 0 && this.#state.tokens.isKnown(token)) {
      this.#state.tokens.countUnresolved(token);
      this.touchedRef = token;
    }
    return "unresolved";
  }

  #isDuplicate(entry: number, inclusion: number, event: SwapEvent): boolean {
    const { inclusions, records, counters } = this.#state;
    const first = event.removed ? inclusions.removal(entry, inclusion) : inclusions.announcement(entry, inclusion);
    if (first === 0) return false;
    counters.duplicates += 1;
    if (!records.sameContent(first, event)) counters.conflicts += 1;
    return true;
  }

  /** Remembers a new announcement or removal, and lets the swap count as it now must. */
  #take(event: SwapEvent, chain: Chain, token: number, hash: number, entry: number, inclusion: number): void {
    const { tokens, records, inclusions, hot, counters, chains } = this.#state;
    const wasActive = tokens.active(token) !== 0;
    const active = tokens.activate(token);
    if (!wasActive && tokens.isKnown(token)) {
      // What was held of a retired token's newest swaps is gone; new ones lie within the horizon.
      this.#state.heap.f64[active + RECENT_FROM] = Math.max(0, chain.highMs - chain.horizonMs);
    }
    if (event.removed) {
      counters.removed += 1;
      if (tokens.isKnown(token)) tokens.countRemoved(token);
      if (inclusion < 0) this.#countRemovalUnmatched(token);
    } else {
      counters.applied += 1;
      tokens.makeKnown(token);
    }
    const record = records.write(event, token, hash, chain);
    hot.attach(hot.locate(active, event.eventTimeMs), record);
    const before = entry === 0 ? 0 : inclusions.counting(entry);
    const after =
      entry === 0
        ? inclusions.add(hash, record, event.removed)
        : inclusions.extend(hash, entry, inclusion, record, event.removed);
    const now = entry === 0 ? (event.removed ? 0 : record) : inclusions.counting(after);
    if (before !== now) {
      if (before !== 0) this.#countOut(token, active, before, chain);
      const isReplaced = before !== 0 && now === record;
      if (isReplaced) this.#countReplaced(token);
      const view = now === record ? records.viewOf(record, event) : records.read(now);
      if (now !== 0) this.#countIn(token, active, view, chain);
    }
    tokens.noteRecord(token, event.eventTimeMs);
    tokens.touch(token);
    chains.wake(chain, token);
    if (tokens.isKnown(token)) this.touchedRef = token;
  }

  #countReplaced(token: number): void {
    this.#state.counters.replaced += 1;
    this.#state.tokens.countReplaced(token);
  }

  #countRemovalUnmatched(token: number): void {
    const { counters, tokens } = this.#state;
    counters.removals_unmatched += 1;
    if (tokens.isKnown(token)) tokens.countRemovalUnmatched(token);
  }

  #countIn(token: number, active: number, view: RecordView, chain: Chain): void {
    const { records, hot, tokens, heap } = this.#state;
    const { symbol, ref: record } = view;
    hot.countIn(active, hot.locate(active, records.timeMs(record)), view, chain);
    this.#traderCounts.countedIn(token, active, record);
    if (symbol === 0) return;
    const holder = heap.u32[2 * active + SYMBOL_HOLDER];
    if (holder !== 0 && records.compare(record, holder, chain.id) < 0) return;
    heap.own(active, ACTIVE_UNITS);
    heap.u32[2 * active + SYMBOL_HOLDER] = record;
    tokens.setSymbolNow(token, symbol);
  }

  #countOut(token: number, active: number, record: number, chain: Chain): void {
    const { records, hot, heap } = this.#state;
    hot.countOut(active, hot.locate(active, records.timeMs(record)), records.read(record), chain);
    this.#traderCounts.countedOut(token, record);
    if (heap.u32[2 * active + SYMBOL_HOLDER] === record) this.#findSymbol(token, active, chain);
  }

  /** The holder of the symbol has gone: the last counting swap with one takes over, or the settled symbol does. */
  #findSymbol(token: number, active: number, chain: Chain): void {
    const { heap, hot, records, tokens } = this.#state;
    let holder = 0;
    for (let b = heap.u32[2 * active + HOT_TAIL]; b !== 0 && holder === 0; b = hot.previous(b)) {
      holder = hot.lastWithSymbol(b, chain);
    }
    const symbol = holder === 0 ? tokens.settledSymbol(token) : records.symbol(holder);
    heap.own(active, ACTIVE_UNITS);
    heap.u32[2 * active + SYMBOL_HOLDER] = holder;
    tokens.setSymbolNow(token, symbol);
  }

  /** Fixes seen_since, where it is known from outside (a fresh data folder with a live clock). */
  setSeenSince(ms: number): void {
    this.#state.seenSinceMs = ms;
  }

  /** After a gap in the offsets: nothing is complete until the next event tells a high. */
  noteGap(): void {
    this.#state.seenSinceMs = undefined;
  }

  seenSinceMs(): number | undefined {
    return this.#state.seenSinceMs;
  }

  highs(): Map<number, number> {
    return new Map(this.#state.chains.list.map((chain) => [chain.id, chain.highMs]));
  }

  watermarks(): Map<number, number> {
    return new Map(this.#state.chains.list.map((chain) => [chain.id, chain.highMs - chain.graceMs]));
  }

  maxHighMs(): number | undefined {
    const { list } = this.#state.chains;
    return list.length === 0 ? undefined : list.reduce((high, chain) => Math.max(high, chain.highMs), 0);
  }

  findById(chainId: number, token: string): TokenRef | undefined {
    const { chains, tokens } = this.#state;
    const chain = chains.get(chainId);
    if (chain === undefined) return undefined;
    const bytes = stringToUtf8(token);
    const row = tokens.find(chain.index, bytes, 0, bytes.length);
    return row !== 0 && tokens.isKnown(row) ? row : undefined;
  }

  findByToken(token: string): TokenRef[] {
    const { tokens, chains } = this.#state;
    return tokens.findByText(token, chains.list.length);
  }

  findBySymbol(symbol: string, hitsMax?: number): TokenRef[] {
    return this.#state.tokens.findBySymbol(symbol, hitsMax);
  }

  #chainOf(ref: TokenRef): Chain {
    return this.#state.chains.list[this.#state.tokens.chainIndex(ref)];
  }

  info(ref: TokenRef): TokenInfo {
    const { tokens, strings } = this.#state;
    const chainId = this.#chainOf(ref).id;
    const symbol = tokens.symbolNow(ref);
    return {
      id: `${chainId}:${tokens.text(ref)}`,
      symbol: symbol === 0 ? undefined : strings.text(symbol),
      chainId,
      late: tokens.late(ref),
      removed: tokens.removed(ref),
      unresolved: tokens.unresolved(ref),
      replaced: tokens.replaced(ref),
      removalsUnmatched: tokens.removalsUnmatched(ref),
    };
  }

  version(ref: TokenRef): number {
    return this.#state.tokens.version(ref);
  }

  *tokens(): Generator<TokenRef> {
    const { tokens } = this.#state;
    for (const row of tokens.index.values()) if (tokens.isKnown(row)) yield row;
  }

  /** Known tokens of one of TOKEN_PARTS parts. A token stays in its part, so parts may be read one after the other while tokens come. */
  tokensOfPart(part: number): TokenRef[] {
    const { tokens } = this.#state;
    return tokens.index.valuesOf(part).filter((row) => tokens.isKnown(row));
  }

  get knownTokens(): number {
    return this.#state.tokens.knownCount;
  }

  isRetired(ref: TokenRef, asOfMs: number): boolean {
    const { tokens } = this.#state;
    const active = tokens.active(ref);
    if (active === 0) return true;
    const chain = this.#chainOf(ref);
    if (tokens.lastRecordMs(ref) >= chain.highMs - chain.horizonMs) return false;
    const longest = this.config.windows[this.config.windows.length - 1];
    const { openMs } = this.#windows.edges(longest, asOfMs);
    return !this.#windows.hasTrades(active, openMs, Number.POSITIVE_INFINITY);
  }

  windowStats(ref: TokenRef, windowIndex: number, asOfMs: number): WindowStats {
    return this.windowsStats(ref, [windowIndex], asOfMs)[0];
  }

  /** Statistics of several windows at one as-of, in the order of their indexes; cheaper than one after the other. */
  windowsStats(ref: TokenRef, windowIndexes: readonly number[], asOfMs: number): WindowStats[] {
    return this.#windows.stats(ref, this.#state.tokens.active(ref), windowIndexes, asOfMs, this.#state.seenSinceMs);
  }

  /** The figure as what rankings compare; see rank-key.ts. */
  rankKey(ref: TokenRef, windowIndex: number, field: RankedFigure, asOfMs: number, key: RankKey): void {
    this.#windows.rankKey(ref, this.#state.tokens.active(ref), windowIndex, field, asOfMs, key);
  }

  hasTrades(ref: TokenRef, windowIndex: number, asOfMs: number): boolean {
    const { openMs, closeMs } = this.#windows.edges(this.config.windows[windowIndex], asOfMs);
    return this.#windows.hasTrades(this.#state.tokens.active(ref), openMs, closeMs);
  }

  /** Negative when the id of a stands before that of b, 0 for the same token. */
  compareIds(a: TokenRef, b: TokenRef): number {
    const { tokens } = this.#state;
    if (tokens.chainIndex(a) === tokens.chainIndex(b)) return tokens.compareText(a, b);
    return compareChainTexts(this.#chainOf(a).id, this.#chainOf(b).id);
  }

  chainIdOf(ref: TokenRef): number {
    return this.#chainOf(ref).id;
  }

  /** Nothing of the token is unsettled while the high of its chain is above this. */
  settledAboveMs(ref: TokenRef): number {
    return this.#state.tokens.lastRecordMs(ref) + this.#chainOf(ref).horizonMs;
  }

  nextChangeMs(ref: TokenRef, asOfMs: number): number {
    return this.#windows.nextChangeMs(this.#state.tokens.active(ref), asOfMs, this.#state.seenSinceMs);
  }

  candles(ref: TokenRef, intervalMs: number, fromMs: number, toMs: number, limit: number, asOfMs: number) {
    const { seenSinceMs, tokens } = this.#state;
    const { highMs } = this.#chainOf(ref);
    const range = { intervalMs, fromMs, toMs, limit, asOfMs, seenSinceMs, highMs };
    const active = tokens.active(ref);
    return {
      availableFromMs: this.#candles.availableFromMs(active, range),
      items: this.#candles.candles(active, range),
    };
  }

  /** The newest swaps that count, and from when on all of them are held; undefined where nothing is held or was ever seen. */
  newestSwaps(
    ref: TokenRef,
    limit: number,
    asOfMs: number,
  ): { availableFromMs: number | undefined; items: ServedSwap[] } {
    const { seenSinceMs, tokens, plan, heap } = this.#state;
    const chain = this.#chainOf(ref);
    const active = tokens.active(ref);
    const finest = plan.finestStepMs;
    const closeMs = Math.floor(asOfMs / finest) * finest + finest;
    const items = this.#swaps.newest(ref, chain.id, limit, closeMs);
    const goneBeforeMs = active === 0 ? chain.highMs - plan.longestWindowMs : heap.f64[active + RECENT_FROM];
    const oldestMs = items.at(-1)?.event_time ?? Number.POSITIVE_INFINITY;
    const availableFromMs = Math.min(Math.max(seenSinceMs ?? Number.POSITIVE_INFINITY, goneBeforeMs), oldestMs);
    return { availableFromMs: Number.isFinite(availableFromMs) ? availableFromMs : undefined, items };
  }

  memory(): Record<string, number> {
    return this.#state.memory();
  }

  /** Slots that searches in the tables had to pass over so far: a measure of crowding that no clock is needed for. */
  probes(): number {
    return this.#state.probes();
  }

  /** Events gone through so far because an extreme or a symbol had left its bucket. */
  rescanned(): number {
    return this.#state.hot.rescanned;
  }

  /** Unsettled swaps gone through so far to count the traders of tokens. */
  tradersGoneThrough(): number {
    return this.#traderCounts.gone;
  }

  /** Freezes the state as it is now; the image is then copied slice by slice while apply goes on. One at a time. */
  beginSnapshot(): EngineSnapshot {
    const { heap } = this.#state;
    const header = encodeHeader(this.#state.header(this.config));
    const totalBytes = heap.beginSnapshot();
    let done = 0;
    return {
      header,
      totalBytes,
      next: (maxBytes: number): Uint8Array | undefined => {
        if (done >= totalBytes) return undefined;
        const slice = new Uint8Array(Math.max(1, Math.floor(maxBytes / PAGE_BYTES)) * PAGE_BYTES);
        const bytes = Math.min(heap.emitPages(slice) * PAGE_BYTES, totalBytes - done);
        done += bytes;
        if (done >= totalBytes) heap.endSnapshot();
        return slice.subarray(0, bytes);
      },
      abort: (): void => {
        if (done < totalBytes) heap.endSnapshot();
        done = totalBytes;
      },
    };
  }

  #keepTraders(): void {
    const { tokens } = this.#state;
    for (const token of tokens.index.values()) {
      const active = tokens.active(token);
      if (active !== 0) this.#traderCounts.keep(token, active);
    }
  }

  /** The engine of a snapshot. Throws `checkpoint_incompatible` or `checkpoint_damaged`. */
  static restore(config: EngineConfig, header: Uint8Array, chunks: Iterable<Uint8Array>): PartitionEngine {
    const decoded: SnapshotHeader = decodeHeader(header, config);
    const heap = new Heap();
    try {
      heap.load(decoded.imageBytes, chunks);
    } catch (cause) {
      throw new SwapstatsError("checkpoint_damaged", `the snapshot's image is damaged: ${String(cause)}`, { cause });
    }
    const engine = new PartitionEngine(config, EngineState.restored(heap, config, decoded));
    engine.#keepTraders();
    return engine;
  }
}
