/**
 * Revisions of one partition. A token gets the next number of the partition's counter whenever, at a look, its figures may differ from
 * those of the look before: an event touched it, or time passed an instant at which they change. HTTP, overviews and feeds all look here,
 * so equal revisions mean equal figures behind every door.
 *
 * Figures change with time only at multiples of the finest step, so looks within one step differ by events alone. A look at all tokens
 * costs by those that were touched since and by those that time changes, and one pass over two typed arrays in each step. It is done in
 * pieces; between two of them events may touch tokens, which are then looked at again.
 */
import { TOKEN_PARTS } from "../../engine/partition-engine.ts";
import type { TokenRef, WindowSpec } from "../../engine/types.ts";
import { ChangeSchedule, type ScheduledEngine } from "./change-schedule.ts";
import { RevisionJournal } from "./revision-journal.ts";
import { SilentTokens } from "./silent-tokens.ts";

/** The part of an engine that the views use. */
type ViewedEngine = ScheduledEngine & {
  readonly config: { readonly windows: readonly WindowSpec[] };
  seenSinceMs(): number | undefined;
  highs(): ReadonlyMap<number, number>;
  info(token: TokenRef): { readonly id: string };
  chainIdOf(token: TokenRef): number;
  isRetired(token: TokenRef, asOfMs: number): boolean;
  settledAboveMs(token: TokenRef): number;
  hasTrades(token: TokenRef, windowIndex: number, asOfMs: number): boolean;
  tokensOfPart(part: number): TokenRef[];
};

/** The work that is left in a piece: about a microsecond a unit. */
export type Work = { left: number };

