/** The symbols of a partition's tokens in lower case, by the index of the views. Follows the tokens that change. */
import { ChangeFollower } from "./change-follower.ts";
import type { ServedEngine } from "./served-engine.ts";
import type { TokenViews, Work } from "./token-views.ts";

/** The text of a token without a symbol, or one that is not listed. No symbol holds it. */
const NONE = "\0";

export class SymbolTexts {
  readonly #engine: ServedEngine;
  readonly #views: TokenViews;
  readonly #changes: ChangeFollower;
  readonly #texts: string[] = [];

  constructor(engine: ServedEngine, views: TokenViews) {
    this.#engine = engine;
    this.#views = views;
    this.#changes = new ChangeFollower(views, 1);
  }

  /** Continues until the work is used up. Returns true when none is left. The caller has looked at all tokens. */
  syncSome(work: Work): boolean {
    return this.#changes.takeSome(work, (index) => this.#take(index));
  }

  /** Returns where the text, in lower case, stands in the symbol of a listed token: 0 for a prefix; -1 if it is not in it. */
  indexOf(text: string, index: number): number {
    return (this.#texts[index] ?? NONE).indexOf(text);
  }

  #take(index: number): void {
    const texts = this.#texts;
    while (texts.length <= index) texts.push(NONE);
    const { symbol } = this.#engine.info(this.#views.tokenAt(index));
    texts[index] = symbol !== undefined && this.#views.isListedAt(index) ? symbol.toLowerCase() : NONE;
  }
}
