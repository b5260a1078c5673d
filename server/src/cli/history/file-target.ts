/** Where text is written: standard output, or a file that has its name only when it is complete. */
import { createWriteStream, type WriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { finished } from "node:stream/promises";
import { SwapstatsError } from "../../shared/errors.ts";
import { printableCut } from "../../shared/printable-text.ts";
import type { Output } from "../output.ts";

export const NAME_LENGTH_MAX = 200;
/** A part of this name that was left by a killed command is replaced by the next one. */
export const PART = ".part";

/** Takes lines of text, in order. */
export type TextTarget = {
  write(text: string): Promise<void>;
  /** The whole text is durable and has its name. */
  finish(): Promise<void>;
  /** Leaves nothing. Never rejects. */
  drop(): Promise<void>;
};

export class OutputTarget implements TextTarget {
  readonly #output: Output;

  constructor(output: Output) {
    this.#output = output;
  }

  write(text: string): Promise<void> {
    return this.#output.write(Buffer.from(text));
  }

  async finish(): Promise<void> {}
  async drop(): Promise<void> {}
}

/** Writes beside the file and renames at the end. */
export class FileTarget implements TextTarget {
  readonly #path: string;
  readonly #part: string;
  readonly #stream: WriteStream;
  #failure: unknown;

  private constructor(path: string, stream: WriteStream) {
    this.#path = path;
    this.#part = `${path}${PART}`;
    this.#stream = stream;
    stream.on("error", (error) => {
      this.#failure = error;
    });
  }

  static async open(path: string): Promise<FileTarget> {
    try {
      const file = await open(`${path}${PART}`, "w", 0o600);
      return new FileTarget(path, createWriteStream("", { fd: file, flush: true }));
    } catch (cause) {
      throw writeFailure(path, cause);
    }
  }

  async write(text: string): Promise<void> {
    if (this.#failure !== undefined) throw writeFailure(this.#path, this.#failure);
    await new Promise<void>((resolve, reject) => {
      this.#stream.write(text, (error) => (error ? reject(writeFailure(this.#path, error)) : resolve()));
    });
  }

  async finish(): Promise<void> {
    try {
      this.#stream.end();
      await finished(this.#stream);
      await publish(this.#part, this.#path);
    } catch (cause) {
      throw writeFailure(this.#path, cause);
    }
  }

  async drop(): Promise<void> {
    this.#stream.destroy();
    await finished(this.#stream).catch(() => {});
    await rm(this.#part, { force: true }).catch(() => {});
  }
}

/** Gives a durable file its name, durably. */
export async function publish(part: string, path: string): Promise<void> {
  await rename(part, path);
  const folder = await open(dirname(path), "r");
  await folder.sync().finally(() => folder.close());
}

export function writeFailure(path: string, cause: unknown): SwapstatsError {
  const message = `${printableCut(basename(path), NAME_LENGTH_MAX)} cannot be written (${(cause as Error).message}); check the path, the permissions and the room on the disk`;
  return new SwapstatsError("storage_failed", message, { cause });
}
