/**
 * Revisions of one partition. A token's revision is the next number of one counter of the partition whenever, at a
 * look, its figures may differ from those of the look before: an event touched it, or time passed an instant at which
 * they change. HTTP, overview and topics all look here, so equal revisions mean equal figures behind every door.
 *
 * Figures change with time only at multiples of the finest step, so looks within one step differ by events alone. Looking
 * at all tokens costs by those that were touched since and by those that time changes, besides one pass over two typed arrays in each
 * step. It is done in pieces; between two of them events may touch tokens, which are then looked at again.
 */
import { TOKEN_PARTS } from "../../engine/partition-engine.ts";
import type { TokenRef, WindowSpec } from "../../engine/types.ts";
import { SilentTokens } from "./silent-tokens.ts";

/** What the views need of an engine. */
export type ViewedEngine = {
  readonly config: { readonly windows: readonly WindowSpec[] };
  seenSinceMs(): number | undefined;
  highs(): ReadonlyMap<number, number>;
  info(token: TokenRef): { readonly id: string };
  chainIdOf(token: TokenRef): number;
  version(token: TokenRef): number;
  nextChangeMs(token: TokenRef, asOfMs: number): number;
  isRetired(token: TokenRef, asOfMs: number): boolean;
  settledAboveMs(token: TokenRef): number;
  hasTrades(token: TokenRef, windowIndex: number, asOfMs: number): boolean;
  tokensOfPart(part: number): TokenRef[];
};

/** What may still be done in this piece: about a microsecond a unit. */
export type Work = { left: number };

const NEVER = Number.POSITIVE_INFINITY;
const INITIAL_TOKENS = 1024;
/**
 * When a token was touched, the next instant at which time changes it is not computed before the step has ended: hot tokens
 * are touched many times a step. It is then computed as of the look before, which the state still tells if that was not long ago.
 */
const LATE_LOOK_MS_MAX = 10_000;
const NOT_OWED = -1;
/** A version that no token has. */
const NOT_SEEN = -1;
/** Revisions of which `changedAt` tells the token; some seconds of a busy stream. */
export const JOURNAL_REVISIONS = 1 << 17;
/** Tokens passed over for a unit of work. */
const PASSED_PER_UNIT = 512;
const LOOK_UNITS = 2;

export class TokenViews {
  readonly #engine: ViewedEngine;
  readonly #isElsewhere: (token: TokenRef) => boolean;
  readonly #stepMs: number;
  readonly #longest: number;
  /** The engine's numbers of tokens are sparse; here each gets the next index at its first look. */
  readonly #indexes = new Map<TokenRef, number>();
  readonly #tokens: TokenRef[] = [];
  /** By index. Revision 0: never looked at. */
  #revs = new Float64Array(INITIAL_TOKENS);
  #versions = new Float64Array(INITIAL_TOKENS).fill(NOT_SEEN);
  #nextChanges = new Float64Array(INITIAL_TOKENS);
  /** The as-of from which the next change is still to be computed; the one above is then the end of that step. */
  #owedFrom = new Float64Array(INITIAL_TOKENS);
  /** 1: waits in `touched`. */
  #isTouched = new Uint8Array(INITIAL_TOKENS);
  /** 1: known, not retired and not elsewhere at the last look at all. */
  #isListed = new Uint8Array(INITIAL_TOKENS);
  /** Tokens to be looked at before all are. */
  #touched: number[] = [];
  readonly #silent = new SilentTokens();
  #revision = 1;
  #listed = 0;
  #generation = 0;
  /** By revision, modulo its length: the index that it was given to. Empty before the first look at all. */
  #journal = new Uint32Array(0);
  /** The next part of the engine's tokens to be read; undefined before the first look at all: nothing is kept for it. */
  #part: number | undefined;
  /** The step of the latest look, and that of the pass over all tokens, which has come to this index. */
  #lastStep = -1;
  #passStep = -1;
  #passAt = 0;
  /** The next instant at which a window becomes complete, at the beginning of the pass. */
  #nextCompleteMs = NEVER;

  /** `isElsewhere`: tokens that another partition lists, whatever this one has of them. */
  constructor(engine: ViewedEngine, finestStepMs: number, isElsewhere: (token: TokenRef) => boolean = () => false) {
    this.#engine = engine;
    this.#isElsewhere = isElsewhere;
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
    return this.#engine.info(this.tokenAt(index)).id;
  }

  isListedAt(index: number): boolean {
    return this.#isListed[index] === 1;
  }

  /** The revision given at the last look. */
  revAt(index: number): number {
    return this.#revs[index] as number;
  }

  /** The index that a revision was given to, of the last JOURNAL_REVISIONS that were given since the first look at all. */
  changedAt(revision: number): number {
    return this.#journal[revision % JOURNAL_REVISIONS] as number;
  }

  /** Equal as long as the figures of the token at a fixed as-of are the same. */
  stateOf(token: TokenRef): string {
    return `${this.#engine.version(token)}:${this.#generation}`;
  }