const NEVER = Number.POSITIVE_INFINITY;
const INITIAL_TOKENS = 1024;
/** Tokens passed over for a unit of work, and the cost of a look at one. */
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
  readonly #revisions = new RevisionJournal();
  readonly #schedule: ChangeSchedule;
  /** By index. 1: waits in `touched`. */
  #isTouched = new Uint8Array(INITIAL_TOKENS);
  /** 1 for tokens that were known, not retired and not served by another partition at the last look at all tokens. */
  #isListed = new Uint8Array(INITIAL_TOKENS);
  /** Tokens to be looked at before all are. */
  #touched: number[] = [];
  readonly #silent = new SilentTokens();
  #listed = 0;
  #generation = 0;
  /** The next part of the engine's tokens to read. Undefined before the first look at all tokens. */
  #part: number | undefined;
  /** The step of the latest look, that of the pass over all tokens, and the index that the pass has reached. */
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
    this.#schedule = new ChangeSchedule(engine, finestStepMs);
  }

  /** The counter: grows with every revision that is given. */
  get revision(): number {
    return this.#revisions.revision;
  }

  /** Start of the step of the latest look; a look before it could not give a revision its right figures. */
  get lastStepMs(): number {
    return this.#lastStep * this.#stepMs;
  }

  /** Tokens that were ever looked at; they have the indexes below. */
  get count(): number {
    return this.#tokens.length;
  }

  /** Tokens of the overview at the last look at all tokens. */
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
    return this.#revisions.revAt(index);
  }

  /** The newest change of the token's figures, or of whether it is listed: a number of the same counter. */
  changeAt(index: number): number {
    return this.#revisions.changeAt(index);
  }

  /** Returns the index of the token with this change, for the last JOURNAL_REVISIONS since the first look at all tokens. */
  changedAt(revision: number): number {
    return this.#revisions.changedAt(revision);
  }

  /** Equal as long as the figures of the token at a fixed as-of are the same. */
  stateOf(token: TokenRef): string {
    return `${this.#engine.version(token)}:${this.#generation}`;
  }

  /** Notes that an event changed the token. */
  touch(token: TokenRef): void {
    if (this.#part !== undefined) this.#enlist(this.#indexOf(token));
  }

  /** Notes a change that concerns every token, such as since when the partition saw its stream. */
  touchAll(): void {
    this.#generation += 1;
    this.#schedule.forgetAll();
    this.#passStep = -1;
  }

  /**
   * Returns the token's revision at this as-of, which must not lie in a step before that of an earlier look. `isRegular`: the
   * caller looks again within seconds, so expensive work may wait.
   */
  look(token: TokenRef, asOfMs: number, isRegular: boolean): number {
    const index = this.#indexOf(token);
    this.#lastStep = Math.max(this.#lastStep, Math.floor(asOfMs / this.#stepMs));
    const isChanged = this.#refresh(index, asOfMs, isRegular);
    // The next look at all tokens determines whether it is still listed.
    if (this.#part !== undefined && isChanged) this.#enlist(index);
    return this.revAt(index);
  }

  /**
   * The same for an as-of that may lie in a step before that of an earlier look. If other figures may have held then, this answer has a revision of
   * its own, and the next look gives another.
   */
  lookPast(token: TokenRef, asOfMs: number): number {
    if (Math.floor(asOfMs / this.#stepMs) >= this.#lastStep) return this.look(token, asOfMs, false);
    const index = this.#indexOf(token);
    if (this.#schedule.reachesBack(index, asOfMs)) return this.look(token, asOfMs, false);
    this.#revisions.give(index);
    this.#schedule.forget(index);
    if (this.#part !== undefined) this.#enlist(index);
    return this.revAt(index);
  }

  /** Gives the token the next revision, because time has changed what is served of it besides its figures. Returns the revision. */
  renew(token: TokenRef): number {
    const index = this.#indexOf(token);
    this.#revisions.give(index);
    return this.revAt(index);
  }

  /**
   * Looks at tokens until the work is used up. Returns true when none is left: until the state changes, `isListedAt`, `revAt` and
   * `revision` hold at this as-of. An as-of before that of an earlier call counts as that one.
   */
  lookSome(asOfMs: number, work: Work): boolean {
    const atMs = Math.max(asOfMs, this.lastStepMs);
    const step = Math.floor(atMs / this.#stepMs);
    this.#lastStep = step;
    if (this.#part === undefined) {
      this.#part = 0;
      this.#revisions.begin();
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
        if (this.#isTouched[index] === 0 && this.#schedule.isDue(index, atMs)) this.#enlist(index);
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
    if (isListed && this.#isSilent(index, atMs) && this.#mayLeave(token)) {
      this.#silent.add(index, this.#engine.chainIdOf(token), this.#engine.settledAboveMs(token));
    } else this.#silent.delete(index);
    if (this.isListedAt(index) === isListed) return;
    this.#isListed[index] = isListed ? 1 : 0;
    this.#listed += isListed ? 1 : -1;
    // Its figures are the same. A revision would differ from that of responses which are still kept.
    this.#revisions.mark(index);
  }

  /**
   * Whether a higher high of its chain lets the token leave. A token that is still listed above the high at which all its records are settled
   * has a trade behind the as-of, and changes when that trade's time has come.
   */
  #mayLeave(token: TokenRef): boolean {
    return this.#engine.settledAboveMs(token) >= (this.#engine.highs().get(this.#engine.chainIdOf(token)) ?? 0);
  }

  /** A token without a trade in the longest window changes only when a window becomes complete, which is cheap to see first. */
  #isSilent(index: number, atMs: number): boolean {
    if (!this.#schedule.mayBeQuietUntil(index, this.#nextCompleteMs)) return false;
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

  /** Returns whether the token got a new revision. */
  #refresh(index: number, asOfMs: number, isRegular: boolean): boolean {
    const isChanged = this.#schedule.look(index, this.tokenAt(index), asOfMs, isRegular);
    if (isChanged) this.#revisions.give(index);
    return isChanged;
  }

  #indexOf(token: TokenRef): number {
    const known = this.#indexes.get(token);
    if (known !== undefined) return known;
    const index = this.#tokens.length;
    this.#indexes.set(token, index);
    this.#tokens.push(token);
    this.#schedule.add(index);
    this.#revisions.reserve(index);
    if (index === this.#isTouched.length) {
      this.#isTouched = grown(this.#isTouched);
      this.#isListed = grown(this.#isListed);
    }
    return index;
  }
}

function grown(old: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const next = new Uint8Array(old.length * 2);
  next.set(old);
  return next;
}
