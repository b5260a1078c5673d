/**
 * Writes one base image of the engine's state into parts. The image is consistent, taken at the moment of `begin`; its slices
 * are copied between batches of the stream, a few milliseconds each, and written meanwhile by the system's threads.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { crc32 } from "node:zlib";
import type { CheckpointStore } from "../../ports/checkpoint-store.ts";
import { freeMemory } from "../../shared/free-memory.ts";
import type { BaseHistory, BaseImage, PartRef } from "./manifest.ts";

/** The engine's snapshot, as checkpoints use it. */
export type Snapshot = {
  readonly header: Uint8Array;
  readonly totalBytes: number;
  next(maxBytes: number): Uint8Array | undefined;
  abort(): void;
};

/** Fits one value of Redis or one object of S3. A GB then has little more than a hundred files. */
const PART_BYTES_MAX = 8 * 1024 * 1024;
/** The stream waits for one slice at a time. */
const SLICE_BYTES_MAX = 2 * 1024 * 1024;
const SLICE_BYTES_MIN = 64 * 1024;
const SLICE_MS_MAX = 5;

/** The place of an image in the history, and the rows that it carries. */
export type BaseRows = { readonly place: Omit<BaseHistory, "carried">; readonly carried: readonly Uint8Array[] };

type BaseTask = {
  readonly store: CheckpointStore;
  readonly partition: number;
  /** Prefix of the names of parts. It is never used again. */
  readonly namePrefix: string;
  readonly snapshot: Snapshot;
  readonly offset: number;
  readonly takenAtMs: number;
  /** Undefined where no history is kept. */
  readonly rows: BaseRows | undefined;
  readonly signal: AbortSignal;
  /** Called with the ms for which the stream waited for a slice. */
  readonly onPause: (ms: number) => void;
  /** Called before a part is written, so that its owner can remove what a failure leaves. */
  readonly onPart: (name: string) => void;
};

/**
 * Copies and writes the whole image. Rejects with the store's error, or the signal's reason. The snapshot is ended in either case.
 */
export async function writeBase(task: BaseTask): Promise<BaseImage> {
  const { snapshot } = task;
  const header = new TextDecoder().decode(snapshot.header);
  const parts: PartRef[] = [];
  let bytes = 0;
  try {
    for (;;) {
      const part = await gatherPart(task, Math.max(SLICE_BYTES_MIN, snapshot.totalBytes - bytes));
      if (part === undefined) break;
      const name = `${task.namePrefix}-${parts.length}`;
      task.onPart(name);
      await task.store.putPart(task.partition, name, part.content);
      parts.push({ name, bytes: part.content.length, crc32: part.crc32 });
      bytes += part.content.length;
      freeMemory(part.content);
    }
  } finally {
    snapshot.abort();
  }
  const { offset, takenAtMs, rows } = task;
  const image = { offset, header, parts, bytes, takenAtMs };
  return rows === undefined ? image : { ...image, history: { ...rows.place, carried: await writeRows(task, rows) } };
}

async function writeRows(task: BaseTask, { carried }: BaseRows): Promise<PartRef[]> {
  const parts: PartRef[] = [];
  for (const content of carried) {
    task.signal.throwIfAborted();
    const name = `${task.namePrefix}-rows${parts.length}`;
    task.onPart(name);
    await task.store.putPart(task.partition, name, content);
    parts.push({ name, bytes: content.length, crc32: crc32(content) });
  }
  return parts;
}

/** Returns the next part, of at most bytesMax bytes; undefined at the end of the image. It is copied and summed slice by slice. */
async function gatherPart(
  { snapshot, signal, onPause }: BaseTask,
  bytesMax: number,
): Promise<{ content: Uint8Array; crc32: number } | undefined> {
  let content = Buffer.allocUnsafeSlow(Math.min(PART_BYTES_MAX, bytesMax));
  let bytes = 0;
  let sum = 0;
  let sliceBytes = SLICE_BYTES_MAX / 4;
  while (bytes < content.length) {
    signal.throwIfAborted();
    const startedMs = performance.now();
    const slice = snapshot.next(Math.min(sliceBytes, content.length - bytes));
    if (slice === undefined) break;
    // An image comes in whole pages, so a slice may be larger than requested.
    if (bytes + slice.length > content.length) content = Buffer.concat([content], bytes + slice.length);
    content.set(slice, bytes);
    bytes += slice.length;
    sum = crc32(slice, sum);
    freeMemory(slice);
    const tookMs = performance.now() - startedMs;
    onPause(tookMs);
    sliceBytes =
      tookMs > SLICE_MS_MAX ? Math.max(SLICE_BYTES_MIN, sliceBytes / 2) : Math.min(SLICE_BYTES_MAX, sliceBytes * 2);
    await nextTurn();
  }
  return bytes === 0 ? undefined : { content: content.subarray(0, bytes), crc32: sum };
}
