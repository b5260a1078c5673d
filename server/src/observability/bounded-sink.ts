/**
 * Writes log lines to standard error without ever blocking the service. When a reader stops reading (a stalled collector, a pipe that
 * nobody empties), the pipe is full after 64 KiB, and a blocking write would stop the whole process, including its signals. Lines
 * therefore wait in memory up to a limit. Beyond it new lines are dropped and counted, and the number is reported when the reader resumes.
 *
 * Rejected: pino's own destination. With `sync: true` it waits for the pipe. With `sync: false` its buffer either grows without limit
 * or drops lines without a report.
 */
import { fstatSync, writeSync } from "node:fs";

/** Takes whole lines, each with its newline. */
export type LineSink = { write(line: string): void };

/** Text that waits for the reader, in UTF-16 units. */
export const UNREAD_LENGTH_MAX = 1024 * 1024;
const STDERR_FD = 2;

/** The stream, as the sink uses it. Its writes must not block. */
type SinkStream = {
  readonly writableLength: number;
  write(text: string): boolean;
  on(event: "drain" | "error", call: () => void): unknown;
};

export class BoundedSink implements LineSink {
  readonly #stream: SinkStream;
  #isBroken = false;
  #dropped = 0;
  /** Called with the number of dropped lines once there is room again. May write. */
  onResumed: (dropped: number) => void = () => {};

  constructor(stream: SinkStream) {
    this.#stream = stream;
    stream.on("drain", () => this.#resume());
    // The reader closed the pipe. There is no place to report it, and the service continues.
    stream.on("error", () => {
      this.#isBroken = true;
    });
  }

  /** Lines that were dropped and not reported yet. */
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

/** Standard error that is a file: lines are written at once, so that the last line before a crash is there. A full disk drops lines. */
function fileSink(): LineSink {
  return {
    write: (line) => {
      try {
        writeSync(STDERR_FD, line);
      } catch {
        // There is nothing else to write to, and the service does not depend on its log.
      }
    },
  };
}

/** Returns standard error as a sink that does not block. A closed one accepts all lines and discards them. */
export function standardErrorSink(): LineSink | BoundedSink {
  try {
    return fstatSync(STDERR_FD).isFile() ? fileSink() : new BoundedSink(process.stderr);
  } catch {
    return { write: () => {} };
  }
}
