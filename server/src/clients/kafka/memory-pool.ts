/**
 * Memory for answers to fetches, used again: of a fresh buffer of 700 KB every page is touched for the first time, which took as long as
 * the copy into it, its checksum and reading its records together.
 */
import { freeMemory } from "../../shared/free-memory.ts";

/** Sizes go in such steps, so that answers of about the same size fit each other's memory. */
const STEP_BYTES = 256 * 1024;
const POOLED_BYTES_MAX = 8 * 1024 * 1024;

export class MemoryPool {
  #free: Buffer[] = [];
  #freeBytes = 0;

  /** Exactly so many bytes, with anything in them. */
  take(byteLength: number): Buffer {
    const needed = Math.ceil(byteLength / STEP_BYTES) * STEP_BYTES;
    const index = this.#free.findIndex(({ length }) => length >= needed && length <= 2 * needed);
    if (index === -1) return Buffer.allocUnsafeSlow(needed).subarray(0, byteLength);
    const [whole] = this.#free.splice(index, 1);
    this.#freeBytes -= whole!.length;
    return whole!.subarray(0, byteLength);
  }

  /** Nobody looks at these bytes of `take` any more. */
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
