/**
 * Log lines on standard error that never hold the service up. A reader that stops reading (a stalled collector, a pipe that nobody
 * empties) fills the pipe after 64 KiB, and a blocking write would then stop the whole process, signals included. So lines
 * wait in memory up to a limit, and beyond it new ones are dropped and counted; when the reader goes on it is told how many.
 *
 * Rejected: pino's own destination. With `sync: true` it waits for the pipe, and with `sync: false` its buffer either grows without
 * end or drops without a word.
 */
import { fstatSync, writeSync } from "node:fs";

/** Takes whole lines, each with its newline. */
export type LineSink = { write(line: string): void };

/** Text that waits for the reader, in UTF-16 units. */
export const UNREAD_LENGTH_MAX = 1024 * 1024;
const STDERR_FD = 2;

/** What is needed of a stream. Its writes must not block. */
type SinkStream = {
  readonly writableLength: number;
  write(text: string): boolean;
  on(event: "drain" | "error", call: () => void): unknown;
};

export class BoundedSink implements LineSink {
  readonly #stream: SinkStream;
  #isBroken = false;
  #dropped = 0;
  /** Called with the number of dropped lines once there is room again; may write. */
  onResumed: (dropped: number) => void = () => {};

  constructor(stream: SinkStream) {
    this.#stream = stream;
    stream.on("drain", () => this.#resume());
    // A reader that went away: nobody is there to be told, and the service goes on.
    stream.on("error", () => {
      this.#isBroken = true;
    });
  }

  /** Lines that were dropped and not yet told of. */
  get dropped(): number {
    return this.#dropped;
  }

  write(line: string): void {
    if (this.#isBroken) return;
    if (this.#stream.writableLength + line.length > UNREAD_LENGTH_MAX) this.#dropped++;
    else this.#stream.write(line);
  }

  #resume(): void {
    const dropped = this.#dropped;
    if (dropped === 0) return;
    this.#dropped = 0;
    this.onResumed(dropped);
  }
}

/** Standard error where it is a file: written at once, so that the last line before a crash is there. A full disk drops lines. */
function fileSink(): LineSink {
  return {
    write: (line) => {
      try {
        writeSync(STDERR_FD, line);
      } catch {
        // Nothing is left to write to; the service does not depend on its log.
      }
    },
  };
}

/** Where logs go: standard error, in the way that does not block for its kind. A closed one takes everything and keeps nothing. */
export function standardErrorSink(): LineSink | BoundedSink {
  try {
    return fstatSync(STDERR_FD).isFile() ? fileSink() : new BoundedSink(process.stderr);
  } catch {
    return { write: () => {} };
  }
}
