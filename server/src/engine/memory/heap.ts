/**
 * The memory image of one partition: a flat, growing span of bytes that holds nearly all of the state. A snapshot is a copy of
 * it and a restore copies it back, without rehashing or rebuilding anything.
 *
 * A `ref` names an allocation: its byte offset divided by 8, which keeps refs small integers up to 4 GiB. With r a ref, its
 * first double is f64[r], its first 32-bit word u32[2 * r], its first byte u8[8 * r]. `view` reads words at any byte. Ref 0 is
 * "nothing". layout.ts names the fields of all structures.
 *
 * Two rules for users. The views (`u8`, `u32`, `f64`, `view`) change when an allocation grows the image: read them again after any call
 * that may allocate. And call `own` before the first write to an allocation: a snapshot in progress then keeps the old bytes.
 */
import { EXACT_UNITS_MAX, FREE_ALLOCATION, HEAP_HEADER, SIZE_CLASSES, UNIT_BYTES } from "./layout.ts";

const { BREAK, IN_USE, FREE_LISTS, UNITS: HEADER_UNITS } = HEAP_HEADER;
const { NEXT } = FREE_ALLOCATION;
/** Up to this size the image is a buffer that doubles by copying (at most about 6 ms; 50 ms with 64 MiB). Above it, the image grows in place. */
const COPY_GROWTH_BYTES_MAX = 8 * 1024 * 1024;
/** The image ends here: refs and addresses stay below 2^32. */
const IMAGE_BYTES_MAX = 4 * 1024 * 1024 * 1024 - 65_536;
const INITIAL_BYTES = 64 * 1024;
/** Number of larger size classes that are searched for a free allocation to split. */
const LARGER_CLASSES_TRIED = 24;
/** Grain of copy-on-write during a snapshot: small enough that saving one costs about a microsecond. */
const PAGE_SHIFT = 14;
export const PAGE_BYTES = 1 << PAGE_SHIFT;

/**
 * Returns a buffer with room for the largest image. The system gives memory to it page by page, as pages are first written, so
 * that the image grows without a copy. Where the system refuses so many addresses, the size is halved until it does not.
 * Throws RangeError when the system gives no buffer of `bytesNeeded`. A system that counts addresses as memory (overcommit 2 on Linux)
 * is charged for all of them.
 *
 * Rejected: WebAssembly.Memory, which grows in place as well. It does not come from malloc, and so it has no huge pages on systems
 * that give these only on demand (server/bin/swapstats makes malloc demand them). The same swaps took a third longer.
 */
function reserve(bytesNeeded: number): ArrayBuffer {
  for (let bytes = IMAGE_BYTES_MAX; ; bytes = Math.floor(bytes / 2)) {
    try {
      return new ArrayBuffer(bytes);
    } catch (error) {
      if (!(error instanceof RangeError) || bytes / 2 < bytesNeeded) throw error;
    }
  }
}

function classOf(units: number): number {
  if (units <= EXACT_UNITS_MAX) return units;
  const log = 31 - Math.clz32(units - 1);
  return EXACT_UNITS_MAX + 1 + (log - 6) * 8 + (((units - 1) >>> (log - 3)) & 7);
}

function unitsOfClass(sizeClass: number): number {
  if (sizeClass <= EXACT_UNITS_MAX) return sizeClass;
  const k = sizeClass - EXACT_UNITS_MAX - 1;
  const log = 6 + (k >>> 3);
  return (9 + (k & 7)) * 2 ** (log - 3);
}

export class Heap {
  u8: Uint8Array;
  u32: Uint32Array;
  f64: Float64Array;
  view: DataView;
  /** Copy-on-write of the snapshot in progress: the old bytes of changed pages that are not yet emitted. */
  #saved: Map<number, Uint8Array> | undefined;
  #snapshotPages = 0;
  #emittedPages = 0;

  constructor() {
    const buffer = new ArrayBuffer(INITIAL_BYTES);
    this.u8 = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.view = new DataView(buffer);
    this.f64[BREAK] = HEADER_UNITS;
  }

  /** Bytes from the start of the image to its end; a snapshot is this long. */
  get imageBytes(): number {
    return this.f64[BREAK] * UNIT_BYTES;
  }

  /** Bytes of live allocations, rounded to their size class. */
  get inUseBytes(): number {
    return this.f64[IN_USE] * UNIT_BYTES;
  }

  /** The bytes that an allocation of this size really takes. */
  static roundedBytes(bytes: number): number {
    return unitsOfClass(classOf(Math.max(1, (bytes + 7) >>> 3))) * UNIT_BYTES;
  }

  /** Returns a zeroed allocation of at least `bytes`. Throws RangeError when the image is full. */
  alloc(bytes: number): number {
    const sizeClass = classOf(Math.max(1, (bytes + 7) >>> 3));
    const units = unitsOfClass(sizeClass);
    this.own(BREAK, HEADER_UNITS);
    this.f64[IN_USE] += units;
    const free = this.u32[FREE_LISTS + sizeClass];
    if (free !== 0) {
      this.u32[FREE_LISTS + sizeClass] = this.u32[2 * free + NEXT];
      this.own(free, units);
      this.f64[free] = 0;
      return free;
    }
    const larger = this.#takeLarger(sizeClass, units);
    if (larger !== 0) return larger;
    const ref = this.f64[BREAK];
    const end = ref + units;
    if (end * UNIT_BYTES > this.u8.length) this.#grow(end * UNIT_BYTES);
    this.f64[BREAK] = end;
    return ref;
  }

