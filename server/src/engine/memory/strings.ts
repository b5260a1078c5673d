/**
 * Interned strings with reference counts: traders, pools, symbols and block hashes are stored once each and named by a ref.
 * Refs are exact identities; hashes would not be.
 */
import { ByteView } from "./byte-view.ts";
import { equalBytes, utf8ToString } from "./bytes.ts";
import { HashIndex } from "./hash-index.ts";
import type { Heap } from "./heap.ts";
import { type HashSeed, KeyedHash } from "./keyed-hash.ts";
import { STRING } from "./layout.ts";

const { REFERENCES, HASH, LENGTH, TEXT } = STRING;
const HASH_PURPOSE = 0x51ab;

export class Strings {
  readonly #heap: Heap;
  readonly index: HashIndex;
  readonly #hash: KeyedHash;
  readonly #view = new ByteView();
  #bytes: Uint8Array = new Uint8Array(0);
  #start = 0;
  #length = 0;

  constructor(heap: Heap, seed: HashSeed, directoryRef = 0) {
    this.#heap = heap;
    this.#hash = new KeyedHash(seed, HASH_PURPOSE);
    this.index = new HashIndex(heap, directoryRef);
  }

  matches(ref: number): boolean {
    return (
      this.#heap.u32[2 * ref + LENGTH] === this.#length &&
      this.equals(ref, this.#bytes, this.#start, this.#start + this.#length)
    );
  }

  equals(ref: number, bytes: Uint8Array, start: number, end: number): boolean {
    return (
      this.#heap.u32[2 * ref + LENGTH] === end - start &&
      equalBytes(this.#heap.view, 8 * ref + TEXT, this.#view.of(bytes), start, end - start)
    );
  }

  /** Returns the ref of the string and adds a reference to it; 0 for an empty range. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    if (start === end) return 0;
    const hash = this.#hash.hash(bytes, start, end, 0, 0);
    this.#bytes = bytes;
    this.#start = start;
    this.#length = end - start;
    const found = this.index.find(hash, this);
    if (found !== 0) {
      this.retain(found);
      return found;
    }
    const ref = this.#heap.alloc(TEXT + this.#length);
    const { u8, u32 } = this.#heap;
    this.#heap.own(ref, (TEXT + this.#length + 7) >>> 3);
    u32[2 * ref + REFERENCES] = 1;
    u32[2 * ref + HASH] = hash;
    u32[2 * ref + LENGTH] = this.#length;
    const at = 8 * ref + TEXT;
    for (let i = 0; i < this.#length; i++) u8[at + i] = bytes[start + i];
    this.index.insert(hash, ref);
    return ref;
  }

  /**
   * Like intern, for strings that recur within a short time. `slotWord` is a word of the heap that remembers, and holds a
   * reference to, the last string asked for there.
   */
  internNear(slotWord: number, bytes: Uint8Array, start: number, end: number): number {
    const near = this.#heap.u32[slotWord];
    if (near !== 0 && this.equals(near, bytes, start, end)) {
      this.retain(near);
      return near;
    }
    const ref = this.intern(bytes, start, end);
    this.retain(ref);
    this.#heap.own(slotWord >>> 1, 1);
    this.#heap.u32[slotWord] = ref;
    this.release(near);
    return ref;
  }

  retain(ref: number): void {
    if (ref === 0) return;
    this.#heap.own(ref, 1);
    this.#heap.u32[2 * ref + REFERENCES] += 1;
  }

  release(ref: number): void {
    if (ref === 0) return;
    const heap = this.#heap;
    heap.own(ref, 1);
    heap.u32[2 * ref + REFERENCES] -= 1;
    if (heap.u32[2 * ref + REFERENCES] > 0) return;
    this.index.remove(heap.u32[2 * ref + HASH], ref);
    heap.free(ref, TEXT + heap.u32[2 * ref + LENGTH]);
  }

  hash(ref: number): number {
    return this.#heap.u32[2 * ref + HASH];
  }

  byteStart(ref: number): number {
    return 8 * ref + TEXT;
  }

  byteEnd(ref: number): number {
    return 8 * ref + TEXT + this.#heap.u32[2 * ref + LENGTH];
  }

  text(ref: number): string {
    return utf8ToString(this.#heap.u8, this.byteStart(ref), this.byteEnd(ref));
  }
}
