/** Counts the tokens with a trade in the longest window, by chain. Follows the tokens that change. */

import { ChangeFollower } from "../change-follower.ts";
import type { ServedEngine } from "../served-engine.ts";
import type { TokenViews, Work } from "../token-views.ts";

const INITIAL_TOKENS = 1024;

export class ActiveTokens {
  readonly #engine: ServedEngine;
  readonly #views: TokenViews;
  readonly #changes: ChangeFollower;
  readonly #longest: number;
  /** By the index of the views. 1: counted. */
  #isCounted = new Uint8Array(INITIAL_TOKENS);
  readonly #byChain = new Map<number, number>();

  constructor(engine: ServedEngine, views: TokenViews) {
    this.#engine = engine;
    this.#views = views;
    this.#changes = new ChangeFollower(views, 1);
    this.#longest = engine.config.windows.length - 1;
  }

  /** Tokens by chain id. */
  get byChain(): ReadonlyMap<number, number> {
    return this.#byChain;
  }

  /** Continues until the work is used up. Returns true when the counts are those at `asOfMs`, at which the caller has looked at all tokens. */
  syncSome(asOfMs: number, work: Work): boolean {
    const atMs = Math.max(asOfMs, this.#views.lastStepMs);
    return this.#changes.takeSome(work, (index) => this.#take(index, atMs));
  }

  #take(index: number, atMs: number): void {
    const token = this.#views.tokenAt(index);
    // Of a token that several partitions have, one partition lists it.
    const isActive = this.#views.isListedAt(index) && this.#engine.hasTrades(token, this.#longest, atMs);
    if (index >= this.#isCounted.length) this.#grow(index);
    if ((this.#isCounted[index] === 1) === isActive) return;
    this.#isCounted[index] = isActive ? 1 : 0;
    const chainId = this.#engine.chainIdOf(token);
    this.#byChain.set(chainId, (this.#byChain.get(chainId) ?? 0) + (isActive ? 1 : -1));
  }

  #grow(index: number): void {
    const next = new Uint8Array(Math.max(index + 1, this.#isCounted.length * 2));
    next.set(this.#isCounted);
    this.#isCounted = next;
  }
}
