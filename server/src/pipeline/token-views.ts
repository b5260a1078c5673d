/**
 * Revisions of one partition. A token's revision is the next number of one counter of the partition whenever, at a
 * look, its figures may differ from those of the look before: an event touched it, or time passed an instant at which
 * they change. HTTP, overview and topics all look here, so equal revisions mean equal figures behind every door.
 *
 * Figures change with time only at multiples of the finest step, so looks within one step differ by events alone. Looking
 * at all tokens costs by those that were touched since, and, once a step, a pass over one typed array.
 */
import type { TokenRef, WindowSpec } from "../engine/types.ts";

/** What the views need of an engine. */
export type ViewedEngine = {
  readonly config: { readonly windows: readonly WindowSpec[] };
  seenSinceMs(): number | undefined;
  info(token: TokenRef): { readonly id: string };
  version(token: TokenRef): number;
  nextChangeMs(token: TokenRef, asOfMs: number): number;
  isRetired(token: TokenRef, asOfMs: number): boolean;
  figure(token: TokenRef, windowIndex: number, field: "trades", asOfMs: number): number | undefined;
  tokens(): Iterable<TokenRef>;
};

const NEVER = Number.POSITIVE_INFINITY;
const INITIAL_TOKENS = 1024;
/**
 * When a token was touched, the next instant at which time changes it is not computed before the step has ended: hot tokens
 * are touched many times a step. It is then computed as of the look before, which the state still tells if that was not long ago.
 */
const LATE_LOOK_MS_MAX = 10_000;
const NOT_OWED = -1;

export class TokenViews {
  readonly #engine: ViewedEngine;
  readonly #stepMs: number;
  readonly #longest: number;
  /** The engine's numbers of tokens are sparse; here each gets the next index at its first look. */
  readonly #indexes = new Map<TokenRef, number>();
  readonly #tokens: TokenRef[] = [];
  /** By index. Revision 0: never looked at. */
  #revs = new Float64Array(INITIAL_TOKENS);
  #versions = new Float64Array(INITIAL_TOKENS);
  #nextChanges = new Float64Array(INITIAL_TOKENS);
  /** The as-of from which the next change is still to be computed; the one above is then the end of that step. */
  #owedFrom = new Float64Array(INITIAL_TOKENS);
  readonly #ids: (string | undefined)[] = [];
  /** 1: touched since the last look at all. */
  #isTouched = new Uint8Array(INITIAL_TOKENS);
  /** 1: known and not retired at the last look at all. */
  #isListed = new Uint8Array(INITIAL_TOKENS);
  #touched: number[] = [];
  /** Listed tokens without a trade in the longest window: they wait until their swaps are settled, which no time tells. */
  #silent = new Set<number>();
  #revision = 1;
  #listed = 0;
  #tracksAll = false;
  /** The step of the latest look, and of the latest look at all. */
  #lastStep = -1;
  #scannedStep = -1;
  /** The next instant at which a window becomes complete, at the latest look at all. */
  #nextCompleteMs = NEVER;

  constructor(engine: ViewedEngine, finestStepMs: number) {
    this.#engine = engine;
    this.#stepMs = finestStepMs;
    this.#longest = engine.config.windows.length - 1;
  }

  /** The counter: grows with every revision that is given. */
  get revision(): number {
    return this.#revision;
  }

  /** Start of the step of the latest look; a look before it could not give a revision its right figures. */
  get lastStepMs(): number {
    return this.#lastStep * this.#stepMs;
  }

  /** Tokens that were ever looked at; they have the indexes below. */
  get count(): number {
    return this.#tokens.length;
  }

  /** Tokens of the overview at the last look at all. */
  get listed(): number {
    return this.#listed;
  }

  tokenAt(index: number): TokenRef {
    return this.#tokens[index] as TokenRef;
  }

  idAt(index: number): string {
    let id = this.#ids[index];
    if (id === undefined) {
      id = this.#engine.info(this.tokenAt(index)).id;
      this.#ids[index] = id;
    }
    return id;
  }

  isListedAt(index: number): boolean {
    return this.#isListed[index] === 1;
  }

  /** The revision given at the last look. */
  revAt(index: number): number {
    return this.#revs[index] as number;
  }

