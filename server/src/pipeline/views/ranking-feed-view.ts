/**
 * The feed of a worker's part of a ranking or of a query of the screener: its best rows, as texts with their places. A row is built again
 * only when its token has a new revision. Feeds that show the same figures share the row and its texts, so an update costs by what
 * changed among the rows.
 */
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { diffMergePatch } from "@swapstats/protocol/merge-patch.ts";
import { epochOfParts, type FeedUpdate, type RankedRow, type RankKey } from "../../bus/responses.ts";
import type { SharedClock } from "../../bus/shared-clock.ts";
import type { Piecewise } from "../thread-share.ts";
import type { PageRow } from "./kept-rows.ts";
import { caughtUp, type PageSource, rankedPage } from "./overview-page.ts";
import type { Picked } from "./pick-rows.ts";
import type { RowFigures } from "./row-figures.ts";
import { partRevisions, revisionOfPartitions, type ServedPartition } from "./served-partition.ts";

/** Rows compared with those that were sent, or written, in a piece. */
const ROWS_PER_PIECE = 50;

type RankingFeedOptions = {
  readonly partitions: readonly ServedPartition[];
  readonly source: PageSource;
  readonly figures: RowFigures;
  /** Returns the place of a row, in the instant of the pick. */
  readonly keyOf: (row: PageRow, picked: Picked) => RankKey;
  /** Whether the rows are sent as one text. */
  readonly asText: boolean;
  readonly clock: SharedClock;
};

export class RankingFeedView {
  readonly #options: RankingFeedOptions;
  #seenRev: number | undefined;
  #sentRev: number | undefined;
  /** As-of from which time alone may change a row. */
  #validUntilMs = Number.POSITIVE_INFINITY;
  /** Rows of the last look, by id. The last update has the same rows. */
  #rows = new Map<string, PageRow>();
  #order: readonly string[] = [];
  #keysText = "";

  constructor(options: RankingFeedOptions) {
    this.#options = options;
  }

  /** Returns whether it ranks the tokens of exactly these partitions. */
  isWhole(partitions: readonly ServedPartition[]): boolean {
    const mine = this.#options.partitions;
    return mine.length === partitions.length && mine.every((home, i) => home === partitions[i]);
  }

  /** Makes the update that is due, or undefined. One at a time. */
  *update(): Piecewise<FeedUpdate | undefined> {
    const { partitions, source, keyOf, figures, asText, clock } = this.#options;
    const asOf = (): number => clock.now();
    const atMs = yield* caughtUp(partitions, asOf);
    if (revisionOfPartitions(partitions) === this.#seenRev && atMs < this.#validUntilMs) return undefined;
    const page = yield* rankedPage(partitions, source, figures, asOf);
    const rev = revisionOfPartitions(partitions);
    const parts = partRevisions(partitions);
    const { rows } = page;
    const keys = asText ? [] : rows.map((row, at) => keyOf(row, page.picked[at] as Picked));
    this.#seenRev = rev;
    this.#validUntilMs = rows.reduce((first, row) => Math.min(first, row.validUntilMs), Number.POSITIVE_INFINITY);
    const order = rows.map((row) => row.id);
    const patch = this.#sentRev === undefined ? undefined : yield* this.#patch(rows, order);
    // Rows may change places among those of other workers by a figure that they do not show.
    const keysText = asText ? "" : JSON.stringify(keys);
    if (this.#sentRev !== undefined && patch === undefined && keysText === this.#keysText) return undefined;
    this.#keysText = keysText;
    const prevRev = this.#sentRev;
    this.#sentRev = rev;
    this.#rows = new Map(rows.map((row) => [row.id, row]));
    this.#order = order;
    const texts = asText
      ? undefined
      : rows.map((row, at): RankedRow => {
          return { key: keys[at] as RankKey, partition: row.partition, json: this.#rowText(row) };
        });
    const wallMs = clock.wallMs();
    return {
      epoch: epochOfParts(parts),
      rev,
      prevRev,
      asOf: page.asOf,
      watermark: undefined,
      lagMs: partitions.reduce((most, home) => Math.max(most, home.board.lagMs(wallMs)), 0),
      data: asText ? this.#dataText(rows, order) : undefined,
      rows: texts,
      patch: prevRev === undefined ? undefined : (patch ?? NO_CHANGE),
      parts,
    };
  }

  #dataText(rows: readonly PageRow[], order: readonly string[]): string {
    const texts = rows.map((row) => `${JSON.stringify(row.id)}:${this.#rowText(row)}`);
    return `{"order":${JSON.stringify(order)},"rows":{${texts.join(",")}}}`;
  }

  /** Returns the JSON text of the row's value in the data. */
  #rowText(row: PageRow): string {
    if (row.text === undefined) {
      const symbolText = row.symbol === undefined ? "" : `"symbol":${JSON.stringify(row.symbol)},`;
      const splitText = row.isSplit ? `"split":true,` : "";
      row.text = `{${symbolText}${splitText}${this.#options.figures.text(row, undefined)}}`;
    }
    return row.text;
  }

  /** Makes the text of the merge patch from the last update to these rows; undefined if nothing changed. */
  *#patch(rows: readonly PageRow[], order: readonly string[]): Piecewise<string | undefined> {
    const changes: string[] = [];
    const gone = new Set(this.#rows.keys());
    for (const [at, row] of rows.entries()) {
      gone.delete(row.id);
      const sent = this.#rows.get(row.id);
      if (sent === row) continue;
      const change = sent === undefined ? this.#rowText(row) : changeText(sent, row);
      if (change !== NO_CHANGE) changes.push(`${JSON.stringify(row.id)}:${change}`);
      if (at % ROWS_PER_PIECE === 0) yield;
    }
    for (const id of gone) changes.push(`${JSON.stringify(id)}:null`);
    const isMoved = order.length !== this.#order.length || order.some((id, at) => id !== this.#order[at]);
    const members = [
      ...(isMoved ? [`"order":${JSON.stringify(order)}`] : []),
      ...(changes.length > 0 ? [`"rows":{${changes.join(",")}}`] : []),
    ];
    return members.length === 0 ? undefined : `{${members.join(",")}}`;
  }
}

const NO_CHANGE = "{}";

/** Returns the merge patch between two rows of a token. Most feeds have sent the same row before, so it is made once. */
function changeText(sent: PageRow, row: PageRow): string {
  if (row.change?.fromRev === sent.rev) return row.change.text;
  const text = JSON.stringify(diffMergePatch(dataOf(sent), dataOf(row)));
  row.change = { fromRev: sent.rev, text };
  return text;
}

function dataOf(row: PageRow): JsonObject {
  const { symbol, isSplit } = row;
  return { ...(symbol === undefined ? {} : { symbol }), ...(isSplit ? { split: true } : {}), ...row.data() };
}
