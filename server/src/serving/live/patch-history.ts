/**
 * The newest patches of a feed, from which one patch for a client that is behind, or that comes back, is composed. A client that they do not reach
 * gets a snapshot. They are dropped when they are too old or too many.
 */
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { ChangeTree } from "./change-tree.ts";

type Entry = {
  /** The revision that the patch applies to. */
  readonly prevRev: number;
  readonly text: string;
  /** Monotonic; its arrival. */
  readonly atMs: number;
};

/** JSON text of a merge patch, and the revision that it applies to. */
type ReachingPatch = { readonly prevRev: number; readonly text: string };

/** Bytes of memory of an entry beside its text, and of a member of the tree. */
const ENTRY_BYTES = 64;
const NODE_BYTES = 120;
/** The tree is dropped when this many patches came since it was last used, and made again when it holds many patches that the history has dropped. */
const UNUSED_MAX = 64;

export class PatchHistory {
  readonly #windowMs: number;
  /** Oldest first; each applies to the revision of the one before. */
  #entries: Entry[] = [];
  #entryBytes = 0;
  /** Number of the newest patch. They are numbered from 1. */
  #newest = 0;
  #tree: ChangeTree | undefined;
  /** Numbers of the first and the last patch in the tree, and of the newest patch when the tree was last used. */
  #treeFrom = 0;
  #treeTo = 0;
  #treeUsedAt = 0;

  /** Patches older than `windowMs` are dropped when the next one comes. */
  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Bytes of memory. Text is counted with a byte for each character. */
  get bytes(): number {
    return this.#entryBytes + (this.#tree === undefined ? 0 : this.#tree.nodes * NODE_BYTES);
  }

  get size(): number {
    return this.#entries.length;
  }

  clear(): void {
    this.#entries = [];
    this.#entryBytes = 0;
    this.#tree = undefined;
  }

  /** Adds a patch. `prevRev` must be the revision of the patch before. Of more than `bytesMax` bytes the oldest patches go; the newest always stays. */
  push(prevRev: number, text: string, nowMs: number, bytesMax: number): void {
    const entries = this.#entries;
    entries.push({ prevRev, text, atMs: nowMs });
    this.#newest += 1;
    this.#entryBytes += text.length + ENTRY_BYTES;
    if (this.#newest - this.#treeUsedAt > UNUSED_MAX) this.#tree = undefined;
    const oldestMs = nowMs - this.#windowMs;
    let dropped = 0;
    for (let i = 0; i < entries.length - 1; i++) {
      const { atMs, text: oldest } = entries[i] as Entry;
      if (atMs >= oldestMs && this.#entryBytes <= bytesMax) break;
      this.#entryBytes -= oldest.length + ENTRY_BYTES;
      dropped += 1;
    }
    if (dropped > 0) entries.splice(0, dropped);
  }

  /** Returns how many patches lead from this revision to the newest. Undefined if the history does not reach back to it. */
  stepsFrom(rev: number): number | undefined {
    const index = this.#entries.findIndex(({ prevRev }) => prevRev === rev);
    return index < 0 ? undefined : this.#entries.length - index;
  }

  /**
   * Returns one patch with the effect of the newest `steps` (1 or more) patches. Returns undefined if the history does not reach back that far, or if no
   * merge patch has this effect (an object was removed and came back). Then a snapshot has to be sent.
   */
  newest(steps: number): ReachingPatch | undefined {
    const first = this.#entries[this.#entries.length - steps];
    if (first === undefined || steps === 1) return first;
    const number = this.#newest - steps;
    const text = this.#treeFromNumber(number + 1).since(number);
    return text === undefined ? undefined : { prevRev: first.prevRev, text };
  }

  /** Returns a tree of all patches from this number on. */
  #treeFromNumber(from: number): ChangeTree {
    const entries = this.#entries;
    const oldest = this.#newest - entries.length + 1;
    const steps = this.#newest - from + 1;
    const held = this.#treeTo - this.#treeFrom + 1;
    // Patches may have come and gone while nobody used the tree.
    const isUsable = this.#treeFrom <= from && this.#treeTo + 1 >= oldest && held <= 2 * entries.length + UNUSED_MAX;
    if (this.#tree === undefined || !isUsable) {
      // Further back than asked for, because the next client may be further behind.
      this.#treeFrom = Math.max(oldest, from - steps);
      this.#treeTo = this.#treeFrom - 1;
      this.#tree = new ChangeTree();
    } else if (this.#newest - this.#treeTo > 2 * steps) {
      // Most clients that are behind miss two or three patches. The tree may miss many more.
      return this.#addTo(new ChangeTree(), from);
    }
    this.#addTo(this.#tree, this.#treeTo + 1);
    this.#treeTo = this.#newest;
    this.#treeUsedAt = this.#newest;
    return this.#tree;
  }

  /** Adds the patches from this number on. */
  #addTo(tree: ChangeTree, from: number): ChangeTree {
    const oldest = this.#newest - this.#entries.length + 1;
    for (let number = from; number <= this.#newest; number++) {
      const { text } = this.#entries[number - oldest] as Entry;
      tree.add(JSON.parse(text) as JsonObject, number);
    }
    return tree;
  }
}