  /** Says that an event changed the token. */
  touch(token: TokenRef): void {
    if (!this.#tracksAll) return;
    const index = this.#indexOf(token);
    if (this.#isTouched[index] === 1) return;
    this.#isTouched[index] = 1;
    this.#touched.push(index);
  }

  /** Says that something changed which concerns every token, such as since when the partition saw its stream. */
  touchAll(): void {
    this.#tracksAll = false;
    this.#touched = [];
    this.#isTouched.fill(0);
    this.#versions.fill(-1);
  }

  /**
   * The token's revision at this as-of, which must not lie in a step before that of an earlier look. `isRegular`: the
   * caller looks again within seconds, so that what costs much may wait.
   */
  look(token: TokenRef, asOfMs: number, isRegular: boolean): number {
    const index = this.#indexOf(token);
    this.#lastStep = Math.max(this.#lastStep, Math.floor(asOfMs / this.#stepMs));
    this.#refresh(index, asOfMs, isRegular);
    return this.revAt(index);
  }

  /** Looks at all tokens, so that `isListedAt`, `revAt` and `revision` hold at this as-of. */
  lookAll(asOfMs: number): void {
    const step = Math.floor(asOfMs / this.#stepMs);
    if (step !== this.#scannedStep) this.#nextCompleteMs = this.#nextComplete(asOfMs);
    if (!this.#tracksAll) {
      this.#nextCompleteMs = this.#nextComplete(asOfMs);
      for (const token of this.#engine.tokens()) this.#lookListed(this.#indexOf(token), asOfMs);
      this.#tracksAll = true;
    } else if (step > this.#scannedStep) {
      const nextChanges = this.#nextChanges;
      for (let index = 0; index < this.count; index++) {
        if ((nextChanges[index] as number) <= asOfMs) this.#lookListed(index, asOfMs);
      }
    }
    this.#scannedStep = step;
    this.#lastStep = Math.max(this.#lastStep, step);
    for (const index of this.#touched) {
      this.#isTouched[index] = 0;
      this.#lookListed(index, asOfMs);
    }
    this.#touched = [];
    for (const index of this.#silent) this.#lookListed(index, asOfMs);
  }

  #lookListed(index: number, asOfMs: number): void {
    this.#refresh(index, asOfMs, true);
    const token = this.tokenAt(index);
    const isListed = !this.#engine.isRetired(token, asOfMs);
    if (isListed && this.#isSilent(index, asOfMs)) this.#silent.add(index);
    else this.#silent.delete(index);
    if (this.isListedAt(index) === isListed) return;
    this.#isListed[index] = isListed ? 1 : 0;
    this.#listed += isListed ? 1 : -1;
    this.#revs[index] = ++this.#revision;
  }

  /** A token without a trade in the longest window changes only when a window becomes complete, which is cheap to see first. */
  #isSilent(index: number, asOfMs: number): boolean {
    if (this.#owedFrom[index] !== NOT_OWED || (this.#nextChanges[index] as number) < this.#nextCompleteMs) return false;
    return this.#engine.figure(this.tokenAt(index), this.#longest, "trades", asOfMs) === 0;
  }

  #nextComplete(asOfMs: number): number {
    const seenSinceMs = this.#engine.seenSinceMs();
    if (seenSinceMs === undefined) return NEVER;
    const instants = this.#engine.config.windows.map(
      ({ lengthMs, stepMs }) => Math.ceil(seenSinceMs / stepMs) * stepMs + lengthMs,
    );
    return Math.min(NEVER, ...instants.filter((instant) => instant > asOfMs));
  }

  #refresh(index: number, asOfMs: number, isRegular: boolean): void {
    const token = this.tokenAt(index);
    const version = this.#engine.version(token);
    if (this.revAt(index) === 0 || version !== this.#versions[index]) {
      this.#versions[index] = version;
      this.#revs[index] = ++this.#revision;
      if (!isRegular) {
        this.#setNextChange(index, this.#engine.nextChangeMs(token, asOfMs));
        return;
      }
      this.#nextChanges[index] = (Math.floor(asOfMs / this.#stepMs) + 1) * this.#stepMs;
      this.#owedFrom[index] = asOfMs;
      return;
    }
    if (asOfMs < (this.#nextChanges[index] as number)) return;
    const owedFromMs = this.#owedFrom[index] as number;
    if (owedFromMs !== NOT_OWED && asOfMs - owedFromMs <= LATE_LOOK_MS_MAX) {
      this.#setNextChange(index, this.#engine.nextChangeMs(token, owedFromMs));
      if (asOfMs < (this.#nextChanges[index] as number)) return;
    }
    this.#setNextChange(index, this.#engine.nextChangeMs(token, asOfMs));
    this.#revs[index] = ++this.#revision;
  }

  #setNextChange(index: number, nextChangeMs: number): void {
    this.#nextChanges[index] = nextChangeMs;
    this.#owedFrom[index] = NOT_OWED;
  }

  #indexOf(token: TokenRef): number {
    const known = this.#indexes.get(token);
    if (known !== undefined) return known;
    const index = this.#tokens.length;
    this.#indexes.set(token, index);
    this.#tokens.push(token);
    if (index === this.#revs.length) this.#grow();
    this.#setNextChange(index, NEVER);
    return index;
  }

  #grow(): void {
    const capacity = this.#revs.length * 2;
    this.#revs = grown(this.#revs, capacity);
    this.#versions = grown(this.#versions, capacity);
    this.#nextChanges = grown(this.#nextChanges, capacity);
    this.#owedFrom = grown(this.#owedFrom, capacity);
    this.#isTouched = grownFlags(this.#isTouched, capacity);
    this.#isListed = grownFlags(this.#isListed, capacity);
  }
}

function grown(old: Float64Array<ArrayBuffer>, capacity: number): Float64Array<ArrayBuffer> {
  const next = new Float64Array(capacity);
  next.set(old);
  return next;
}

function grownFlags(old: Uint8Array<ArrayBuffer>, capacity: number): Uint8Array<ArrayBuffer> {
  const next = new Uint8Array(capacity);
  next.set(old);
  return next;
}