  /**
   * Splits a somewhat larger free allocation, so that memory freed by one kind of data serves another: without this, holes were
   * 40 % of a day's image. Returns 0 when there is none.
   */
  #takeLarger(sizeClass: number, units: number): number {
    const last = Math.min(sizeClass + LARGER_CLASSES_TRIED, SIZE_CLASSES - 1);
    for (let other = sizeClass + 1; other <= last; other++) {
      const free = this.u32[FREE_LISTS + other];
      if (free === 0) continue;
      this.u32[FREE_LISTS + other] = this.u32[2 * free + NEXT];
      const whole = unitsOfClass(other);
      this.own(free, whole);
      this.f64[free] = 0;
      this.#putFree(free + units, whole - units);
      return free;
    }
    return 0;
  }

  /** Adds zeroed units to the free lists, in pieces that are size classes. */
  #putFree(ref: number, units: number): void {
    for (let at = ref, rest = units; rest > 0; ) {
      let sizeClass = classOf(rest);
      if (unitsOfClass(sizeClass) > rest) sizeClass -= 1;
      this.u32[2 * at + NEXT] = this.u32[FREE_LISTS + sizeClass];
      this.u32[FREE_LISTS + sizeClass] = at;
      const piece = unitsOfClass(sizeClass);
      at += piece;
      rest -= piece;
    }
  }

  /** Frees an allocation; `bytes` is the size it was allocated with. */
  free(ref: number, bytes: number): void {
    const sizeClass = classOf(Math.max(1, (bytes + 7) >>> 3));
    const units = unitsOfClass(sizeClass);
    this.own(BREAK, HEADER_UNITS);
    this.own(ref, units);
    this.f64[IN_USE] -= units;
    // Zeroed, so that the bytes of the image depend on the live state alone.
    this.f64.fill(0, ref, ref + units);
    this.u32[2 * ref + NEXT] = this.u32[FREE_LISTS + sizeClass];
    this.u32[FREE_LISTS + sizeClass] = ref;
  }

  /** Must be called before writing to units [ref, ref + units): keeps the old bytes for a snapshot in progress. */
  own(ref: number, units: number): void {
    if (this.#saved !== undefined) this.#save(ref, units);
  }

  #save(ref: number, units: number): void {
    const saved = this.#saved;
    if (saved === undefined) return;
    const last = Math.min((ref + units - 1) >>> (PAGE_SHIFT - 3), this.#snapshotPages - 1);
    for (let page = Math.max(ref >>> (PAGE_SHIFT - 3), this.#emittedPages); page <= last; page++) {
      if (!saved.has(page)) saved.set(page, this.u8.slice(page * PAGE_BYTES, (page + 1) * PAGE_BYTES));
    }
  }

  #grow(bytesNeeded: number): void {
    if (bytesNeeded > IMAGE_BYTES_MAX) {
      throw new RangeError(`the state of a partition cannot exceed ${IMAGE_BYTES_MAX} bytes; use more partitions`);
    }
    let size = this.u8.length;
    while (size < bytesNeeded) size *= 2;
    const buffer = size <= COPY_GROWTH_BYTES_MAX ? new ArrayBuffer(size) : reserve(bytesNeeded);
    const old = this.u8;
    this.u8 = new Uint8Array(buffer);
    this.u8.set(old);
    this.u32 = new Uint32Array(buffer);
    this.f64 = new Float64Array(buffer);
    this.view = new DataView(buffer);
  }

  /** Starts a snapshot of the image as it is now; one at a time. Returns its length in bytes. */
  beginSnapshot(): number {
    if (this.#saved !== undefined) throw new RangeError("a snapshot is already in progress");
    this.#saved = new Map();
    this.#snapshotPages = Math.ceil(this.imageBytes / PAGE_BYTES);
    this.#emittedPages = 0;
    return this.imageBytes;
  }

  /** Copies up to `target.length` bytes (a multiple of PAGE_BYTES) of the snapshot. Returns the number of pages written. */
  emitPages(target: Uint8Array): number {
    const saved = this.#saved;
    if (saved === undefined) throw new RangeError("no snapshot is in progress");
    const count = Math.min(Math.floor(target.length / PAGE_BYTES), this.#snapshotPages - this.#emittedPages);
    for (let i = 0; i < count; i++) {
      const page = this.#emittedPages + i;
      const old = saved.get(page);
      const bytes = old ?? this.u8.subarray(page * PAGE_BYTES, Math.min((page + 1) * PAGE_BYTES, this.u8.length));
      target.set(bytes, i * PAGE_BYTES);
      if (old !== undefined) saved.delete(page);
    }
    this.#emittedPages += count;
    return count;
  }

  endSnapshot(): void {
    this.#saved = undefined;
  }

  /** Fills a fresh heap from the bytes of a snapshot of `imageBytes` bytes. Throws RangeError when they do not add up. */
  load(imageBytes: number, chunks: Iterable<Uint8Array>): void {
    if (imageBytes > this.u8.length) this.#grow(imageBytes);
    let at = 0;
    for (const chunk of chunks) {
      if (at + chunk.length > imageBytes) throw new RangeError("the image is longer than its header says");
      this.u8.set(chunk, at);
      at += chunk.length;
    }
    if (at !== imageBytes) throw new RangeError(`the image has ${at} bytes, its header says ${imageBytes}`);
    if (this.imageBytes !== imageBytes) throw new RangeError("the image does not fit its own header");
  }
}
