/**
 * Files of sorted records. A record consists of its key (event time, block number and row as doubles, the other numbers with 32
 * bits), the length of its line with 32 bits, and the line. Numbers are little-endian.
 */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import type { SwapKey } from "./swap-order.ts";

const HEADER_BYTES = 40;
const WRITE_BYTES = 1024 * 1024;
const READ_BYTES = 256 * 1024;

export class RunWriter {
  readonly #file: number;
  #buffer = Buffer.allocUnsafe(WRITE_BYTES);
  #used = 0;

  constructor(path: string) {
    this.#file = openSync(path, "wx", 0o600);
  }

  write(key: SwapKey, bytes: Buffer, start: number, end: number): void {
    const length = end - start;
    if (this.#used + HEADER_BYTES + length > this.#buffer.length) this.#flush();
    if (HEADER_BYTES + length > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(HEADER_BYTES + length);
    this.#buffer.writeDoubleLE(key.timeMs, this.#used);
    this.#buffer.writeDoubleLE(key.block, this.#used + 8);
    this.#buffer.writeDoubleLE(key.row, this.#used + 16);
    this.#buffer.writeUInt32LE(key.txIndex, this.#used + 24);
    this.#buffer.writeUInt32LE(key.logIndex, this.#used + 28);
    this.#buffer.writeUInt32LE(key.file, this.#used + 32);
    this.#buffer.writeUInt32LE(length, this.#used + 36);
    bytes.copy(this.#buffer, this.#used + HEADER_BYTES, start, end);
    this.#used += HEADER_BYTES + length;
  }

  close(): void {
    try {
      this.#flush();
    } finally {
      closeSync(this.#file);
    }
  }

  #flush(): void {
    for (let written = 0; written < this.#used; ) {
      written += writeSync(this.#file, this.#buffer, written, this.#used - written);
    }
    this.#used = 0;
  }
}

/** Reads a run record by record. The key and the line [start, end) of bytes belong to the current record. */
export class RunReader {
  timeMs = 0;
  block = 0;
  txIndex = 0;
  logIndex = 0;
  file = 0;
  row = 0;
  bytes = Buffer.allocUnsafe(READ_BYTES);
  start = 0;
  end = 0;
  readonly #file: number;
  #filled = 0;

  constructor(path: string) {
    this.#file = openSync(path, "r");
  }

  /** Reads the next record. Returns false at the end of the run. */
  next(): boolean {
    if (!this.#have(this.end, HEADER_BYTES)) return false;
    const at = this.end;
    this.timeMs = this.bytes.readDoubleLE(at);
    this.block = this.bytes.readDoubleLE(at + 8);
    this.row = this.bytes.readDoubleLE(at + 16);
    this.txIndex = this.bytes.readUInt32LE(at + 24);
    this.logIndex = this.bytes.readUInt32LE(at + 28);
    this.file = this.bytes.readUInt32LE(at + 32);
    const length = this.bytes.readUInt32LE(at + 36);
    this.start = at + HEADER_BYTES;
    this.end = this.start + length;
    if (!this.#have(this.start, length)) throw new Error("a temporary file of the sort was cut by another program");
    return true;
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Fills the buffer with `length` bytes from `from`, after moving the rest to its start. Returns false at the end of the file. */
  #have(from: number, length: number): boolean {
    if (from + length <= this.#filled) return true;
    const left = this.#filled - from;
    const target = length > this.bytes.length ? Buffer.allocUnsafe(length * 2) : this.bytes;
    this.bytes.copy(target, 0, from, this.#filled);
    this.bytes = target;
    this.#filled = left;
    this.start -= from;
    this.end -= from;
    while (this.#filled < length) {
      const read = readSync(this.#file, this.bytes, this.#filled, this.bytes.length - this.#filled, null);
      if (read === 0) return false;
      this.#filled += read;
    }
    return true;
  }
}
