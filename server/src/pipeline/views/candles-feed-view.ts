/**
 * The feed of a token's newest candles of one interval. They change with the token's revision, and with time alone: a candle is complete once
 * it has ended, and the oldest ones leave the memory of the engine. Such a change gives the token a new revision.
 *
 * An update reads only candles that may have changed: swaps before the horizon can neither come nor be removed any more.
 */

import { candleJson } from "@swapstats/protocol/figure-text.ts";
import type { Json, JsonObject } from "@swapstats/protocol/json.ts";
import { candleIntervals } from "@swapstats/protocol/limits.ts";
import { diffMergePatch } from "@swapstats/protocol/merge-patch.ts";
import type { SpecOf } from "../../bus/channels.ts";
import type { FeedUpdate } from "../../bus/responses.ts";
import type { SharedClock } from "../../bus/shared-clock.ts";
import type { Candle } from "../../engine/types.ts";
import { finished, type Piecewise } from "../thread-share.ts";
import { newestCandles } from "./candle-pages.ts";
import type { ServedPartition } from "./served-partition.ts";
import type { FoundToken } from "./token-lookup.ts";

/** Attempts to read while records change the token. The next one is made in one piece. */
const ROUNDS_MAX = 3;

type Row = { readonly candle: Candle; readonly text: string };

/** What the candles of a look depend on, besides the swaps of the token. */
type Look = {
  readonly rev: number;
  readonly asOf: number;
  readonly isSplit: boolean;
  readonly seenSinceMs: number | undefined;
  /** Start of the memory for this interval. */
  readonly memoryFromMs: number;
  /** Swaps before it cannot change any more. */
  readonly settledBeforeMs: number;
};

export class CandlesFeedView {
  readonly #home: ServedPartition;
  readonly #token: number;
  readonly #spec: SpecOf<"candles">;
  readonly #intervalMs: number;
  readonly #clock: SharedClock;
  #last: Look | undefined;
  /** Time from which the next open candle of the last look has ended. */
  #completesMs = Number.POSITIVE_INFINITY;
  /** Revision and candles of the last update, ascending. */
  #sentRev: number | undefined;
  #sentIsSplit = false;
  #sent: readonly Row[] = [];

  constructor(found: FoundToken, spec: SpecOf<"candles">, clock: SharedClock) {
    this.#home = found.home;
    this.#token = found.token;
    this.#spec = spec;
    this.#intervalMs = candleIntervals[spec.interval];
    this.#clock = clock;
  }

