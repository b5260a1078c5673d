/** Keeps the newest response to each request for the time when its owner is away. The size is bounded. */
import { LRUCache } from "lru-cache";
import type { BodyResponse, TokenResponse } from "../ports/stats-bus.ts";
import type { FoundAt, NameLookup } from "./responses.ts";

export const KNOWN_CHARS_MAX = 64 * 2 ** 20;
export const KNOWN_NAMES_MAX = 50_000;
const KNOWN_REVISIONS_MAX = 200_000;

/** The last shown revision of each token. An older revision of the same epoch must not be shown as current. */
export class ShownRevisions {
  readonly #shown = countedCache<FoundAt>(KNOWN_REVISIONS_MAX);

  /**
   * Returns false when a newer revision of the same epoch was shown. The table of peers decides beforehand which epoch is current: an epoch without
   * an owner must not block newer figures for ever. Revisions of different partitions cannot be compared, because the token has moved.
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

/** The responses that a bus keeps for the time when an owner is away. Beyond the bounds the least recently used ones are dropped. */
export class LastKnown {
  readonly stats = sizedCache<Extract<TokenResponse, { kind: "stats" }>>(KNOWN_CHARS_MAX);
  readonly bodies = sizedCache<Extract<BodyResponse, { kind: "body" }>>(KNOWN_CHARS_MAX / 2);
  readonly shown = new ShownRevisions();
  /** Partitions of tokens that are not in the partition of their id. */
  readonly homes = countedCache<number>(KNOWN_NAMES_MAX);
  /** Meaning of names at the last request to all workers. */
  readonly names = countedCache<NameLookup>(KNOWN_NAMES_MAX);
}

/** Returns a cache that is bounded by the characters of keys and bodies. */
function sizedCache<Body extends { readonly body: string }>(charsMax: number): LRUCache<string, Body> {
  return new LRUCache({ maxSize: charsMax, sizeCalculation: ({ body }, key) => body.length + key.length });
}

/** Returns a cache that is bounded by entries. It sets `maxSize`, because `max` would allocate the memory of a full cache at the start. */
function countedCache<Value extends object | number>(entriesMax: number): LRUCache<string, Value> {
  return new LRUCache({ maxSize: entriesMax, sizeCalculation: () => 1 });
}
