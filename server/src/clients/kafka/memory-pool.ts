/**
 * Memory for fetch responses, used again. In a fresh buffer of 700 KB every page is touched for the first time. That
 * took as long as the copy into it, its checksum and reading its records together.
 */
import { freeMemory } from "../../shared/free-memory.ts";

/** Sizes are rounded up to such steps, so that responses of similar size fit each other's memory. */
const STEP_BYTES = 256 * 1024;
const POOLED_BYTES_MAX = 8 * 1024 * 1024;

export class MemoryPool {
  #free: Buffer[] = [];
  #freeBytes = 0;

  /** Returns exactly so many bytes, with undefined content. */
  take(byteLength: number): Buffer {
    const needed = Math.ceil(byteLength / STEP_BYTES) * STEP_BYTES;
    const index = this.#free.findIndex(({ length }) => length >= needed && length <= 2 * needed);
    if (index === -1) return Buffer.allocUnsafeSlow(needed).subarray(0, byteLength);
    const [whole] = this.#free.splice(index, 1);
    this.#freeBytes -= whole!.length;
    return whole!.subarray(0, byteLength);
  }

  /** Takes back bytes of `take` that nothing uses any more. */
  giveBack({ buffer }: Buffer): void {
    const whole = Buffer.from(buffer);
    if (this.#freeBytes + whole.length > POOLED_BYTES_MAX) {
      freeMemory(whole);
      return;
    }
    this.#free.push(whole);
    this.#freeBytes += whole.length;
  }
}
