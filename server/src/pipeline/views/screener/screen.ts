/**
 * The best tokens of one query in one partition. A first scan evaluates all tokens; from then on only those with new revisions are evaluated
 * again. A list of the best is kept, somewhat longer than what is shown. Matching tokens behind its end are not known; when too many
 * tokens have left the list, all are scanned again. That costs a few milliseconds for 100,000 tokens, and no query needs memory by the
 * number of tokens.
 */
import { ChangeFollower } from "../change-follower.ts";
import type { Work } from "../token-views.ts";
import type { ScreenColumns } from "./columns.ts";
import { BATCH_MAX, type FilterProgram } from "./filter-program.ts";
import type { MatchSet } from "./match-set.ts";
import { type BoundOrder, compareSorts, compareToPlace, type OrderPlace, type ScreenOrder } from "./screen-order.ts";

/** Rows of the list beyond those that are shown, and at which length it is cut. */
const SPARE_ROWS = 64;
const CUT_FACTOR = 2;
/** Comparisons of a token and a column for a unit of work, and the cost of a batch. */
const COMPARED_PER_UNIT = 256;
const BATCH_UNITS = 2;

const KEPT = 1;
const GONE = 2;

const indexes = new Uint32Array(BATCH_MAX);
const matches = new Uint8Array(BATCH_MAX);

export class Screen {
  readonly #columns: ScreenColumns;
  readonly #program: FilterProgram;
  readonly #order: ScreenOrder;
  readonly #shown: number;
  /** Undefined unless every match is to be known. */
  readonly #all: MatchSet | undefined;
  /** In order, unless `#isSorted` is false. */
  #best: number[] = [];
  #isSorted = true;
  /** Every match that is not in the list is behind this place. Undefined: all are in the list. */
  #end: OrderPlace | undefined;
  readonly #changes: ChangeFollower;
  /** The next index of the scan of all tokens. Undefined: it is done. */
  #scanAt: number | undefined = 0;
  #batched = 0;
  /** Of the piece that runs. */
  #bound: BoundOrder = [];

  /** `shown`: rows that `best` returns at least, if there are so many. */
  constructor(columns: ScreenColumns, program: FilterProgram, order: ScreenOrder, shown: number, all?: MatchSet) {
    this.#columns = columns;
    this.#changes = new ChangeFollower(columns.views, 0);
    this.#program = program;
    this.#order = order;
    this.#shown = shown;
    this.#all = all;
  }

  /** The best matches in order: `shown` of them, or more, or all. */
  get best(): readonly number[] {
    return this.#best;
  }

  /**
   * Evaluates tokens until the work is used up. The caller has brought the columns up to date in the same piece. Returns true when `best`
   * holds until the views look again.
   */
  syncSome(work: Work): boolean {
    this.#bound = this.#order.bound(this.#columns);
    for (;;) {
      if (this.#scanAt === undefined && this.#changes.isFarBehind) this.#restart();
      if (!this.#scanSome(work)) return false;
      const isDone = this.#changes.takeSome(work, (index) => this.#push(index, work));
      this.#flush(work);
      if (!isDone) return false;
      if (this.#best.length < this.#shown && this.#end !== undefined) {
        this.#restart();
        continue;
      }
      this.#sort();
      return true;
    }
  }

  #restart(): void {
    this.#best = [];
    this.#end = undefined;
    this.#isSorted = true;
    this.#scanAt = 0;
    this.#all?.clear();
  }

  #scanSome(work: Work): boolean {
    const { views } = this.#columns;
    if (this.#scanAt === undefined) return true;
    // Tokens that change while they are scanned are evaluated again.
    if (this.#scanAt === 0) this.#changes.skipTo(views.revision);
    while (this.#scanAt < views.count) {
      if (work.left <= 0) return false;
      const end = Math.min(views.count, this.#scanAt + BATCH_MAX);
      for (let index = this.#scanAt; index < end; index++)
        if (views.isListedAt(index)) indexes[this.#batched++] = index;
      this.#scanAt = end;
      this.#flush(work);
    }
    this.#scanAt = undefined;
    return true;
  }

  #push(index: number, work: Work): void {
    indexes[this.#batched++] = index;
    if (this.#batched === BATCH_MAX) this.#flush(work);
  }

  /** Evaluates the tokens of the batch, and puts them into the list or takes them out of it. */
  #flush(work: Work): void {
    const count = this.#batched;
    if (count === 0) return;
    this.#batched = 0;
    const columns = this.#columns;
    const { views, marks } = columns;
    this.#program.run(columns, indexes, count, matches);
    work.left -= BATCH_UNITS + (count * (this.#program.leaves + 1)) / COMPARED_PER_UNIT;
    const best = this.#best;
    for (const index of best) marks[index] = KEPT;
    let isAnyGone = false;
    for (let i = 0; i < count; i++) {
      const index = indexes[i] as number;
      const isMatch = matches[i] === 1 && views.isListedAt(index);
      this.#all?.set(index, isMatch);
      const isShown = isMatch && (this.#end === undefined || this.#isUpTo(index, this.#end));
      if (marks[index] === KEPT) {
        if (isShown) this.#isSorted = false;
        else {
          marks[index] = GONE;
          isAnyGone = true;
        }
      } else if (isShown && marks[index] !== GONE) {
        best.push(index);
        marks[index] = KEPT;
        this.#isSorted = false;
      }
    }
    const kept = isAnyGone ? best.filter((index) => marks[index] !== GONE) : best;
    for (const index of best) marks[index] = 0;
    this.#best = kept;
    const length = this.#shown + SPARE_ROWS;
    if (kept.length > length * CUT_FACTOR) this.#cut(length);
  }

  /** Whether a token comes before a place, or is there. */
  #isUpTo(index: number, place: OrderPlace): boolean {
    const { numbers } = this.#columns.ids;
    const bySorts = compareToPlace(this.#bound, index, place);
    return bySorts === 0 ? (numbers[index] as number) <= (numbers[place.index] as number) : bySorts < 0;
  }

  #cut(length: number): void {
    this.#sort();
    this.#best.length = length;
    this.#end = this.#order.placeOf(this.#columns, this.#best[length - 1] as number);
  }

  #sort(): void {
    if (this.#isSorted) return;
    this.#isSorted = true;
    const bound = this.#bound;
    const { numbers } = this.#columns.ids;
    const compare = (a: number, b: number): number =>
      compareSorts(bound, a, bound, b) || (numbers[a] as number) - (numbers[b] as number);
    this.#best.sort(compare);
  }
}
