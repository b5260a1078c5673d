/**
 * Topics of one host: streams of a token's or a ranking's figures. Every `coalesceMs` each open topic whose token has a
 * new revision is built once, compared with what was sent last, and sent as data and patch; all in one message. A topic
 * whose figures came out the same is not sent, so the next patch still applies to the last revision that was.
 */
import { diffMergePatch, type JsonObject } from "@swapstats/protocol/merge-patch.ts";
import type { HostTopic, HostTopicUpdate } from "../bus/host-protocol.ts";
import type { SharedClock } from "../bus/shared-clock.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { OverviewTopic } from "./overview-topic.ts";
import type { ServedPartition } from "./served-partition.ts";
import { type FigureFilter, figureFilter, tokenHeadJson, topicFigures, windowJson } from "./stats-json.ts";
import { type FoundToken, lookUp } from "./token-lookup.ts";

type OpenTopic = {
  /** Whether it stands on partitions that are all there still. */
  isWhole(partitions: readonly ServedPartition[]): boolean;
  /** The update that is due at this as-of, or undefined. */
  update(topicId: number, asOf: number, wallMs: number): HostTopicUpdate | undefined;
};

export type HostTopicsOptions = {
  /** Those that can be asked. */
  readonly partitions: () => readonly ServedPartition[];
  readonly clock: SharedClock;
  readonly windowIndex: (name: string) => number;
  readonly send: (updates: HostTopicUpdate[]) => void;
  /** Nothing more comes of these topics. */
  readonly gone: (topicIds: number[]) => void;
};

export class HostTopics {
  readonly #options: HostTopicsOptions;
  readonly #topics = new Map<number, { readonly topic: HostTopic; open: OpenTopic }>();

  constructor(options: HostTopicsOptions) {
    this.#options = options;
  }

  /** Opens a topic; its whole data is sent by `sendFirst`. Throws `not_found` when the token is not known here. */
  open(topicId: number, topic: HostTopic): void {
    this.#topics.set(topicId, { topic, open: this.#opened(topic) });
  }

  /**
   * Partitions have come or gone, or have a new epoch. A ranking begins anew over those that are there, with its whole data, and so
   * does a token's topic whose partition is still there; else it goes.
   */
  partitionsChanged(): void {
    const partitions = this.#options.partitions();
    const gone: number[] = [];
    for (const [topicId, entry] of this.#topics) {
      if (entry.open.isWhole(partitions)) continue;
      const open = this.#openedOrGone(entry.topic);
      if (open === undefined) gone.push(topicId);
      else entry.open = open;
    }
    for (const topicId of gone) this.#topics.delete(topicId);
    if (gone.length > 0) this.#options.gone(gone);
  }

  /** Sends the data of a topic that was just opened, without waiting for the next tick. */
  sendFirst(topicId: number): void {
    const topic = this.#topics.get(topicId);
    if (topic !== undefined) this.#sendDue([[topicId, topic]]);
  }

  close(topicId: number): void {
    this.#topics.delete(topicId);
  }

  /** Sends what is due. */
  tick(): void {
    if (this.#topics.size > 0) this.#sendDue(this.#topics);
  }

  #opened(topic: HostTopic): OpenTopic {
    const open = this.#openedOrGone(topic);
    if (open !== undefined) return open;
    throw new SwapstatsError("not_found", `there is no such token: ${topic.kind === "token" ? topic.token : ""}`);
  }

  #openedOrGone(topic: HostTopic): OpenTopic | undefined {
    const { clock, windowIndex } = this.#options;
    const partitions = this.#options.partitions();
    if (topic.kind === "overview") return new OverviewTopic(partitions, topic, windowIndex, clock);
    const found = lookUp(partitions, topic.token)?.found[0];
    if (found === undefined) return undefined;
    const indexes = topic.windows.map((name) => windowIndex(name));
    return new TokenTopic(found, topic.windows, indexes, { ...figureFilter(topic.fields ?? []), edges: false });
  }

  #sendDue(topics: Iterable<[number, { readonly open: OpenTopic }]>): void {
    const { clock } = this.#options;
    const asOf = clock.now();
    const wallMs = clock.wallMs();
    const updates: HostTopicUpdate[] = [];
    for (const [topicId, { open }] of topics) {
      const update = open.update(topicId, asOf, wallMs);
      if (update !== undefined) updates.push(update);
    }
    if (updates.length > 0) this.#options.send(updates);
  }
}

class TokenTopic implements OpenTopic {
  readonly #home: ServedPartition;
  readonly #token: number;
  readonly #windows: readonly string[];
  readonly #windowIndexes: readonly number[];
  readonly #filter: FigureFilter;
  /** The revision of the last look, and of what was sent last; undefined before anything was. */
  #seenRev: number | undefined;
  #sentRev: number | undefined;
  #sentData: JsonObject = {};

  constructor(found: FoundToken, windows: readonly string[], windowIndexes: readonly number[], filter: FigureFilter) {
    this.#filter = filter;
    this.#home = found.home;
    this.#token = found.token;
    this.#windows = windows;
    this.#windowIndexes = windowIndexes;
  }

  isWhole(partitions: readonly ServedPartition[]): boolean {
    return partitions.includes(this.#home);
  }

  update(topicId: number, asOf: number, wallMs: number): HostTopicUpdate | undefined {
    const home = this.#home;
    const rev = home.views.look(this.#token, asOf, true);
    if (rev === this.#seenRev) return undefined;
    this.#seenRev = rev;
    const info = home.engine.info(this.#token);
    const windows: Record<string, JsonObject> = {};
    let windowsText = "";
    for (const [i, stats] of home.engine.windowsStats(this.#token, this.#windowIndexes, asOf).entries()) {
      const name = this.#windows[i] as string;
      windows[name] = topicFigures(stats, this.#filter);
      windowsText += `${i === 0 ? "" : ","}"${name}":${windowJson(stats, this.#filter)}`;
    }
    const { id, symbol, late, removed, unresolved, replaced, removalsUnmatched } = info;
    const counters = { late, removed, unresolved, replaced, removals_unmatched: removalsUnmatched };
    const named = symbol === undefined ? { id } : { id, symbol };
    const isSplit = home.split.has(this.#token);
    const data = { ...named, ...(isSplit ? { split: true } : {}), ...counters, windows };
    const patch = this.#sentRev === undefined ? undefined : diffMergePatch(this.#sentData, data);
    if (patch !== undefined && Object.keys(patch).length === 0) return undefined;
    const prevRev = this.#sentRev;
    this.#sentRev = rev;
    this.#sentData = data;
    return {
      topicId,
      epoch: home.epoch,
      rev,
      prevRev,
      asOf,
      watermark: home.watermarkMs(info.chainId),
      lagMs: home.board.lagMs(wallMs),
      data: `{${tokenHeadJson(info, isSplit)}"windows":{${windowsText}}}`,
      patch: patch === undefined ? undefined : JSON.stringify(patch),
      keys: undefined,
      parts: [{ partition: home.partition, epoch: home.epoch, rev }],
    };
  }
}
