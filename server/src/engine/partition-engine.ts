/**
 * The statistics of one partition: a deterministic function of the records that it is given. `apply` runs the checks of the
 * semantics in their order (applier.ts) and ages what is due (upkeep.ts); reads are pure functions of the state and an as-of
 * (reads/). The state is in engine-state.ts. There is no clock, no randomness and no I/O here.
 */

import { SwapstatsError } from "../shared/errors.ts";
import { Applier } from "./applier.ts";
import type { Chain } from "./chains.ts";
import type { BucketSums, CountedAmount, CountedWatch } from "./counted-watch.ts";
import { EngineState, noCounts } from "./engine-state.ts";
import { stringToUtf8 } from "./memory/bytes.ts";
import { HASH_SEGMENTS } from "./memory/hash-index.ts";
import { Heap } from "./memory/heap.ts";
import type { HashSeed } from "./memory/keyed-hash.ts";
import { ACTIVE_BLOCK } from "./memory/layout.ts";
import { CandleQuery } from "./reads/candle-query.ts";
import type { RankedFigure, WindowStats } from "./reads/figures.ts";
import type { RankKey } from "./reads/rank-key.ts";
import { ScreenQuery, type SparkFigure, type WindowPlan } from "./reads/screen-query.ts";
import { SwapQuery } from "./reads/swap-query.ts";
import { UnsettledQuery } from "./reads/unsettled-query.ts";
import { WindowQuery } from "./reads/window-query.ts";
import type { RecordSource, SettledWatch, StreamName } from "./settled-watch.ts";
import { beginImage, decodeHeader, type EngineSnapshot, encodeHeader } from "./snapshot.ts";
import { FLAG_BUY } from "./swaps/record-view.ts";
import type { SwapEvent } from "./swaps/swap-event.ts";
import { compareChainTexts } from "./token-order.ts";
import { TraderCounts } from "./traders/trader-counts.ts";
import type { Counters, EngineConfig, Outcome, ServedSwap, TokenInfo, TokenRef } from "./types.ts";
import { Upkeep } from "./upkeep.ts";

const { HOT_HEAD, RECENT_FROM } = ACTIVE_BLOCK;

/** Number of parts in which all tokens can be read. */
export const TOKEN_PARTS = HASH_SEGMENTS;

export class PartitionEngine {
  readonly config: EngineConfig;
  readonly unsettled: UnsettledQuery;
  readonly #state: EngineState;
  readonly #upkeep: Upkeep;
  readonly #applier: Applier;
  readonly #traderCounts: TraderCounts;
  readonly #windows: WindowQuery;
  readonly #screen: ScreenQuery;
  readonly #candles: CandleQuery;
  readonly #swaps: SwapQuery;

