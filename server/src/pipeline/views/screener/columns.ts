/**
 * What the screener compares, in columns by the index of the views: each field of a query is a column with a key, or a text, of every
 * listed token. A token is read again only when its revision has moved, for all columns in one walk over its buckets. A new column reads
 * all tokens once, in pieces. A column that no query has used for a while is dropped.
 */
import { RankKey } from "../../../engine/reads/rank-key.ts";
import type { ScreenFigure, WindowPlan } from "../../../engine/reads/screen-query.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import { ChangeFollower } from "../change-follower.ts";
import type { IdOrder } from "../id-order.ts";
import { RankKeys } from "../rank-keys.ts";
import type { ServedEngine } from "../served-engine.ts";
import type { TokenViews, Work } from "../token-views.ts";
import type { ColumnSpec } from "./column-spec.ts";
import { TextColumn } from "./text-column.ts";

/** Limit for the columns of a partition. Beyond it those are dropped that no query has used lately; if all are used, a query is refused. */
const COLUMNS_BYTES_MAX = 512 * 1024 * 1024;
/** A column that no query used for this time is dropped. */
const UNUSED_MS_MAX = 60_000;
/** A column that was used within this time is not dropped for another one. */
const IN_USE_MS = 10_000;
/** Work units to read a token: for itself, and for each window. */
const TOKEN_UNITS = 3;
const WINDOW_UNITS = 5;
/** Tokens passed over in a unit when columns are filled. */
const PASSED_PER_UNIT = 512;

type Column = { readonly spec: ColumnSpec; readonly values: RankKeys | TextColumn; usedMs: number };

/** Columns that are read together. */
class ColumnGroup {
  readonly columns: readonly Column[];
  readonly changes: ChangeFollower;
  readonly units: number;
  readonly #engine: ServedEngine;
  readonly #plan: readonly WindowPlan[];
  /** By place in the plan: the column, and the key that the engine sets. */
  readonly #planned: readonly RankKeys[];
  readonly #keys: readonly RankKey[];
  readonly #ofTokens: readonly Column[];
  readonly #key = new RankKey();

  /** `rev`: the columns have the values of all changes up to this revision. */
  constructor(engine: ServedEngine, views: TokenViews, columns: readonly Column[], rev: number) {
    this.#engine = engine;
    this.columns = columns;
    this.changes = new ChangeFollower(views, 0);
    this.changes.skipTo(rev);
    const ofWindows = columns.filter(({ spec }) => spec.windowIndex !== undefined);
    this.#ofTokens = columns.filter(({ spec }) => spec.windowIndex === undefined);
    this.#planned = ofWindows.map(({ values }) => values as RankKeys);
    this.#keys = ofWindows.map(() => new RankKey());
    const figures = ofWindows.map(({ spec }, at) => ({ ...(spec.source as ScreenFigure), at }));
    const byWindow = Map.groupBy(figures, ({ at }) => ofWindows[at]?.spec.windowIndex as number);
    this.#plan = [...byWindow]
      .map(([windowIndex, planned]) => ({ windowIndex, figures: planned }))
      .sort((a, b) => a.windowIndex - b.windowIndex);
    this.units = TOKEN_UNITS + WINDOW_UNITS * this.#plan.length;
  }

