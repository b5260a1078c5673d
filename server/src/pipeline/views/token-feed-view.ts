/** The feed of a token's figures. An update is built in one piece, when the token has a new revision. */

import { type FigureFilter, windowJson } from "@swapstats/protocol/figure-text.ts";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { diffMergePatch } from "@swapstats/protocol/merge-patch.ts";
import type { FeedUpdate } from "../../bus/responses.ts";
import type { SharedClock } from "../../bus/shared-clock.ts";
import type { Piecewise } from "../thread-share.ts";
import type { ServedPartition } from "./served-partition.ts";
import { tokenHeadJson, windowData } from "./stats-json.ts";
import type { FoundToken } from "./token-lookup.ts";

export class TokenFeedView {
  readonly #home: ServedPartition;
  readonly #token: number;
  readonly #windows: readonly string[];
  readonly #windowIndexes: readonly number[];
  readonly #filter: FigureFilter;
  readonly #clock: SharedClock;
  /** Revisions of the last look and of the last update. Undefined before the first. */
  #seenRev: number | undefined;
  #sentRev: number | undefined;
  #sentData: JsonObject = {};

  constructor(
    found: FoundToken,
    windows: readonly string[],
    windowIndexes: readonly number[],
    filter: FigureFilter,
    clock: SharedClock,
  ) {
    this.#clock = clock;
    this.#filter = filter;
    this.#home = found.home;
    this.#token = found.token;
    this.#windows = windows;
    this.#windowIndexes = windowIndexes;
  }

  /** Returns whether its partition is still served. */
  isWhole(partitions: readonly ServedPartition[]): boolean {
    return partitions.includes(this.#home);
  }

  /** Makes the update that is due, or undefined. */
  // biome-ignore lint/correctness/useYield: made in one piece
  *update(): Piecewise<FeedUpdate | undefined> {
    const home = this.#home;
    const asOf = this.#clock.now();
    const rev = home.views.look(this.#token, asOf, true);
    if (rev === this.#seenRev) return undefined;
    this.#seenRev = rev;
    const info = home.engine.info(this.#token);
    const windows: Record<string, JsonObject> = {};
    let windowsText = "";
    for (const [i, stats] of home.engine.windowsStats(this.#token, this.#windowIndexes, asOf).entries()) {
      const name = this.#windows[i] as string;
      windows[name] = windowData(stats, this.#filter);
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
      epoch: home.epoch,
      rev,
      prevRev,
      asOf,
      watermark: home.watermarkMs(info.chainId),
      lagMs: home.board.lagMs(this.#clock.wallMs()),
      data: `{${tokenHeadJson(info, isSplit)}"windows":{${windowsText}}}`,
      patch: patch === undefined ? undefined : JSON.stringify(patch),
      rows: undefined,
      parts: [{ partition: home.partition, epoch: home.epoch, rev }],
    };
  }
}
