/**
 * Finds the ends of the frames of a zstd stream by the lengths of their blocks (RFC 8878), without decompressing. Node's stream
 * decompresses only the first frame, ignores the rest, and does not report a frame that is cut. Each frame therefore gets its own
 * stream, and a cut is detected here.
 *
 *   magic -> header -> blocks -> (checksum) -> magic ...        magic -> length -> skipped -> magic ...
 */
const MAGIC = 0xfd2fb528;
const MAGIC_SKIPPED = 0x184d2a5;

type State = "magic" | "descriptor" | "header" | "block" | "content" | "checksum" | "skip_length" | "skipped";

export class ZstdFrames {
  #state: State = "magic";
  #needed = 4;
  readonly #held: number[] = [];
  #hasChecksum = false;
  #isLast = false;

  /** Whether a frame has started and not ended. */
  get isInside(): boolean {
    return this.#state !== "magic" || this.#held.length > 0;
  }

  /** Returns the bytes of `chunk` from `start` up to the end of the frame. `ended` false: the frame continues. Throws when it is not zstd. */
  take(chunk: Buffer, start: number): { end: number; ended: boolean } {
    let at = start;
    while (at < chunk.length) {
      if (this.#state === "content" || this.#state === "skipped") {
        const step = Math.min(this.#needed, chunk.length - at);
        at += step;
        this.#needed -= step;
        if (this.#needed > 0) continue;
        if (this.#afterContent()) return { end: at, ended: true };
        continue;
      }
      this.#held.push(chunk[at++] as number);
      if (this.#held.length < this.#needed) continue;
      const bytes = Buffer.from(this.#held);
      this.#held.length = 0;
      if (this.#step(bytes)) return { end: at, ended: true };
    }
    return { end: at, ended: false };
  }

  /** Returns true at the end of a frame. */
  #step(bytes: Buffer): boolean {
    switch (this.#state) {
      case "magic": {
        const magic = bytes.readUInt32LE(0);
        if (magic === MAGIC) return this.#go("descriptor", 1);
        if (magic >>> 4 === MAGIC_SKIPPED) return this.#go("skip_length", 4);
        throw new Error("there is other data after its last frame");
      }
      case "descriptor": {
        const flags = bytes[0] as number;
        this.#hasChecksum = (flags & 4) !== 0;
        const single = (flags & 32) !== 0;
        const dictionary = [0, 1, 2, 4][flags & 3] as number;
        const size = [single ? 1 : 0, 2, 4, 8][flags >>> 6] as number;
        const length = (single ? 0 : 1) + dictionary + size;
        return length === 0 ? this.#go("block", 3) : this.#go("header", length);
      }
      case "header":
        return this.#go("block", 3);
      case "block": {
        const header = bytes.readUIntLE(0, 3);
        this.#isLast = (header & 1) !== 0;
        const type = (header >>> 1) & 3;
        if (type === 3) throw new Error("a block has an unknown type");
        this.#go("content", type === 1 ? 1 : header >>> 3);
        return this.#needed === 0 && this.#afterContent();
      }
      case "skip_length":
        this.#go("skipped", bytes.readUInt32LE(0));
        return this.#needed === 0 && this.#afterContent();
      default:
        this.#go("magic", 4);
        return true;
    }
  }

  #afterContent(): boolean {
    if (this.#state === "content" && !this.#isLast) return this.#go("block", 3);
    if (this.#state === "content" && this.#hasChecksum) return this.#go("checksum", 4);
    this.#go("magic", 4);
    return true;
  }

  #go(state: State, needed: number): false {
    this.#state = state;
    this.#needed = needed;
    return false;
  }
}