  /** Says that an event changed the token. */
  touch(token: TokenRef): void {
    if (this.#part !== undefined) this.#enlist(this.#indexOf(token));
  }

  /** Says that something changed which concerns every token, such as since when the partition saw its stream. */
  touchAll(): void {
    this.#generation += 1;
    this.#versions.fill(NOT_SEEN);
    this.#passStep = -1;
  }

  /**
   * The token's revision at this as-of, which must not lie in a step before that of an earlier look. `isRegular`: the
   * caller looks again within seconds, so that what costs much may wait.
   */
  look(token: TokenRef, asOfMs: number, isRegular: boolean): number {
    const index = this.#indexOf(token);
    this.#lastStep = Math.max(this.#lastStep, Math.floor(asOfMs / this.#stepMs));
    const before = this.revAt(index);
    this.#refresh(index, asOfMs, isRegular);
    // Whether it is listed still is seen at the look at all.
    if (this.#part !== undefined && this.revAt(index) !== before) this.#enlist(index);
    return this.revAt(index);
  }

  /**
   * The same for an as-of that may lie in a step before that of an earlier look: then this answer has a revision of its own, and the next
   * look gives another.
   */
  lookPast(token: TokenRef, asOfMs: number): number {
    if (Math.floor(asOfMs / this.#stepMs) >= this.#lastStep) return this.look(token, asOfMs, false);
    const index = this.#indexOf(token);
    this.#giveRevision(index);
    this.#versions[index] = NOT_SEEN;
    if (this.#part !== undefined) this.#enlist(index);
    return this.revAt(index);
  }

  /** Looks at all tokens, so that `isListedAt`, `revAt` and `revision` hold at this as-of. */
  lookAll(asOfMs: number): void {
    while (!this.lookSome(asOfMs, { left: NEVER }));
  }

  /**
   * The same in pieces: looks at tokens until the work is used up. Returns true when none is left; before anything else happens to the state, it is as
   * after `lookAll`. An as-of before that of an earlier call counts as that one.
   */
  lookSome(asOfMs: number, work: Work): boolean {
    const atMs = Math.max(asOfMs, this.lastStepMs);
    const step = Math.floor(atMs / this.#stepMs);
    this.#lastStep = step;
    if (this.#part === undefined) {
      this.#part = 0;
      this.#journal = new Uint32Array(JOURNAL_REVISIONS);
    }
    if (step !== this.#passStep) {
      this.#passStep = step;
      this.#passAt = 0;
      this.#nextCompleteMs = this.#nextComplete(atMs);
    }
    return (
      this.#readParts(work) && this.#passOn(atMs, work) && this.#lookTouched(atMs, work) && this.#leave(atMs, work)
    );
  }

  #readParts(work: Work): boolean {
    while (this.#part !== undefined && this.#part < TOKEN_PARTS) {
      if (work.left <= 0) return false;
      const tokens = this.#engine.tokensOfPart(this.#part);
      for (const token of tokens) this.#enlist(this.#indexOf(token));
      this.#part += 1;
      work.left -= 1 + tokens.length / 4;
    }
    return true;
  }

  /** Passes over the tokens from where the pass of this step has come to. */
  #passOn(atMs: number, work: Work): boolean {
    const { count } = this;
    while (this.#passAt < count) {
      if (work.left <= 0) return false;
      const end = Math.min(count, this.#passAt + PASSED_PER_UNIT);
      work.left -= 1;
      for (let index = this.#passAt; index < end; index++) {
        const isDue = (this.#nextChanges[index] as number) <= atMs || this.#versions[index] === NOT_SEEN;
        if (isDue && this.#isTouched[index] === 0) this.#enlist(index);
      }
      this.#passAt = end;
      if (!this.#lookTouched(atMs, work)) return false;
    }
    return true;
  }

  #lookTouched(atMs: number, work: Work): boolean {
    for (;;) {
      const index = this.#touched.at(-1);
      if (index === undefined) return true;
      if (work.left <= 0) return false;
      this.#touched.pop();
      this.#isTouched[index] = 0;
      this.#lookListed(index, atMs);
      work.left -= LOOK_UNITS;
    }
  }

  #leave(atMs: number, work: Work): boolean {
    if (this.#silent.size === 0) return true;
    const highs = this.#engine.highs();
    for (;;) {
      if (work.left <= 0) return false;
      const index = this.#silent.next((chainId) => highs.get(chainId) ?? 0);
      if (index === undefined) return true;
      this.#lookListed(index, atMs);
      work.left -= LOOK_UNITS;
    }
  }

  #enlist(index: number): void {
    if (this.#isTouched[index] === 1) return;
    this.#isTouched[index] = 1;
    this.#touched.push(index);
  }

  #lookListed(index: number, atMs: number): void {
    this.#refresh(index, atMs, true);
    const token = this.tokenAt(index);
    const isListed = !this.#engine.isRetired(token, atMs) && !this.#isElsewhere(token);
    if (isListed && this.#isSilent(index, atMs)) {
      this.#silent.add(index, this.#engine.chainIdOf(token), this.#engine.settledAboveMs(token));
    } else this.#silent.delete(index);
    if (this.isListedAt(index) === isListed) return;
    this.#isListed[index] = isListed ? 1 : 0;
    this.#listed += isListed ? 1 : -1;
    this.#giveRevision(index);
  }

  /** A token without a trade in the longest window changes only when a window becomes complete, which is cheap to see first. */
  #isSilent(index: number, atMs: number): boolean {
    if (this.#owedFrom[index] !== NOT_OWED || (this.#nextChanges[index] as number) < this.#nextCompleteMs) return false;
    return !this.#engine.hasTrades(this.tokenAt(index), this.#longest, atMs);
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
      this.#giveRevision(index);
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
    this.#giveRevision(index);
  }

  #giveRevision(index: number): void {
    this.#revision += 1;
    this.#revs[index] = this.#revision;
    if (this.#journal.length > 0) this.#journal[this.#revision % JOURNAL_REVISIONS] = index;
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
    this.#versions[index] = NOT_SEEN;
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
