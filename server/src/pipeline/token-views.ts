/**
 * Revisions of one partition. A token's revision is the next number of one counter of the partition whenever, at a
 * look, its figures may differ from those of the look before: an event touched it, or time passed an instant at which
 * they change. HTTP, overview and topics all look here, so equal revisions mean equal figures behind every door.
 *
 * Figures change with time only at multiples of the finest step, so looks within one step differ by events alone. Looking
 * at all tokens costs by those that were touched since, and, once a step, a pass over one typed array.
 */
import type { TokenRef } from "../engine/types.ts";

/** What the views need of an engine. */
export type ViewedEngine = {
  version(token: TokenRef): number;
  nextChangeMs(token: TokenRef, asOfMs: number): number;
  isRetired(token: TokenRef, asOfMs: number): boolean;
  figure(token: TokenRef, windowIndex: number, field: "trades", asOfMs: number): number | undefined;
  tokens(): Iterable<TokenRef>;
};

const NEVER = Number.POSITIVE_INFINITY;
const INITIAL_TOKENS = 1024;

export class TokenViews {
  readonly #engine: ViewedEngine;
  readonly #stepMs: number;
  /** By token. Revision 0: never looked at. */
  #revs = new Float64Array(INITIAL_TOKENS);
  #versions = new Float64Array(INITIAL_TOKENS);
  #nextChanges = new Float64Array(INITIAL_TOKENS).fill(NEVER);
  /** 1: touched since the last look at all. */
  #isTouched = new Uint8Array(INITIAL_TOKENS);
  /** 1: known and not retired at the last look at all. */
  #isListed = new Uint8Array(INITIAL_TOKENS);
  #touched: TokenRef[] = [];
  /** Listed tokens without a trade in the longest window: they wait until their swaps are settled, which no time tells. */
  #silent = new Set<TokenRef>();
  /** One more than the highest token seen. */
  #end = 0;
  #revision = 0;
  #listed = 0;
  #tracksAll = false;
  /** The step of the latest look, and of the latest look at all. */
  #lastStep = -1;
  #scannedStep = -1;
  readonly #longest: number;

  /** `longestWindow` is the index of the longest window. */
  constructor(engine: ViewedEngine, finestStepMs: number, longestWindow: number) {
    this.#engine = engine;
    this.#stepMs = finestStepMs;
    this.#longest = longestWindow;
  }

  /** The counter: grows with every revision that is given. */
  get revision(): number {
    return this.#revision;
  }

  /** Start of the step of the latest look; a look before it could not give a revision its right figures. */
  get lastStepMs(): number {
    return this.#lastStep * this.#stepMs;
  }

  /** Tokens are numbered below this. */
  get end(): number {
    return this.#end;
  }

  /** Tokens of the overview at the last look at all. */
  get listed(): number {
    return this.#listed;
  }

  isListed(token: TokenRef): boolean {
    return this.#isListed[token] === 1;
  }

  /** The revision given at the last look; 0 if there was none. */
  revOf(token: TokenRef): number {
    return this.#revs[token] ?? 0;
  }

  /** Says that an event changed the token. */
  touch(token: TokenRef): void {
    if (!this.#tracksAll) return;
    if (token >= this.#end) this.#grow(token);
    if (this.#isTouched[token] === 1) return;
    this.#isTouched[token] = 1;
    this.#touched.push(token);
  }

  /** Says that something changed which concerns every token, such as since when the partition saw its stream. */
  touchAll(): void {
    this.#tracksAll = false;
    this.#touched = [];
    this.#isTouched.fill(0);
    this.#versions.fill(-1);
  }

  /** The token's revision at this as-of, which must not lie in a step before that of an earlier look. */
  look(token: TokenRef, asOfMs: number): number {
    if (token >= this.#end) this.#grow(token);
    this.#lastStep = Math.max(this.#lastStep, Math.floor(asOfMs / this.#stepMs));
    this.#refresh(token, asOfMs);
    return this.#revs[token] as number;
  }

  /** Looks at all tokens, so that `isListed`, `revOf` and `revision` hold at this as-of. */
  lookAll(asOfMs: number): void {
    const step = Math.floor(asOfMs / this.#stepMs);
    if (!this.#tracksAll) {
      for (const token of this.#engine.tokens()) {
        if (token >= this.#end) this.#grow(token);
        this.#lookListed(token, asOfMs);
      }
      this.#tracksAll = true;
    } else if (step > this.#scannedStep) {
      const nextChanges = this.#nextChanges;
      for (let token = 0; token < this.#end; token++) {
        if ((nextChanges[token] as number) <= asOfMs) this.#lookListed(token, asOfMs);
      }
    }
    this.#scannedStep = step;
    this.#lastStep = Math.max(this.#lastStep, step);
    const touched = this.#touched;
    for (const token of touched) {
      this.#isTouched[token] = 0;
      this.#lookListed(token, asOfMs);
    }
    touched.length = 0;
    for (const token of this.#silent) this.#lookListed(token, asOfMs);
  }

  #lookListed(token: TokenRef, asOfMs: number): void {
    this.#refresh(token, asOfMs);
    const isListed = !this.#engine.isRetired(token, asOfMs);
    if (isListed && this.#engine.figure(token, this.#longest, "trades", asOfMs) === 0) this.#silent.add(token);
    else this.#silent.delete(token);
    if (this.isListed(token) === isListed) return;
    this.#isListed[token] = isListed ? 1 : 0;
    this.#listed += isListed ? 1 : -1;
    this.#revs[token] = ++this.#revision;
  }

  #refresh(token: TokenRef, asOfMs: number): void {
    const version = this.#engine.version(token);
    if (version === this.#versions[token] && asOfMs < (this.#nextChanges[token] as number) && this.#revs[token] !== 0) {
      return;
    }
    this.#versions[token] = version;
    this.#nextChanges[token] = this.#engine.nextChangeMs(token, asOfMs);
    this.#revs[token] = ++this.#revision;
  }

  #grow(token: TokenRef): void {
    this.#end = token + 1;
    if (token < this.#revs.length) return;
    const capacity = Math.max(token + 1, this.#revs.length * 2);
    this.#revs = grown(this.#revs, capacity, 0);
    this.#versions = grown(this.#versions, capacity, 0);
    this.#nextChanges = grown(this.#nextChanges, capacity, NEVER);
    this.#isTouched = grownFlags(this.#isTouched, capacity);
    this.#isListed = grownFlags(this.#isListed, capacity);
  }
}

function grown(old: Float64Array<ArrayBuffer>, capacity: number, fill: number): Float64Array<ArrayBuffer> {
  const next = new Float64Array(capacity).fill(fill, old.length);
  next.set(old);
  return next;
}

function grownFlags(old: Uint8Array<ArrayBuffer>, capacity: number): Uint8Array<ArrayBuffer> {
  const next = new Uint8Array(capacity);
  next.set(old);
  return next;
}
