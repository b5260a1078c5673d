/**
 * The newest patches of a topic, bounded in number and size, and from them one patch from an older revision to the newest.
 */
import { composeMergePatches, type JsonObject } from "@swapstats/protocol/merge-patch.ts";

type Entry = {
  readonly prevRev: number;
  readonly text: string;
  /** Parsed when a client that is behind first needs it. */
  patch: JsonObject | undefined;
};

export class PatchRing {
  readonly #patchesMax: number;
  readonly #charsMax: number;
  /** Oldest first; each applies to the revision of the one before. */
  #entries: Entry[] = [];
  #chars = 0;
  /** Patches from an entry to the newest revision, by the entry; null: no merge patch does that. */
  readonly #composed = new Map<Entry, JsonObject | null>();

  constructor(patchesMax: number, charsMax: number) {
    this.#patchesMax = patchesMax;
    this.#charsMax = charsMax;
  }

  clear(): void {
    this.#entries = [];
    this.#chars = 0;
    this.#composed.clear();
  }

  /** `prevRev` must be the revision of the patch before. Drops the oldest beyond the bounds; the newest always stays. */
  push(prevRev: number, patch: string): void {
    this.#entries.push({ prevRev, text: patch, patch: undefined });
    this.#chars += patch.length;
    if (this.#composed.size > 0) this.#composed.clear();
    while (this.#entries.length > 1 && (this.#entries.length > this.#patchesMax || this.#chars > this.#charsMax)) {
      const oldest = this.#entries.shift() as Entry;
      this.#chars -= oldest.text.length;
    }
  }

  /**
   * Text of the patch from `prevRev` to the newest revision. Undefined: the ring does not reach back so far, or no merge
   * patch does that (an object went and came back), and a snapshot has to be sent.
   */
  patchFrom(prevRev: number): string | undefined {
    const entries = this.#entries;
    const last = entries[entries.length - 1];
    if (last?.prevRev === prevRev) return last.text;
    const first = entries.findIndex((entry) => entry.prevRev === prevRev);
    if (first < 0) return undefined;
    // From the newest back, so that clients that are behind by different revisions share the work.
    let composed: JsonObject | null = {};
    for (let i = entries.length - 1; i >= first && composed !== null; i--) {
      const entry = entries[i] as Entry;
      const known = this.#composed.get(entry);
      if (known !== undefined) {
        composed = known;
        continue;
      }
      entry.patch ??= JSON.parse(entry.text) as JsonObject;
      composed = composeMergePatches(entry.patch, composed) ?? null;
      this.#composed.set(entry, composed);
    }
    return composed === null ? undefined : JSON.stringify(composed);
  }
}
