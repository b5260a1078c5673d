/**
 * The newest patches of a topic, bounded in number and size, and from them one patch from an older revision to the newest.
 */
import { composeMergePatches, type JsonObject } from "@swapstats/protocol/merge-patch.ts";

type Entry = { readonly prevRev: number; readonly rev: number; readonly patch: string };

export class PatchRing {
  readonly #patchesMax: number;
  readonly #charsMax: number;
  /** Oldest first; each applies to the revision of the one before. */
  #entries: Entry[] = [];
  #chars = 0;

  constructor(patchesMax: number, charsMax: number) {
    this.#patchesMax = patchesMax;
    this.#charsMax = charsMax;
  }

  clear(): void {
    this.#entries = [];
    this.#chars = 0;
  }

  /** `prevRev` must be the revision of the patch before. Drops the oldest beyond the bounds; the newest always stays. */
  push(prevRev: number, rev: number, patch: string): void {
    this.#entries.push({ prevRev, rev, patch });
    this.#chars += patch.length;
    while (this.#entries.length > 1 && (this.#entries.length > this.#patchesMax || this.#chars > this.#charsMax)) {
      const oldest = this.#entries.shift() as Entry;
      this.#chars -= oldest.patch.length;
    }
  }

  /**
   * Text of the patch from `prevRev` to the newest revision. Undefined: the ring does not reach back so far, or no merge
   * patch does that (an object went and came back), and a snapshot has to be sent.
   */
  patchFrom(prevRev: number): string | undefined {
    const last = this.#entries.length - 1;
    if (this.#entries[last]?.prevRev === prevRev) return this.#entries[last].patch;
    const first = this.#entries.findIndex((entry) => entry.prevRev === prevRev);
    if (first < 0) return undefined;
    let composed: JsonObject | undefined = {};
    for (let i = first; i <= last && composed !== undefined; i++) {
      composed = composeMergePatches(composed, JSON.parse((this.#entries[i] as Entry).patch) as JsonObject);
    }
    return composed === undefined ? undefined : JSON.stringify(composed);
  }
}
