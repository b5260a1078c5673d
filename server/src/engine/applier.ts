/** Applies events: runs the checks of the semantics in their order, remembers the event, and updates figures and upkeep. */
import { CHAINS_MAX, type Chain } from "./chains.ts";
import type { CountedWatch } from "./counted-watch.ts";
import type { EngineState } from "./engine-state.ts";
import { ACTIVE_BLOCK } from "./memory/layout.ts";
import { INCLUSIONS_MAX } from "./swaps/inclusions.ts";
import type { RecordView } from "./swaps/record-view.ts";
import type { SwapEvent } from "./swaps/swap-event.ts";
import type { TraderCounts } from "./traders/trader-counts.ts";
import type { Outcome, TokenRef } from "./types.ts";
import { SETTLED_PER_VISIT_MAX, type Upkeep } from "./upkeep.ts";

const { HOT_TAIL, RECENT_FROM, SYMBOL_HOLDER, SYMBOL_MS, UNITS: ACTIVE_UNITS } = ACTIVE_BLOCK;

/** Tokens visited by upkeep per event at most: more than can come due per event, which lets a backlog shrink without a stall. */
const VISITS_PER_EVENT_MAX = 3;

export class Applier {
  readonly #state: EngineState;
  readonly #upkeep: Upkeep;
  readonly #traderCounts: TraderCounts;
  readonly #maxTokens: number;
  /** The known token whose version the last event raised, or -1. */
  touchedRef: TokenRef = -1;
  watch: CountedWatch | undefined;

  constructor(state: EngineState, upkeep: Upkeep, traderCounts: TraderCounts, maxTokens: number) {
    this.#state = state;
    this.#upkeep = upkeep;
    this.#traderCounts = traderCounts;
    this.#maxTokens = maxTokens;
  }

  /** Counts a record that could not be decoded. */
  deadLetter(code: string): void {
    this.touchedRef = -1;
    this.#state.counters.accepted += 1;
    this.#countDeadLetter(code);
  }

  #countDeadLetter(code: string): void {
    const { dead_letters } = this.#state.counters;
    dead_letters[code] = (dead_letters[code] ?? 0) + 1;
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
    const { tokens, identity, inclusions } = this.#state;
    const oldestMs = chain.highMs - chain.horizonMs;
    let token = tokens.findEvent(chain.index, event);
    if (event.eventTimeMs < oldestMs || event.eventTimeMs < this.#state.countsFromMs) {
      return event.removed ? this.#unresolved(token) : this.#late(token);
    }
    let hash = 0;
    let entry = 0;
    if (token !== 0) {
      hash = identity.take(event, token);
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
    if (!event.removed && (token === 0 || !tokens.isKnown(token)) && tokens.knownCount >= this.#maxTokens) {
      this.#countDeadLetter("too_many_tokens");
      return "too_many_tokens";
    }
    if (token === 0) {
      token = tokens.create(chain.index, event);
      hash = identity.take(event, token);
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
    const { inclusions, matcher, counters } = this.#state;
    const first = event.removed ? inclusions.removal(entry, inclusion) : inclusions.announcement(entry, inclusion);
    if (first === 0) return false;
    counters.duplicates += 1;
    if (!matcher.sameContent(first, event)) counters.conflicts += 1;
    return true;
  }

  /** Remembers a new announcement or removal, and updates what counts of its swap. */
  #take(event: SwapEvent, chain: Chain, token: number, hash: number, entry: number, inclusion: number): void {
    const { tokens, records, writer, inclusions, hotList, hot, counters, chains } = this.#state;
    const wasActive = tokens.active(token) !== 0;
    const active = tokens.activate(token);
    if (!wasActive && tokens.isKnown(token)) {
      // A retired token has dropped its newest swaps. New ones lie within the horizon.
      this.#state.heap.f64[active + RECENT_FROM] = Math.max(0, chain.highMs - chain.horizonMs);
    }
    if (event.removed) {
      counters.removed += 1;
      if (tokens.isKnown(token)) tokens.countRemoved(token);
      if (inclusion < 0) this.#countRemovalUnmatched(token);
    } else {
      counters.applied += 1;
      tokens.makeKnown(token, event.eventTimeMs);
    }
    const record = writer.write(event, token, hash, chain);
    const bucket = hotList.locate(active, event.eventTimeMs);
    hot.attach(bucket, record);
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
      const home = now === record ? bucket : 0;
      if (now !== 0) this.#countIn(token, active, home, view, chain);
      if (this.watch !== undefined) this.watch.changed(token, before, now);
    }
    tokens.noteRecord(token, event.eventTimeMs);
    tokens.touch(token);
    chains.wake(chain, token, event.eventTimeMs);
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

  /** `home` is the record's bucket, or 0. */
  #countIn(token: number, active: number, home: number, view: RecordView, chain: Chain): void {
    const { records, order, hotList, hot, tokens, heap } = this.#state;
    const { symbol, ref: record } = view;
    const timeMs = records.timeMs(record);
    hot.countIn(active, home === 0 ? hotList.locate(active, timeMs) : home, view, chain);
    this.#traderCounts.countedIn(token, active, record);
    if (symbol === 0) return;
    const holder = heap.u32[2 * active + SYMBOL_HOLDER];
    if (holder !== 0) {
      const holderMs = heap.f64[active + SYMBOL_MS];
      // Only at equal times need the holder be read.
      if (timeMs < holderMs || (timeMs === holderMs && order.compare(record, holder, chain.id) < 0)) return;
    }
    heap.own(active, ACTIVE_UNITS);
    heap.u32[2 * active + SYMBOL_HOLDER] = record;
    heap.f64[active + SYMBOL_MS] = timeMs;
    tokens.setSymbolNow(token, symbol);
  }

  #countOut(token: number, active: number, record: number, chain: Chain): void {
    const { records, hotList, hot, heap } = this.#state;
    hot.countOut(active, hotList.locate(active, records.timeMs(record)), records.read(record), chain);
    this.#traderCounts.countedOut(token, record);
    if (heap.u32[2 * active + SYMBOL_HOLDER] === record) this.#findSymbol(token, active, chain);
  }

  /** Finds a new holder of the symbol: the last counting swap that names one, otherwise the settled symbol is used. */
  #findSymbol(token: number, active: number, chain: Chain): void {
    const { heap, hotList, hotExtremes, records, tokens } = this.#state;
    let holder = 0;
    for (let b = heap.u32[2 * active + HOT_TAIL]; b !== 0 && holder === 0; b = hotList.previous(b)) {
      holder = hotExtremes.lastWithSymbol(b, chain);
    }
    const symbol = holder === 0 ? tokens.settledSymbol(token) : records.symbol(holder);
    heap.own(active, ACTIVE_UNITS);
    heap.u32[2 * active + SYMBOL_HOLDER] = holder;
    heap.f64[active + SYMBOL_MS] = holder === 0 ? 0 : records.timeMs(holder);
    tokens.setSymbolNow(token, symbol);
  }
}