  /** `start` is a restored state, or the secret of a new partition's hashes: two random words of 32 bits. */
  constructor(config: EngineConfig, start: HashSeed | EngineState) {
    const state = start instanceof EngineState ? start : EngineState.empty(config, start);
    this.config = config;
    this.#state = state;
    this.#traderCounts = new TraderCounts(
      state.heap,
      state.records,
      state.hotList,
      state.traders,
      state.seed,
      state.plan.finestStepMs,
    );
    this.#upkeep = new Upkeep(state, this.#traderCounts);
    this.#applier = new Applier(state, this.#upkeep, this.#traderCounts, config.maxTokens);
    this.#windows = new WindowQuery(config, state.plan, state.hotList, state.hot, state.cold, this.#traderCounts);
    this.#screen = new ScreenQuery(this.#windows, this.#traderCounts, state.hotList, state.hot, state.cold);
    this.#candles = new CandleQuery(state.plan, state.hotList, state.hot, state.cold);
    this.#swaps = new SwapQuery(state.heap, state.hotList, state.records, state.order, state.strings, state.tokens);
    this.unsettled = new UnsettledQuery(state);
  }

  get counters(): Counters {
    return this.#state.counters;
  }

  /** Counts a record that could not be decoded. */
  deadLetter(code: string): void {
    this.#applier.deadLetter(code);
  }

  /** Runs the checks on one decoded event and applies it. Throws RangeError only when the image is full. */
  apply(event: SwapEvent, arrivalMs: number): Outcome {
    return this.#applier.apply(event, arrivalMs);
  }

  /** The known token whose version the last apply raised, or -1. */
  get touchedRef(): TokenRef {
    return this.#applier.touchedRef;
  }

  /**
   * Tokens, of this event or others, whose estimated traders the last apply changed by settling swaps. Their version rose.
   * Usually empty.
   */
  get movedRefs(): readonly TokenRef[] {
    return this.#upkeep.moved;
  }

  /** Follows which swaps count from now on, in place of an earlier watch. Undefined: no one watches. */
  watch(watch: CountedWatch | undefined): void {
    this.#applier.watch = watch;
  }

  /** Follows which swaps settle from now on, in place of an earlier watch. Undefined: no one watches. */
  watchSettled(watch: SettledWatch | undefined): void {
    this.#upkeep.watch = watch;
  }

  /** See `RecordSource`. */
  get source(): RecordSource {
    return this.#state;
  }

  /** Counting swaps that have settled since the state began: the sequence of the next one. It is the same for equal logs. */
  get settledCount(): number {
    return this.#state.settledCount;
  }

  /** Undefined until `nameStream`, and in images of versions that had no streams. A restored state keeps its stream. */
  get stream(): StreamName | undefined {
    return this.#state.stream;
  }

  /** Names the stream of settled swaps from now on; its first sequence is `settledCount`. */
  nameStream(stream: StreamName): void {
    this.#state.stream = stream;
  }

  /** Returns the swap of a record that `CountedWatch.changed` names. */
  countedSwap(ref: TokenRef, record: number): ServedSwap {
    return this.#swaps.served(record, ref, this.#chainOf(ref).id);
  }

  /** Returns what the swap of such a record adds to sums. */
  countedAmount(record: number): CountedAmount {
    const { records } = this.#state;
    const { flags, usdMicro } = records.read(record);
    return { timeMs: records.timeMs(record), isBuy: (flags & FLAG_BUY) !== 0, usdMicro };
  }

  /** Visits all buckets of a token that are in memory and have trades. Bucket and sums are valid during the visit. */
  eachBucket(ref: TokenRef, visit: (sums: BucketSums) => void): void {
    this.#candles.eachBucket(this.#state.tokens.active(ref), visit);
  }

  /** Sets seen_since when it is known from outside (a new data folder with a live clock). */
  setSeenSince(ms: number): void {
    this.#state.seenSinceMs = ms;
  }

  /** Ends the filling of an empty state with settled swaps: records about swaps before this time are late from now on. The counters begin here. */
  endFilling(countsFromMs: number): void {
    this.#state.countsFromMs = countsFromMs;
    Object.assign(this.#state.counters, noCounts());
  }

  /** Notes a gap in the offsets: no window is complete until the next event gives a new high. */
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

  /**
   * Returns the known tokens of one of TOKEN_PARTS parts. A token never changes its part, so parts can be read one after
   * another while new tokens are added.
   */
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

  /** Returns the statistics of several windows at one as-of, in the order of their indexes. Cheaper than one call per window. */
  windowsStats(ref: TokenRef, windowIndexes: readonly number[], asOfMs: number): WindowStats[] {
    return this.#windows.stats(ref, this.#state.tokens.active(ref), windowIndexes, asOfMs, this.#state.seenSinceMs);
  }

  /** Sets `key` to the figure as rankings compare it (rank-key.ts). */
  rankKey(ref: TokenRef, windowIndex: number, field: RankedFigure, asOfMs: number, key: RankKey): void {
    this.#windows.rankKey(ref, this.#state.tokens.active(ref), windowIndex, field, asOfMs, key);
  }

  /** Sets the keys of many figures at once, as `rankKey` does for one (reads/screen-query.ts). */
  screenKeys(ref: TokenRef, plan: readonly WindowPlan[], asOfMs: number, keys: readonly RankKey[]): void {
    const active = this.#state.tokens.active(ref);
    this.#screen.keys(ref, active, plan, asOfMs, this.#state.seenSinceMs, keys);
  }

  /** Returns the values of a sparkline (reads/screen-query.ts). */
  spark(ref: TokenRef, windowIndex: number, figure: SparkFigure, points: number, asOfMs: number) {
    return this.#screen.spark(this.#state.tokens.active(ref), windowIndex, figure, points, asOfMs);
  }

  /** Time of the swap that made the token known, cut to seconds. Undefined if the state was written by a version that did not keep it. */
  firstSeenMs(ref: TokenRef): number | undefined {
    return this.#state.tokens.firstSeenMs(ref);
  }

  hasTrades(ref: TokenRef, windowIndex: number, asOfMs: number): boolean {
    const { openMs, closeMs } = this.#windows.edges(this.config.windows[windowIndex], asOfMs);
    return this.#windows.hasTrades(this.#state.tokens.active(ref), openMs, closeMs);
  }

  /** Compares ids: negative when the id of a comes before that of b, 0 for the same token. */
  compareIds(a: TokenRef, b: TokenRef): number {
    const { tokens } = this.#state;
    if (tokens.chainIndex(a) === tokens.chainIndex(b)) return tokens.compareText(a, b);
    return compareChainTexts(this.#chainOf(a).id, this.#chainOf(b).id);
  }

  chainIdOf(ref: TokenRef): number {
    return this.#chainOf(ref).id;
  }

  /** The token has no unsettled swaps while the high of its chain is above this. */
  settledAboveMs(ref: TokenRef): number {
    return this.#state.tokens.lastRecordMs(ref) + this.#chainOf(ref).horizonMs;
  }

  /**
   * No event can change what counts of the token before this. A swap within the horizon may have an earlier inclusion, which counts again
   * when the later one is removed; its bucket has not settled.
   */
  settledBeforeMs(ref: TokenRef): number {
    const { highMs, horizonMs } = this.#chainOf(ref);
    const { tokens, heap, hotList } = this.#state;
    const active = tokens.active(ref);
    const bucket = active === 0 ? 0 : heap.u32[2 * active + HOT_HEAD];
    return bucket === 0 ? highMs - horizonMs : Math.min(highMs - horizonMs, hotList.startMs(bucket));
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

  /** Returns the start of the memory for candles of this interval; Infinity when no step divides it. */
  candlesFromMs(ref: TokenRef, intervalMs: number): number {
    return this.#candles.memoryFromMs(intervalMs, this.#chainOf(ref).highMs);
  }

  /**
   * Returns the newest counting swaps, and the time from which all of them are held (undefined when nothing is held or was ever
   * seen).
   */
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

  /** Slots that searches in the tables have skipped so far: a measure of crowding that needs no clock. */
  probes(): number {
    return this.#state.probes();
  }

  /** Events scanned so far because an extreme or a symbol had left its bucket. */
  rescanned(): number {
    return this.#state.hotExtremes.rescanned;
  }

  /** Unsettled swaps scanned so far to collect the traders of tokens. */
  tradersGoneThrough(): number {
    return this.#traderCounts.gone;
  }

  /** Freezes the state as it is now. The image is then copied slice by slice while apply goes on. One snapshot at a time. */
  beginSnapshot(): EngineSnapshot {
    return beginImage(this.#state.heap, encodeHeader(this.#state.header(this.config)));
  }

  #keepTraders(): void {
    const { tokens } = this.#state;
    for (const token of tokens.index.values()) {
      const active = tokens.active(token);
      if (active !== 0) this.#traderCounts.keep(token, active);
    }
  }

  /** Restores the engine of a snapshot. Throws `checkpoint_incompatible` or `checkpoint_damaged`. */
  static restore(config: EngineConfig, header: Uint8Array, chunks: Iterable<Uint8Array>): PartitionEngine {
    const decoded = decodeHeader(header, config);
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
