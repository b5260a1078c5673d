/** Keeps the newest patches of a channel, bounded in number and size, and composes one patch from an older revision to the newest. */
import { composeMergePatches, type JsonObject } from "@swapstats/protocol/merge-patch.ts";

type Entry = {
  readonly prevRev: number;
  readonly text: string;
  /** Parsed when the first client that is behind needs it. */
  patch: JsonObject | undefined;
};

/** JSON text of a merge patch, and the revision that it applies to. */
type ReachingPatch = { readonly prevRev: number; readonly text: string };

/** Characters that are kept however short the data is, because many patches may belong to short data. */
const RING_CHARS_MIN = 4_096;

export class PatchRing {
  readonly #patchesMax: number;
  readonly #charsMax: number;
  /** Oldest first; each applies to the revision of the one before. */
  #entries: Entry[] = [];
  #chars = 0;
  /** Patches from an entry to the newest revision, by the entry; null if no merge patch has this effect. */
  readonly #composed = new Map<Entry, JsonObject | null>();

  constructor(patchesMax: number, charsMax: number) {
    this.#patchesMax = patchesMax;
    this.#charsMax = charsMax;
  }

  /** Characters of the patches that are kept. */
  get chars(): number {
    return this.#chars;
  }

  clear(): void {
    this.#entries = [];
    this.#chars = 0;
    this.#composed.clear();
  }

  /**
   * Adds a patch. `prevRev` must be the revision of the patch before. Drops the oldest patches beyond the bounds; the newest always stays. `dataChars` is
   * the length of the data: patches that together are longer than a snapshot are not worth keeping.
   */
  push(prevRev: number, text: string, dataChars: number): void {
    this.#entries.push({ prevRev, text, patch: undefined });
    this.#chars += text.length;
    if (this.#composed.size > 0) this.#composed.clear();
    const charsMax = Math.min(this.#charsMax, Math.max(RING_CHARS_MIN, dataChars));
    while (this.#entries.length > 1 && (this.#entries.length > this.#patchesMax || this.#chars > charsMax)) {
      const oldest = this.#entries.shift() as Entry;
      this.#chars -= oldest.text.length;
    }
  }

  /**
   * Returns one patch with the effect of the newest `steps` (1 or more) patches. Returns undefined if the ring does not reach back that far, or if no
   * merge patch has this effect (an object was removed and came back). Then a snapshot has to be sent.
   */
  newest(steps: number): ReachingPatch | undefined {
    const entries = this.#entries;
    const first = entries[entries.length - steps];
    if (first === undefined || steps === 1) return first;
    // Composes from the newest patch backwards, so that clients that are behind by different revisions share the work.
    let composed: JsonObject | null = {};
    for (let i = entries.length - 1; i >= entries.length - steps && composed !== null; i--) {
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
    return composed === null ? undefined : { prevRev: first.prevRev, text: JSON.stringify(composed) };
  }
}
