/** Files as chunks of plain bytes: packed ones are found by their content, not by their name. */
import { type FileHandle, open } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { SwapstatsError } from "../../shared/errors.ts";

const CHUNK_BYTES = 4 * 1024 * 1024;

/** What has been read of all files together, for progress. */
export type ReadCounter = { bytesDone: number };

/** Size of all files together. Throws `not_found` with the name of the first that is none. */
export async function sizeOf(paths: readonly string[]): Promise<number> {
  let bytes = 0;
  for (const path of paths) {
    const file = await openFile(path);
    const stat = await file.stat();
    await file.close();
    if (!stat.isFile())
      throw new SwapstatsError("not_found", `${path} is not a file; give the path of a file of swaps`);
    bytes += stat.size;
  }
  return bytes;
}

/** Chunks of the file, unpacked. A chunk is valid until the next one is asked for. */
export async function* readChunks(path: string, counter: ReadCounter): AsyncGenerator<Buffer> {
  const file = await openFile(path);
  try {
    const raw = readFile(file, counter);
    const first = await raw.next();
    if (first.done === true) return;
    const packed = first.value[0] === 0x1f && first.value[1] === 0x8b;
    const all = chain(first.value, raw);
    yield* packed ? unpack(path, all) : all;
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, "r");
  } catch (cause) {
    const what = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "does not exist" : "cannot be opened";
    throw new SwapstatsError("not_found", `${path} ${what}; check the path and the rights`, { cause });
  }
}

/** Reads ahead by one chunk while the caller works, with two buffers in turn. */
async function* readFile(file: FileHandle, counter: ReadCounter): AsyncGenerator<Buffer> {
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
  } finally {
    // The file must not be closed under a read that is under way.
    await reading.catch(() => undefined);
  }
}

async function* chain(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

async function* unpack(path: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const gunzip = createGunzip({ chunkSize: 1024 * 1024 });
  const feeding = feed(chunks, gunzip);
  feeding.catch((error) => gunzip.destroy(error));
  try {
    for await (const chunk of gunzip) yield chunk as Buffer;
    await feeding;
  } catch (cause) {
    const message = `${path} is damaged or cut (${(cause as Error).message}); pack it again`;
    throw new SwapstatsError("bad_request", message, { cause });
  } finally {
    gunzip.destroy();
    await feeding.catch(() => undefined);
  }
}

async function feed(chunks: AsyncIterable<Buffer>, gunzip: ReturnType<typeof createGunzip>): Promise<void> {
  for await (const chunk of chunks) {
    if (gunzip.destroyed) return;
    // The buffer of the chunk is used again for the next but one, so wait until this one is taken in.
    await new Promise<void>((resolve, reject) => {
      gunzip.once("close", resolve);
      gunzip.write(chunk, (error) => {
        gunzip.off("close", resolve);
        if (error) reject(error);
        else resolve();
      });
    });
  }
  gunzip.end();
}
