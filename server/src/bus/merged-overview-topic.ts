/**
 * A ranking over several hosts. Each host sends its own best rows whole; the best of all are put together here, and the
 * patch is made against what was sent last. Hosts tick at the same interval; a round of updates that come in one turn of the
 * event loop is merged once, and less often where there is much to merge.
 */
import { diffMergePatch, type JsonObject } from "@swapstats/protocol/merge-patch.ts";
import type { TopicUpdate } from "../ports/stats-bus.ts";
import type { MergeQueue } from "./merge-queue.ts";
import { mergeRanked } from "./rank-order.ts";
import type { FeedUpdate, RankKey } from "./worker-protocol.ts";

type Part = {
  readonly update: FeedUpdate;
  /** Read from the update's text when the part is first merged; a newer update may replace it before. */
  rows: readonly { readonly key: RankKey; readonly data: JsonObject }[] | undefined;
};

export class MergedOverviewTopic {
  readonly #limit: number;
  readonly #onUpdate: (update: TopicUpdate) => void;
  readonly #parts: (Part | undefined)[];
  #sent: JsonObject | undefined;
  #sentRev: number | undefined;
  readonly #queue: MergeQueue;
  #isStarted = false;

  constructor(hosts: number, limit: number, queue: MergeQueue, onUpdate: (update: TopicUpdate) => void) {
    this.#queue = queue;
    this.#limit = limit;
    this.#onUpdate = onUpdate;
    this.#parts = new Array<Part | undefined>(hosts).fill(undefined);
  }

  /** Takes one host's update; nothing is sent before every host has sent its first. */
  update(host: number, update: FeedUpdate): void {
    this.#parts[host] = { update, rows: undefined };
    if (this.#isStarted) this.#queue.add(this.#send);
  }

  /** The topic is open everywhere: updates go out from now on. */
  start(): void {
    this.#isStarted = true;
    this.#queue.add(this.#send);
  }

  /** Nothing is sent any more. */
  close(): void {
    this.#isStarted = false;
    this.#queue.delete(this.#send);
  }

  readonly #send = (): void => {
    const parts = this.#parts.filter((part) => part !== undefined);
    if (parts.length < this.#parts.length) return;
    const best = mergeRanked(
      parts.map((part) => {
        part.rows ??= rowsOf(part.update);
        return part.rows;
      }),
      "desc",
      this.#limit,
    );
    const data: JsonObject = {
      order: best.map((row) => row.key.id),
      rows: Object.fromEntries(best.map((row) => [row.key.id, row.data])),
    };
    const patch = this.#sent === undefined ? undefined : diffMergePatch(this.#sent, data);
    if (patch !== undefined && Object.keys(patch).length === 0) return;
    const updates = parts.map((part) => part.update);
    const prevRev = this.#sentRev;
    this.#sentRev = updates.reduce((sum, update) => sum + update.rev, 0);
    this.#sent = data;
    this.#onUpdate({
      epoch: updates.map((update) => update.epoch).join("."),
      rev: this.#sentRev,
      prevRev,
      asOf: Math.max(...updates.map((update) => update.asOf)),
      watermark: undefined,
      lagMs: Math.max(...updates.map((update) => update.lagMs)),
      stale: false,
      data: JSON.stringify(data),
      patch: patch === undefined ? undefined : JSON.stringify(patch),
    });
  };
}

function rowsOf({ data, keys }: FeedUpdate): { key: RankKey; data: JsonObject }[] {
  const { rows } = JSON.parse(data) as { rows: Record<string, JsonObject> };
  return (keys ?? []).map((key) => ({ key, data: rows[key.id] as JsonObject }));
}
