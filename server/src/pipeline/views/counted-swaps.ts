/**
 * Follows which swaps begin and cease to count in a partition: for its market, and for the journals of tokens whose swaps are followed. While
 * neither is asked for, the engine tells nothing.
 */
import type { CountedWatch } from "../../engine/counted-watch.ts";
import type { TokenRef } from "../../engine/types.ts";
import { PartitionMarket } from "./market/partition-market.ts";
import type { ServedEngine } from "./served-engine.ts";
import { SwapJournal } from "./swap-journal.ts";
import type { TokenViews } from "./token-views.ts";

/** Time for which a journal is kept that no feed reads: a feed that is opened again continues with it. */
export const JOURNAL_KEPT_MS = 60_000;
/** Time between two searches for journals that no feed reads. */
const SWEEP_MS = 1_000;

export class CountedSwaps implements CountedWatch {
  readonly #engine: ServedEngine;
  readonly #views: TokenViews;
  readonly #nowMs: () => number;
  #market: PartitionMarket | undefined;
  readonly #journals = new Map<TokenRef, SwapJournal>();
  /** The highest number of a journal that was dropped. A later one begins above it, so no number of a token stands for two changes. */
  #seqFloor = 0;
  #sweptMs = Number.NEGATIVE_INFINITY;

  /** Takes the place of another one at the engine. `nowMs`: monotonic milliseconds. */
  constructor(engine: ServedEngine, views: TokenViews, nowMs: () => number = () => performance.now()) {
    this.#engine = engine;
    this.#views = views;
    this.#nowMs = nowMs;
    engine.watch(undefined);
  }

  /** The market of the partition, which is followed from the first call on. */
  get market(): PartitionMarket {
    if (this.#market === undefined) {
      this.#market = new PartitionMarket(this.#engine, this.#views);
      this.#engine.watch(this);
    }
    return this.#market;
  }

  /** Journals that are kept. */
  get journals(): number {
    return this.#journals.size;
  }

  /** Returns the journal of a token, which is followed while this is called at least every JOURNAL_KEPT_MS. */
  journalOf(token: TokenRef): SwapJournal {
    const nowMs = this.#nowMs();
    let journal = this.#journals.get(token);
    if (journal === undefined) {
      journal = new SwapJournal(this.#seqFloor + 1, nowMs);
      this.#journals.set(token, journal);
      this.#engine.watch(this);
    }
    journal.usedMs = nowMs;
    if (nowMs - this.#sweptMs >= SWEEP_MS) this.#sweep(nowMs);
    return journal;
  }

  changed(token: TokenRef, before: number, after: number): void {
    this.#market?.changed(token, before, after);
    const journal = this.#journals.get(token);
    if (journal === undefined) return;
    if (this.#nowMs() - journal.usedMs > JOURNAL_KEPT_MS) {
      this.#drop(token, journal);
      return;
    }
    if (before !== 0) journal.add(this.#item("removed", token, before));
    if (after !== 0) journal.add(this.#item("applied", token, after));
  }

  #item(action: "applied" | "removed", token: TokenRef, record: number): string {
    return `{"action":"${action}",${JSON.stringify(this.#engine.countedSwap(token, record)).slice(1)}`;
  }

  #sweep(nowMs: number): void {
    this.#sweptMs = nowMs;
    for (const [token, journal] of this.#journals) {
      if (nowMs - journal.usedMs > JOURNAL_KEPT_MS) this.#drop(token, journal);
    }
  }

  #drop(token: TokenRef, journal: SwapJournal): void {
    this.#journals.delete(token);
    this.#seqFloor = Math.max(this.#seqFloor, journal.seq);
    if (this.#journals.size === 0 && this.#market === undefined) this.#engine.watch(undefined);
  }
}