  /** Returns whether its partition is still served. */
  isWhole(partitions: readonly ServedPartition[]): boolean {
    return partitions.includes(this.#home);
  }

  /** Makes the update that is due, or undefined. */
  *update(): Piecewise<FeedUpdate | undefined> {
    for (let round = 1; ; round++) {
      const look = this.#look();
      if (!this.#isDue(look)) return undefined;
      const state = this.#home.views.stateOf(this.#token);
      const reading = this.#read(look);
      let rows: readonly Row[];
      if (round < ROUNDS_MAX) rows = yield* reading;
      else rows = finished(reading);
      if (this.#home.views.stateOf(this.#token) === state) return this.#updateOf(look, rows);
    }
  }

  #look(): Look {
    const { views, engine, split } = this.#home;
    const asOf = this.#clock.now();
    return {
      rev: views.look(this.#token, asOf, true),
      asOf,
      isSplit: split.has(this.#token),
      seenSinceMs: engine.seenSinceMs(),
      memoryFromMs: engine.candlesFromMs(this.#token, this.#intervalMs),
      settledBeforeMs: engine.settledBeforeMs(this.#token),
    };
  }

  #isDue(look: Look): boolean {
    const last = this.#last;
    if (last === undefined || look.rev !== last.rev || look.asOf >= this.#completesMs) return true;
    return look.seenSinceMs !== last.seenSinceMs || this.#isOldestDue(look, last);
  }

  /** Returns whether the oldest candles lie before the start of memory, which has moved. */
  #isOldestDue(look: Look, last: Look): boolean {
    const oldest = this.#sent[0]?.candle.open_time ?? Number.POSITIVE_INFINITY;
    return look.memoryFromMs !== last.memoryFromMs && oldest < look.memoryFromMs;
  }

  /** Reads the candles that may differ from those of the last look, and joins them to the older ones. */
  *#read(look: Look): Piecewise<readonly Row[]> {
    const { limit } = this.#spec;
    const fromMs = this.#unsettledFromMs(look);
    const found = { home: this.#home, token: this.#token };
    const { items } = yield* newestCandles(found, { intervalMs: this.#intervalMs, fromMs, limit }, look.asOf);
    const known = new Map(this.#sent.map((row) => [row.candle.open_time, row]));
    const rows = this.#sent.filter(({ candle }) => candle.open_time < fromMs);
    for (const candle of items) {
      const text = candleJson(candle);
      const before = known.get(candle.open_time);
      rows.push(before?.text === text ? before : { candle, text });
    }
    return rows.slice(-limit);
  }

  #unsettledFromMs(look: Look): number {
    const last = this.#last;
    if (last === undefined || look.seenSinceMs !== last.seenSinceMs || this.#isOldestDue(look, last)) return 0;
    const fromMs = Math.min(last.settledBeforeMs, last.asOf);
    return Math.max(0, Math.floor(fromMs / this.#intervalMs) * this.#intervalMs);
  }

  #updateOf(look: Look, rows: readonly Row[]): FeedUpdate | undefined {
    const { asOf, isSplit } = look;
    this.#last = look;
    this.#completesMs = rows.reduce((first, { candle }) => {
      const endMs = candle.open_time + this.#intervalMs;
      return candle.complete || endMs <= asOf ? first : Math.min(first, endMs);
    }, Number.POSITIVE_INFINITY);
    const prevRev = this.#sentRev;
    const patch = prevRev === undefined ? undefined : this.#patch(rows, isSplit);
    if (patch !== undefined && Object.keys(patch).length === 0) return undefined;
    const home = this.#home;
    let { rev } = look;
    // Time alone has changed a candle, and the figures of no window.
    if (rev === prevRev) {
      rev = home.views.renew(this.#token);
      this.#last = { ...look, rev };
    }
    this.#sentRev = rev;
    this.#sent = rows;
    this.#sentIsSplit = isSplit;
    return {
      epoch: home.epoch,
      rev,
      prevRev,
      asOf,
      watermark: home.watermarkMs(home.engine.chainIdOf(this.#token)),
      lagMs: home.board.lagMs(this.#clock.wallMs()),
      data: this.#dataText(rows, isSplit),
      patch: patch === undefined ? undefined : JSON.stringify(patch),
      rows: undefined,
      parts: [{ partition: home.partition, epoch: home.epoch, rev }],
    };
  }

  #dataText(rows: readonly Row[], isSplit: boolean): string {
    const { id } = this.#home.engine.info(this.#token);
    const items = rows.map(({ candle, text }) => `"${candle.open_time}":${text}`).join(",");
    const split = isSplit ? `"split":true,` : "";
    return `{"id":${JSON.stringify(id)},"interval":"${this.#spec.interval}",${split}"items":{${items}}}`;
  }

  /** Makes the merge patch from the last update; empty if nothing changed. */
  #patch(rows: readonly Row[], isSplit: boolean): JsonObject {
    const sent = new Map(this.#sent.map((row) => [row.candle.open_time, row]));
    const items: [string, Json][] = [];
    for (const row of rows) {
      const { open_time: openMs } = row.candle;
      const before = sent.get(openMs);
      sent.delete(openMs);
      if (before?.text === row.text) continue;
      items.push([String(openMs), before === undefined ? row.candle : diffMergePatch(before.candle, row.candle)]);
    }
    for (const openMs of sent.keys()) items.push([String(openMs), null]);
    return {
      ...(isSplit === this.#sentIsSplit ? {} : { split: isSplit ? true : null }),
      ...(items.length === 0 ? {} : { items: Object.fromEntries(items) }),
    };
  }
}
