/**
 * A ranking as a topic: data is the order and a row for each token in it. A row is built again only when its token has a
 * new revision, so a tick costs by what changed among the rows; the order itself is one pass over the listed tokens.
 */
import { diffMergePatch, type Json, type JsonObject } from "@swapstats/protocol/merge-patch.ts";
import type { HostRowKey, HostTopic, HostTopicUpdate } from "../bus/host-protocol.ts";
import { mergeRanked } from "../bus/rank-order.ts";
import type { SharedClock } from "../bus/shared-clock.ts";
import { hostEpoch, hostParts, hostRevision } from "./host-queries.ts";
import { type RankedField, servedValue } from "./ranking.ts";
import { RowFigures } from "./row-figures.ts";
import type { ServedPartition } from "./served-partition.ts";

type Row = {
  readonly key: HostRowKey;
  readonly rev: number;
  readonly data: JsonObject;
  /** `"<id>":{...}` as it stands in the data. */
  readonly text: string;
};

type OverviewOf = Extract<HostTopic, { kind: "overview" }>;

export class OverviewTopic {
  readonly #partitions: readonly ServedPartition[];
  readonly #topic: OverviewOf;
  readonly #windowIndex: number;
  readonly #figures: RowFigures;
  readonly #sort: RankedField;
  readonly #clock: SharedClock;
  #seenRev: number | undefined;
  #sentRev: number | undefined;
  /** Rows of the last look, by id; what was sent last has the same rows. */
  #rows = new Map<string, Row>();
  #order: readonly string[] = [];

  constructor(
    partitions: readonly ServedPartition[],
    topic: OverviewOf,
    windowIndex: (name: string) => number,
    clock: SharedClock,
  ) {
    this.#partitions = partitions;
    this.#topic = topic;
    this.#windowIndex = windowIndex(topic.window);
    this.#figures = new RowFigures(topic.window, topic, windowIndex, false);
    this.#sort = topic.sort as RankedField;
    this.#clock = clock;
  }

  /** Whether it ranks the tokens of exactly these partitions. */
  isWhole(partitions: readonly ServedPartition[]): boolean {
    const mine = this.#partitions;
    return mine.length === partitions.length && mine.every((home, i) => home === partitions[i]);
  }

  update(topicId: number, asOf: number): HostTopicUpdate | undefined {
    for (const home of this.#partitions) home.views.lookAll(asOf);
    const rev = hostRevision(this.#partitions);
    if (rev === this.#seenRev) return undefined;
    this.#seenRev = rev;
    const rows = this.#ranked(asOf);
    const order = rows.map((row) => row.key.id);
    const patch = this.#sentRev === undefined ? undefined : this.#patch(rows, order);
    if (this.#sentRev !== undefined && patch === undefined) return undefined;
    const prevRev = this.#sentRev;
    this.#sentRev = rev;
    this.#rows = new Map(rows.map((row) => [row.key.id, row]));
    this.#order = order;
    const wallMs = this.#clock.wallMs();
    return {
      topicId,
      epoch: hostEpoch(this.#partitions),
      rev,
      prevRev,
      asOf,
      watermark: undefined,
      lagMs: this.#partitions.reduce((most, home) => Math.max(most, home.board.lagMs(wallMs)), 0),
      data: `{"order":${JSON.stringify(order)},"rows":{${rows.map((row) => row.text).join(",")}}}`,
      patch: patch === undefined ? undefined : JSON.stringify(patch),
      keys: rows.map((row) => row.key),
      parts: hostParts(this.#partitions),
    };
  }

  #ranked(asOf: number): Row[] {
    const limit = this.#topic.limit;
    const lists = this.#partitions.map((home) =>
      home
        .ranking(this.#windowIndex, this.#sort)
        .top(limit, "desc", undefined, asOf)
        .map((index) => this.#row(home, index, asOf)),
    );
    return mergeRanked(lists, "desc", limit);
  }

  #row(home: ServedPartition, index: number, asOf: number): Row {
    const token = home.views.tokenAt(index);
    const { id, symbol } = home.engine.info(token);
    const rev = home.views.revAt(index);
    const known = this.#rows.get(id);
    if (known !== undefined && known.rev === rev) return known;
    const { ranked, text, data } = this.#figures.read(home, token, asOf);
    const named = symbol === undefined ? {} : { symbol };
    const symbolText = symbol === undefined ? "" : `"symbol":${JSON.stringify(symbol)},`;
    return {
      key: { value: servedValue(ranked, this.#sort), id, partition: home.partition },
      rev,
      data: { ...named, ...data() },
      text: `${JSON.stringify(id)}:{${symbolText}${text}}`,
    };
  }

  /** The merge patch from what was sent last to these rows; undefined when nothing changed. */
  #patch(rows: readonly Row[], order: readonly string[]): JsonObject | undefined {
    const changes: [string, Json][] = [];
    const gone = new Set(this.#rows.keys());
    for (const row of rows) {
      gone.delete(row.key.id);
      const sent = this.#rows.get(row.key.id);
      if (sent === row) continue;
      const change = sent === undefined ? row.data : diffMergePatch(sent.data, row.data);
      if (Object.keys(change).length > 0) changes.push([row.key.id, change]);
    }
    for (const id of gone) changes.push([id, null]);
    const isMoved = order.length !== this.#order.length || order.some((id, at) => id !== this.#order[at]);
    if (!isMoved && changes.length === 0) return undefined;
    return { ...(isMoved ? { order } : {}), ...(changes.length > 0 ? { rows: Object.fromEntries(changes) } : {}) };
  }
}
