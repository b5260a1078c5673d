/** Figures that may have to be given again while their owner is away: the newest of each request, bounded in size. */
import { LRUCache } from "lru-cache";
import type { BodyResponse, TokenResponse } from "../ports/stats-bus.ts";
import type { FoundAt, NameLookup } from "./responses.ts";

export const KNOWN_CHARS_MAX = 64 * 2 ** 20;
export const KNOWN_NAMES_MAX = 50_000;
const KNOWN_REVISIONS_MAX = 200_000;

/** The revision of each token that was shown last. An older one of the same epoch is not shown as if it were current. */
export class ShownRevisions {
  readonly #shown = countedCache<FoundAt>(KNOWN_REVISIONS_MAX);

  /**
   * Returns false when a newer one of the same epoch was shown. Which epoch counts is decided before, by the table of peers: an epoch that nobody
   * has any more does not bind for ever. Revisions of different partitions do not compare: the token has moved.
   */
  show(id: string, next: FoundAt): boolean {
    const before = this.#shown.get(id);
    const isComparable = before?.partition === next.partition && before.epoch === next.epoch;
    if (isComparable && next.rev < before.rev) return false;
    const { partition, epoch, rev } = next;
    this.#shown.set(id, { partition, epoch, rev });
    return true;
  }
}

/** What a bus remembers for when an owner is away. What was used longest ago goes first when there is too much. */
export class LastKnown {
  readonly stats = sizedCache<Extract<TokenResponse, { kind: "stats" }>>(KNOWN_CHARS_MAX);
  readonly bodies = sizedCache<Extract<BodyResponse, { kind: "body" }>>(KNOWN_CHARS_MAX / 2);
  readonly shown = new ShownRevisions();
  /** Partitions of tokens that are not where their id belongs. */
  readonly homes = countedCache<number>(KNOWN_NAMES_MAX);
  /** What names stood for when all were asked. */
  readonly names = countedCache<NameLookup>(KNOWN_NAMES_MAX);
}

/** Bounded by the characters of keys and bodies. */
function sizedCache<Answer extends { readonly body: string }>(charsMax: number): LRUCache<string, Answer> {
  return new LRUCache({ maxSize: charsMax, sizeCalculation: ({ body }, key) => body.length + key.length });
}

/** Bounded by entries. With `max` in the place of `maxSize` the memory of a full cache would be taken at the start. */
function countedCache<Value extends object | number>(entriesMax: number): LRUCache<string, Value> {
  return new LRUCache({ maxSize: entriesMax, sizeCalculation: () => 1 });
}
