/**
 * The feed of a worker's part of a ranking: its best rows, as texts with their places. A row is built again only when its token has a new
 * revision. Feeds that show the same figures share the row, so an update costs by what changed among the rows.
 */
import type { SortField } from "@swapstats/protocol/figures.ts";
import { diffMergePatch, type Json, type JsonObject } from "@swapstats/protocol/merge-patch.ts";
import { epochOfParts, type FeedUpdate, type RankedRow } from "../../bus/responses.ts";
import type { SharedClock } from "../../bus/shared-clock.ts";
import type { WindowSpec } from "../../engine/types.ts";
import type { ChannelSpec } from "../../ports/stats-bus.ts";
import type { Piecewise } from "../thread-share.ts";
import type { PageRow } from "./kept-rows.ts";
import { caughtUp, keyOfRow, overviewPage } from "./overview-page.ts";
import { RowFigures } from "./row-figures.ts";
import { partRevisions, revisionOfPartitions, type ServedPartition } from "./served-partition.ts";

type OverviewOf = Extract<ChannelSpec, { kind: "overview" }>;

/** Rows compared with those that were sent, or written, in a piece. */
const ROWS_PER_PIECE = 50;

export class RankingFeedView {
  readonly #partitions: readonly ServedPartition[];
  readonly #spec: OverviewOf;
  readonly #windowIndex: number;
  readonly #figures: RowFigures;
  readonly #sort: SortField;
  readonly #clock: SharedClock;
  #seenRev: number | undefined;
  #sentRev: number | undefined;
  /** Rows of the last look, by id. The last update has the same rows. */
  #rows = new Map<string, PageRow>();
  #order: readonly string[] = [];

  constructor(
    partitions: readonly ServedPartition[],
    spec: OverviewOf,
    windows: readonly WindowSpec[],
    clock: SharedClock,
  ) {
    this.#partitions = partitions;
    this.#spec = spec;
    this.#windowIndex = windows.findIndex((window) => window.name === spec.window);
    this.#figures = new RowFigures(spec.window, spec, windows);
    this.#sort = spec.sort as SortField;
    this.#clock = clock;
  }

  /** Returns whether it ranks the tokens of exactly these partitions. */
  isWhole(partitions: readonly ServedPartition[]): boolean {
    const mine = this.#partitions;
    return mine.length === partitions.length && mine.every((home, i) => home === partitions[i]);
  }

  /** Makes the update that is due, or undefined. One at a time. */
  *update(): Piecewise<FeedUpdate | undefined> {
    const asOf = (): number => this.#clock.now();
    yield* caughtUp(this.#partitions, asOf);
    if (revisionOfPartitions(this.#partitions) === this.#seenRev) return undefined;
    const { limit: count } = this.#spec;
    const request = {
      windowIndex: this.#windowIndex,
      sort: this.#sort,
      order: "desc",
      after: undefined,
      count,
    } as const;
    const page = yield* overviewPage(this.#partitions, { ...request, figures: this.#figures }, asOf);
    const rev = revisionOfPartitions(this.#partitions);
    const parts = partRevisions(this.#partitions);
    this.#seenRev = rev;
    const { rows } = page;
    const order = rows.map((row) => row.id);
    const patch = this.#sentRev === undefined ? undefined : yield* this.#patch(rows, order);
    if (this.#sentRev !== undefined && patch === undefined) return undefined;
    const prevRev = this.#sentRev;
    this.#sentRev = rev;
    this.#rows = new Map(rows.map((row) => [row.id, row]));
    this.#order = order;
    const texts: RankedRow[] = [];
    for (const row of rows) {
      texts.push({ key: keyOfRow(row, this.#sort), partition: row.partition, json: this.#rowText(row) });
      if (texts.length % ROWS_PER_PIECE === 0) yield;
    }
    const wallMs = this.#clock.wallMs();
    return {
      epoch: epochOfParts(parts),
      rev,
      prevRev,
      asOf: page.asOf,
      watermark: undefined,
      lagMs: this.#partitions.reduce((most, home) => Math.max(most, home.board.lagMs(wallMs)), 0),
      data: undefined,
      rows: texts,
      patch: patch === undefined ? undefined : JSON.stringify(patch),
      parts,
    };
  }

  /** Returns the JSON text of the row's value in the data. */
  #rowText({ symbol, isSplit, texts }: PageRow): string {
    const symbolText = symbol === undefined ? "" : `"symbol":${JSON.stringify(symbol)},`;
    const splitText = isSplit ? `"split":true,` : "";
    return `{${symbolText}${splitText}${this.#figures.text(texts, undefined)}}`;
  }

  /** Makes the merge patch from the last update to these rows; undefined if nothing changed. */
  *#patch(rows: readonly PageRow[], order: readonly string[]): Piecewise<JsonObject | undefined> {
    const changes: [string, Json][] = [];
    const gone = new Set(this.#rows.keys());
    for (const row of rows) {
      gone.delete(row.id);
      const sent = this.#rows.get(row.id);
      if (sent === row) continue;
      const change = sent === undefined ? dataOf(row) : diffMergePatch(dataOf(sent), dataOf(row));
      if (Object.keys(change).length > 0) changes.push([row.id, change]);
      if (changes.length % ROWS_PER_PIECE === 0) yield;
    }
    for (const id of gone) changes.push([id, null]);
    const isMoved = order.length !== this.#order.length || order.some((id, at) => id !== this.#order[at]);
    if (!isMoved && changes.length === 0) return undefined;
    return { ...(isMoved ? { order } : {}), ...(changes.length > 0 ? { rows: Object.fromEntries(changes) } : {}) };
  }
}

function dataOf(row: PageRow): JsonObject {
  const { symbol, isSplit } = row;
  return { ...(symbol === undefined ? {} : { symbol }), ...(isSplit ? { split: true } : {}), ...row.data() };
}