  /** Reads all columns of a token. */
  read(index: number, token: number, asOfMs: number): void {
    if (this.#plan.length > 0) {
      this.#engine.screenKeys(token, this.#plan, asOfMs, this.#keys);
      for (let i = 0; i < this.#planned.length; i++) this.#planned[i]?.store(index, this.#keys[i] as RankKey);
    }
    if (this.#ofTokens.length > 0) this.#readToken(index, token);
  }

  #readToken(index: number, token: number): void {
    const info = this.#engine.info(token);
    for (const { spec, values } of this.#ofTokens) {
      if (values instanceof TextColumn) {
        values.store(index, spec.source.figure === "symbol" ? info.symbol : info.id.slice(info.id.indexOf(":") + 1));
        continue;
      }
      const { figure } = spec.source;
      if (figure === "chain_id") this.#key.setNumber(info.chainId);
      else if (figure === "late") this.#key.setNumber(info.late);
      else if (figure === "removed") this.#key.setNumber(info.removed);
      else this.#key.setNumber(this.#engine.firstSeenMs(token) ?? Number.NaN);
      values.store(index, this.#key);
    }
  }
}

export class ScreenColumns {
  readonly #engine: ServedEngine;
  readonly views: TokenViews;
  readonly ids: IdOrder;
  readonly #nowMs: () => number;
  readonly #columns = new Map<string, Column>();
  #ready: ColumnGroup;
  /** Columns whose first values are being read, and the index that this has reached. */
  #filling: ColumnGroup | undefined;
  #fillAt = 0;
  #new: Column[] = [];
  #capacity = 0;
  /** Marks by index, for the caller's use within a piece; all 0 between two uses. */
  #marks = new Uint8Array(0);

  constructor(engine: ServedEngine, views: TokenViews, ids: IdOrder, nowMs: () => number = () => performance.now()) {
    this.#engine = engine;
    this.views = views;
    this.ids = ids;
    this.#nowMs = nowMs;
    this.#ready = new ColumnGroup(engine, views, [], 0);
  }

  get marks(): Uint8Array {
    return this.#marks;
  }

  get bytes(): number {
    return [...this.#columns.values()].reduce((sum, { values }) => sum + values.bytes, 0);
  }

  get count(): number {
    return this.#columns.size;
  }

  numbers({ key }: ColumnSpec): RankKeys {
    return this.#columns.get(key)?.values as RankKeys;
  }

  texts({ key }: ColumnSpec): TextColumn {
    return this.#columns.get(key)?.values as TextColumn;
  }

  /**
   * Brings these columns up to date until the work is used up. Returns true when they have the values as of `asOfMs`, at which the caller
   * has looked at all tokens; this holds until the views look again. Throws as `use` does.
   */
  syncSome(specs: readonly ColumnSpec[], asOfMs: number, work: Work): boolean {
    const { views } = this;
    const atMs = Math.max(asOfMs, views.lastStepMs);
    if (!this.ids.buildSome(views.count, (index) => views.idAt(index), work)) return false;
    this.use(specs);
    this.#reserve(views.count);
    if (!this.#follow(this.#ready, atMs, work)) return false;
    for (;;) {
      if (this.#filling === undefined) {
        if (this.#new.length === 0) return true;
        this.#filling = new ColumnGroup(this.#engine, views, this.#new, views.revision);
        this.#new = [];
        this.#fillAt = 0;
      }
      const filling = this.#filling;
      if (!this.#fillSome(filling, atMs, work) || !this.#follow(filling, atMs, work)) return false;
      this.#ready = new ColumnGroup(this.#engine, views, [...this.#ready.columns, ...filling.columns], views.revision);
      this.#filling = undefined;
    }
  }

  #follow(group: ColumnGroup, atMs: number, work: Work): boolean {
    const { views } = this;
    if (group.columns.length === 0) {
      group.changes.skipTo(views.revision);
      return true;
    }
    return group.changes.takeSome(work, (index) => this.#read(group, index, atMs, work));
  }

  #fillSome(group: ColumnGroup, atMs: number, work: Work): boolean {
    const { views } = this;
    for (; this.#fillAt < views.count; this.#fillAt++) {
      if (work.left <= 0) return false;
      this.#read(group, this.#fillAt, atMs, work);
    }
    return true;
  }

  #read(group: ColumnGroup, index: number, atMs: number, work: Work): void {
    const { views } = this;
    if (!views.isListedAt(index)) {
      work.left -= 1 / PASSED_PER_UNIT;
      return;
    }
    this.ids.add(index);
    group.read(index, views.tokenAt(index), atMs);
    work.left -= group.units;
  }

  /**
   * Notes that a query uses these columns. Columns that are new at the next synchronisation are filled together. Throws `overloaded` if the
   * columns in use leave no room for these.
   */
  use(specs: readonly ColumnSpec[]): void {
    const nowMs = this.#nowMs();
    let isGrowing = false;
    for (const spec of specs) {
      const known = this.#columns.get(spec.key);
      if (known !== undefined) known.usedMs = nowMs;
      else isGrowing = true;
    }
    this.#drop(({ usedMs }) => nowMs - usedMs > UNUSED_MS_MAX);
    if (!isGrowing) return;
    for (const spec of specs) if (!this.#columns.has(spec.key)) this.#add(spec, nowMs);
  }

  #add(spec: ColumnSpec, nowMs: number): void {
    const values = spec.isText ? new TextColumn() : new RankKeys();
    values.reserve(this.views.count);
    const room = COLUMNS_BYTES_MAX - values.bytes;
    if (this.bytes > room) {
      const idle = [...this.#columns.values()].filter(({ usedMs }) => nowMs - usedMs > IN_USE_MS);
      for (const oldest of idle.sort((a, b) => a.usedMs - b.usedMs)) {
        if (this.bytes > room) this.#drop((column) => column === oldest);
      }
      if (this.bytes > room) throw tooManyColumns();
    }
    const column = { spec, values, usedMs: nowMs };
    this.#columns.set(spec.key, column);
    this.#new.push(column);
  }

  /** Drops columns that are ready. */
  #drop(isDropped: (column: Column) => boolean): void {
    const { columns, changes } = this.#ready;
    const kept = columns.filter((column) => !isDropped(column));
    if (kept.length === columns.length) return;
    for (const column of columns) if (isDropped(column)) this.#columns.delete(column.spec.key);
    this.#ready = new ColumnGroup(this.#engine, this.views, kept, changes.takenRev);
  }

  #reserve(count: number): void {
    for (const { values } of this.#columns.values()) values.reserve(count);
    if (count <= this.#capacity) return;
    this.#capacity = Math.ceil(count * 1.5);
    this.#marks = new Uint8Array(this.#capacity);
  }
}

function tooManyColumns(): SwapstatsError {
  const message = "The queries of the screener use too many different figures at once; ask again in a moment.";
  return new SwapstatsError("overloaded", message, { retryable: true });
}
