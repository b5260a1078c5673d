/**
 * Reads the envelope of a Kafka record: its bytes from the length of its key to its end, as they are in the log. Numbers are zigzag varints:
 *
 *   bytes of key (-1: null), key, bytes of value (-1: null), value, number of headers, and for each header
 *   bytes of its name, name, bytes of its value (-1: null), value
 *
 * Headers are read only when one is asked for. No object is made for a record. Source: "Record" in the documentation of Apache
 * Kafka's message format.
 */
const encoder = new TextEncoder();

export class RecordEnvelope {
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  #keyStart = 0;
  /** -1: the key is null. */
  #keyBytes = -1;
  #cursor = 0;
  /** Names of headers as bytes. A mapping names only a few. */
  readonly #names = new Map<string, Uint8Array>();
  /** Place of the value. A value that is null is empty. */
  valueStart = 0;
  valueEnd = 0;

  /** Reads the envelope in bytes[start, end). Throws RangeError when the lengths do not fit. */
  read(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#end = end;
    this.#cursor = start;
    this.#keyBytes = this.#length();
    this.#keyStart = this.#cursor;
    this.#cursor += Math.max(0, this.#keyBytes);
    const valueBytes = Math.max(0, this.#length());
    this.valueStart = this.#cursor;
    this.valueEnd = this.#cursor + valueBytes;
  }

  /** Undefined: the key is null. */
  get key(): Uint8Array | undefined {
    if (this.#keyBytes < 0) return undefined;
    return this.#bytes.subarray(this.#keyStart, this.#keyStart + this.#keyBytes);
  }

  /** Returns the value of the last header of this name. Undefined: there is none, it is null, or the headers are not as described above. */
  readonly header = (name: string): Uint8Array | undefined => {
    try {
      return this.#find(this.#nameBytes(name));
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  };

  #find(wanted: Uint8Array): Uint8Array | undefined {
    this.#cursor = this.valueEnd;
    let found: Uint8Array | undefined;
    for (let left = this.#length(); left > 0; left--) {
      const nameBytes = Math.max(0, this.#length());
      const isWanted = nameBytes === wanted.length && this.#isAt(this.#cursor, wanted);
      this.#cursor += nameBytes;
      const valueBytes = this.#length();
      const valueAt = this.#cursor;
      this.#cursor += Math.max(0, valueBytes);
      if (isWanted) found = valueBytes < 0 ? undefined : this.#bytes.subarray(valueAt, this.#cursor);
    }
    return found;
  }

  #nameBytes(name: string): Uint8Array {
    let bytes = this.#names.get(name);
    if (bytes === undefined) {
      bytes = encoder.encode(name);
      this.#names.set(name, bytes);
    }
    return bytes;
  }

  #isAt(at: number, wanted: Uint8Array): boolean {
    for (let i = 0; i < wanted.length; i++) if (this.#bytes[at + i] !== wanted[i]) return false;
    return true;
  }

  /** Reads a length or a count at the cursor. The bytes that it counts must be there. */
  #length(): number {
    let raw = 0;
    let scale = 1;
    for (;;) {
      if (this.#cursor >= this.#end || scale > 2 ** 28) throw this.#unfit();
      const byte = this.#bytes[this.#cursor++] as number;
      raw += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
    }
    const half = Math.floor(raw / 2);
    const length = raw % 2 === 1 ? -half - 1 : half;
    if (length > this.#end - this.#cursor) throw this.#unfit();
    return length;
  }

  #unfit(): RangeError {
    return new RangeError(`the envelope of a record does not fit its ${this.#end} bytes`);
  }
}
