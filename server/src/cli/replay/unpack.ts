/** Reads compressed files as chunks of plain bytes: gzip with any number of members, zstd with any number of frames, also nested. */
import { createGunzip, createZstdDecompress } from "node:zlib";
import { SwapstatsError } from "../../shared/errors.ts";
import { HEAD_BYTES, packingOf } from "./kinds.ts";
import { ZstdFrames } from "./zstd-frames.ts";

type Chunks = AsyncIterable<Buffer>;
type Unpacker = ReturnType<typeof createGunzip> | ReturnType<typeof createZstdDecompress>;

const CHUNK_BYTES = 1024 * 1024;
/** Largest number of nested compressions. */
const LAYERS_MAX = 3;

/** The decompressed start of a file, and all of it as chunks. A chunk is valid until the next one is requested. */
type Peeked = {
  readonly head: Buffer;
  readonly chunks: AsyncGenerator<Buffer>;
  /** Closes the file, also when no chunk was read. */
  close(): Promise<void>;
};

/** Throws `bad_request` when the compressed bytes are damaged or cut, after the chunks before the damage. */
export async function unpacked(raw: AsyncGenerator<Buffer>, name: string): Promise<Peeked> {
  let peeked = await peek(raw);
  for (let layer = 0; ; layer++) {
    const packing = packingOf(peeked.head);
    if (packing === "none") return peeked;
    if (layer === LAYERS_MAX) {
      await peeked.close();
      throw new SwapstatsError(
        "bad_request",
        `${name} is compressed more than ${LAYERS_MAX} times; decompress it first`,
      );
    }
    const { chunks } = peeked;
    peeked = await peek(packing === "gzip" ? gunzip(name, chunks) : unzstd(name, chunks));
  }
}

/** Reads until the head is large enough to recognise the kind: some KiB, or the whole file. A failure is thrown when the chunks are read. */
async function peek(chunks: AsyncGenerator<Buffer>): Promise<Peeked> {
  const parts: Buffer[] = [];
  let bytes = 0;
  let failure: unknown;
  while (bytes < HEAD_BYTES) {
    try {
      const { value, done } = await chunks.next();
      if (done === true) break;
      // A copy, because the buffer of the chunk is reused.
      parts.push(Buffer.from(value));
      bytes += value.length;
    } catch (error) {
      failure = error;
      break;
    }
  }
  const head = Buffer.concat(parts);
  const close = async (): Promise<void> => {
    await chunks.return(undefined);
  };
  return { head, chunks: chain(head, chunks, failure), close };
}

async function* chain(head: Buffer, rest: AsyncGenerator<Buffer>, failure: unknown): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    if (failure !== undefined) throw failure;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

async function* gunzip(name: string, chunks: Chunks): AsyncGenerator<Buffer> {
  yield* through(name, createGunzip({ chunkSize: CHUNK_BYTES }), chunks);
}

async function* unzstd(name: string, chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  const frames = new ZstdFrames();
  let left: Buffer | undefined;
  /** Yields the bytes of one frame. */
  async function* frame(): AsyncGenerator<Buffer> {
    for (;;) {
      if (left === undefined || left.length === 0) {
        const { value, done } = await chunks.next();
        if (done === true) {
          if (frames.isInside) throw new Error("its last frame is incomplete");
          return;
        }
        left = value;
      }
      const { end, ended } = frames.take(left, 0);
      const part = left.subarray(0, end);
      left = left.subarray(end);
      yield part;
      if (ended) return;
    }
  }
  try {
    for (;;) {
      if (left === undefined || left.length === 0) {
        const { value, done } = await chunks.next();
        if (done === true) return;
        left = value;
      }
      yield* through(name, createZstdDecompress({ chunkSize: CHUNK_BYTES }), frame());
    }
  } finally {
    await chunks.return(undefined);
  }
}

/** Yields the chunks before the damage, then throws the failure. */
async function* through(name: string, unpacker: Unpacker, chunks: Chunks): AsyncGenerator<Buffer> {
  let failure: unknown;
  const feeding = feed(chunks, unpacker).catch((error) => {
    failure = error;
    unpacker.end();
  });
  try {
    for await (const chunk of unpacker) yield chunk as Buffer;
    await feeding;
  } catch (error) {
    failure ??= error;
  } finally {
    unpacker.destroy();
    await feeding;
  }
  if (failure === undefined) return;
  if (failure instanceof SwapstatsError) throw failure;
  const message = `${name} is damaged or cut (${(failure as Error).message}); compress it again`;
  throw new SwapstatsError("bad_request", message, { cause: failure });
}

async function feed(chunks: Chunks, unpacker: Unpacker): Promise<void> {
  for await (const chunk of chunks) {
    if (unpacker.destroyed) return;
    // The buffer of the chunk is reused for the next but one, so wait until the stream has consumed it.
    await new Promise<void>((resolve, reject) => {
      unpacker.once("close", resolve);
      unpacker.write(chunk, (error) => {
        unpacker.off("close", resolve);
        if (error) reject(error);
        else resolve();
      });
    });
  }
  // A stream that detects a cut at its end drops data that was not read yet.
  while (unpacker.readableLength > 0 && !unpacker.destroyed) await new Promise((resolve) => setImmediate(resolve));
  unpacker.end();
}
