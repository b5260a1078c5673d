/** Reads the inputs of a replay as chunks of bytes: files, standard input, and pipes. A pipe can be read once, so it is kept in a temporary file. */
import { createWriteStream, mkdtempSync, rmSync, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { SwapstatsError } from "../../shared/errors.ts";
import { printableCut } from "../../shared/printable-text.ts";

const CHUNK_BYTES = 4 * 1024 * 1024;
const NAME_LENGTH_MAX = 200;
/** Name of standard input on the command line. */
export const STDIN = "-";

/** What a pass over the files counts. */
export type ReadCounter = {
  /** Bytes read of all files, for progress. */
  bytesDone: number;
  /** Swaps that the mapping skipped, because their `when` did not hold. */
  skipped: number;
  /** Whether dead letters are kept with their texts, or only counted. */
  readonly wantsText: boolean;
};

/** A counter for files that are only opened. */
export const NO_COUNTER = (): ReadCounter => ({ bytesDone: 0, skipped: 0, wantsText: false });

export type InputFile = {
  /** Name for messages, safe for terminals. */
  readonly name: string;
  readonly path: string;
  readonly kind: "file" | "folder" | "stream";
  readonly bytes: number;
};

/** Source of standard input. Tests give their own. */
export type StdinSource = () => AsyncIterable<Buffer>;

/** Returns the files of the command line. Throws `not_found` with the name of the first that is not a file. */
export function inputFiles(paths: readonly string[]): InputFile[] {
  return paths.map((path) => {
    const name = path === STDIN ? "standard input" : printableCut(path, NAME_LENGTH_MAX);
    if (path === STDIN) return { name, path, kind: "stream", bytes: 0 };
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) throw notFound(name, "does not exist", undefined);
    if (stat.isFile()) return { name, path, kind: "file", bytes: stat.size };
    if (stat.isDirectory()) return { name, path, kind: "folder", bytes: 0 };
    if (stat.isFIFO()) return { name, path, kind: "stream", bytes: 0 };
    throw new SwapstatsError("not_found", `${name} is not a file; give the path of a file of swaps`);
  });
}

/** Yields the chunks of the file. A chunk is valid until the next one is requested. */
export async function* readChunks({ path, name }: InputFile, counter: ReadCounter): AsyncGenerator<Buffer> {
  const file = await openFile(path, name);
  try {
    yield* readFile(file, name, counter);
  } finally {
    await file.close();
  }
}

/** Yields the chunks of standard input. */
export async function* readStdin(stdin: StdinSource, counter: ReadCounter): AsyncGenerator<Buffer> {
  for await (const chunk of stdin()) {
    counter.bytesDone += chunk.length;
    yield chunk;
  }
}

/** Temporary files of one replay. `dispose` removes them. */
export class Spool {
  #folder: string | undefined;
  #count = 0;

  /** Writes all chunks to a file, and returns it under the name. */
  async keep(chunks: AsyncIterable<Buffer>, name: string): Promise<InputFile> {
    let path = tmpdir();
    try {
      this.#folder ??= mkdtempSync(join(tmpdir(), "swapstats-input-"));
      path = join(this.#folder, `input-${this.#count++}`);
      await pipeline(copies(chunks), createWriteStream(path, { flags: "wx", mode: 0o600 }));
    } catch (cause) {
      if (cause instanceof SwapstatsError) throw cause;
      const message = `${name} is kept in a temporary file, and writing ${path} failed (${(cause as Error).message}); set TMPDIR to a folder with room`;
      throw new SwapstatsError("storage_failed", message, { cause });
    }
    return { name, path, kind: "file", bytes: statSync(path).size };
  }

  /** Removes all files. Must be called in every case. */
  dispose(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }
}

/** Writing goes on while the next chunk is read into a buffer that is used again. */
async function* copies(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
}

export async function openFile(path: string, name: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (cause) {
    const what = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "does not exist" : "cannot be opened";
    throw notFound(name, what, cause);
  }
}

function notFound(name: string, what: string, cause: unknown): SwapstatsError {
  return new SwapstatsError("not_found", `${name} ${what}; check the path and the permissions`, { cause });
}

/** Reads one chunk ahead while the caller works, with two buffers in turn. */
async function* readFile(file: FileHandle, name: string, counter: ReadCounter): AsyncGenerator<Buffer> {
  const buffers = [Buffer.allocUnsafe(CHUNK_BYTES), Buffer.allocUnsafe(CHUNK_BYTES)] as const;
  let turn = 0;
  let reading = file.read(buffers[0], 0, CHUNK_BYTES);
  try {
    for (;;) {
      const { bytesRead, buffer } = await reading;
      if (bytesRead === 0) return;
      counter.bytesDone += bytesRead;
      turn = 1 - turn;
      reading = file.read(buffers[turn as 0 | 1], 0, CHUNK_BYTES);
      yield buffer.subarray(0, bytesRead);
    }
  } catch (cause) {
    if (cause instanceof SwapstatsError) throw cause;
    throw new SwapstatsError("bad_request", `${name} cannot be read (${(cause as Error).message})`, { cause });
  } finally {
    // The file must not be closed during a read.
    await reading.catch(() => undefined);
  }
}
