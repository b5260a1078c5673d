/**
 * Checkpoints in a compacted topic of Kafka. An installation on Kafka then needs no other store. The first half of the topic's partitions
 * holds manifests and the places of parts: small records, which every owner reads from the start. The second half holds the bytes of
 * parts in chunks, which are fetched individually. Each half assigns the partitions of the swaps to its own partitions by the remainder
 * of their number. A topic with a single partition holds everything in it.
 *
 * The order of the log gives compare-and-set: see checkpoint-index.ts. A swap of a manifest appends a record and then reads to the end of
 * the log, which gives the verdict. A failed append may still take effect, even later. Its condition is then checked like any other.
 *
 * A part is written in three steps: a record that it is begun, the chunks, a record that it is whole. The remains of a crash are therefore
 * listed, and the next swap of the manifest removes them. This never harms a later owner. Its parts began after its claim. An owner
 * removes only its own attempts, and attempts that began before the last manifest that it wrote itself. A former owner that continues
 * late therefore removes nothing of its successor's.
 */
import { randomUUID } from "node:crypto";
import type { CheckpointStore, StoredManifest } from "../../ports/checkpoint-store.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { withinTime } from "../../shared/time-limit.ts";
import {
  chunkKey,
  encodeManifestValue,
  encodePartValue,
  manifestKey,
  partKey,
  unpackManifest,
} from "./checkpoint-format.ts";
import type { ManifestRecord, PartEntry, PartitionIndex } from "./checkpoint-index.ts";
import { type CheckpointLog, LoggedIndex } from "./checkpoint-reader.ts";

/** Brokers accept batches of 1 MiB by default. The batch of a manifest also holds tombstones. */
export const CHUNK_BYTES = 512 * 1024;
const MANIFEST_BYTES_MAX = 960 * 1024;
/** Chunks that are sent at the same time. */
const CHUNKS_AT_ONCE = 4;
/** A fetch of this size returns two chunks. */
const READ_BYTES = 1024 * 1024;
/** Leftover attempts that are removed with one swap of a manifest. */
const REMOVED_AT_ONCE = 8;

type KafkaCheckpointStoreParts = {
  readonly log: CheckpointLog;
  /** Named in messages. */
  readonly topic: string;
  /** Time limit of a call, in ms. */
  readonly limitMs: number;
  /** Creates or checks the topic. Called before the first use, and again until it succeeds. Resolves with the reason why the topic is unusable. */
  readonly prepare: () => Promise<string | undefined>;
};

type Place = {
  /** Partition of the topic that holds the index. */
  readonly index: number;
  /** Partition of the topic that holds the chunks. */
  readonly bytes: number;
  readonly logged: LoggedIndex;
};

export class KafkaCheckpointStore implements CheckpointStore {
  readonly #log: CheckpointLog;
  readonly #topic: string;
  readonly #limitMs: number;
  readonly #prepare: () => Promise<string | undefined>;
  /** The number of partitions of the topic. */
  #prepared: Promise<number> | undefined;
  readonly #indexes = new Map<number, LoggedIndex>();
  /** Prefix of this client's attempts. */
  readonly #id = randomUUID();
  #attempts = 0;
  /** Keys of parts that this client is writing. */
  readonly #underWay = new Set<string>();
  /** Offset of the last valid manifest that this client wrote, by partition. */
  readonly #swappedAt = new Map<number, number>();
  #isClosed = false;

  constructor({ log, topic, limitMs, prepare }: KafkaCheckpointStoreParts) {
    this.#log = log;
    this.#topic = topic;
    this.#limitMs = limitMs;
    this.#prepare = prepare;
  }

  readManifest(partition: number): Promise<StoredManifest | undefined> {
    return this.#call(`read the manifest of partition ${partition}`, async () => {
      const { current } = await this.#read(partition);
      return current === undefined ? undefined : { bytes: unpackManifest(current.packed), version: current.id };
    });
  }

  readPreviousManifest(partition: number): Promise<Uint8Array | undefined> {
    return this.#call(`read the previous manifest of partition ${partition}`, async () => {
      const { previous } = await this.#read(partition);
      return previous === undefined ? undefined : unpackManifest(previous.packed);
    });
  }

  swapManifest(partition: number, bytes: Uint8Array, expected: string | undefined): Promise<string> {
    return this.#call(`write the manifest of partition ${partition}`, async (signal) => {
      const place = await this.#place(partition);
      const before = (await place.logged.sync()).of(partition);
      if (before.current?.id !== expected) throw conflict(partition, before.current, expected);
      const value = encodeManifestValue(bytes, expected ?? "");
      if (value.length > MANIFEST_BYTES_MAX)
        throw new Error(`it has ${value.length} bytes when compressed, the limit is ${MANIFEST_BYTES_MAX}`);
      const id = randomUUID();
      const doomed = before.doomed().map((key) => ({ key, value: undefined }));
      signal.throwIfAborted();
      await this.#log.append(place.index, [...doomed, { key: manifestKey(partition, id), value }]);
      const after = (await place.logged.sync()).of(partition);
      const verdict = after.verdictOf(id);
      if (verdict === "invalid") throw conflict(partition, after.current, expected);
      if (verdict === "unknown") throw new Error("other writers replaced it so fast that its outcome is unknown");
      this.#swappedAt.set(partition, verdict.offset);
      await this.#removeLeftovers(partition, after, verdict.offset, signal);
      return id;
    });
  }

  putPart(partition: number, name: string, bytes: Uint8Array): Promise<void> {
    return this.#call(`write the checkpoint part ${name} of partition ${partition}`, async (signal) => {
      const place = await this.#place(partition);
      const key = partKey(partition, name, `${this.#id}.${this.#attempts++}`);
      const chunks = Math.ceil(bytes.length / CHUNK_BYTES);
      const note = async (whole: PartEntry["whole"]): Promise<void> => {
        signal.throwIfAborted();
        await this.#log.append(place.index, [{ key, value: encodePartValue({ chunks, whole }) }]);
      };
      this.#underWay.add(key);
      try {
        const { length } = bytes;
        await note(undefined);
        const offsets = await this.#appendChunks(place.bytes, key, bytes, signal);
        await note({ bytes: length, partition: place.bytes, offsets });
      } finally {
        this.#underWay.delete(key);
      }
    });
  }

  getPart(partition: number, name: string): Promise<Uint8Array | undefined> {
    return this.#call(`read the checkpoint part ${name} of partition ${partition}`, async (signal) => {
      const entry = (await this.#read(partition)).part(name);
      return entry === undefined ? undefined : this.#readChunks(entry, signal);
    });
  }

  listParts(partition: number): Promise<string[]> {
    return this.#call(`list the checkpoint parts of partition ${partition}`, async () =>
      (await this.#read(partition)).partNames(),
    );
  }

  deletePart(partition: number, name: string): Promise<void> {
    return this.#call(`remove the checkpoint part ${name} of partition ${partition}`, async (signal) => {
      const attempts = (await this.#read(partition)).attempts(name);
      const before = this.#swappedAt.get(partition) ?? Number.POSITIVE_INFINITY;
      for (const entry of attempts) {
        if (entry.begunOffset < before || entry.attempt.startsWith(this.#id))
          await this.#remove(partition, entry, signal);
      }
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#log.close();
  }

  async #read(partition: number): Promise<PartitionIndex> {
    const { logged } = await this.#place(partition);
    return (await logged.sync()).of(partition);
  }

  async #place(partition: number): Promise<Place> {
    this.#prepared ??= this.#open().catch((error) => {
      this.#prepared = undefined;
      throw error;
    });
    const partitions = await this.#prepared;
    const half = Math.max(1, Math.floor(partitions / 2));
    const index = partition % half;
    const logged = this.#indexes.get(index) ?? new LoggedIndex(this.#log, index);
    this.#indexes.set(index, logged);
    return { index, bytes: partitions === 1 ? 0 : half + (partition % (partitions - half)), logged };
  }

  async #open(): Promise<number> {
    const refusal = await this.#prepare();
    if (refusal !== undefined) throw new Refusal(refusal);
    return this.#log.partitions();
  }

  /** Appends the chunks of a part and returns their offsets. */
  async #appendChunks(partition: number, key: string, bytes: Uint8Array, signal: AbortSignal): Promise<number[]> {
    const count = Math.ceil(bytes.length / CHUNK_BYTES);
    const offsets: number[] = new Array(count);
    let next = 0;
    const worker = async (): Promise<void> => {
      for (let i = next++; i < count; i = next++) {
        // The caller may free the bytes after the call has ended.
        signal.throwIfAborted();
        const { buffer, byteOffset } = bytes.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES);
        const length = Math.min(CHUNK_BYTES, bytes.length - i * CHUNK_BYTES);
        const value = Buffer.from(buffer, byteOffset, length);
        offsets[i] = await this.#log.append(partition, [{ key: chunkKey(key, i), value }]);
      }
    };
    await Promise.all(Array.from({ length: Math.min(count, CHUNKS_AT_ONCE) }, worker));
    return offsets;
  }

  /** Returns undefined when a chunk is missing because the part was removed meanwhile. */
  async #readChunks({ key, whole }: PartEntry, signal: AbortSignal): Promise<Uint8Array | undefined> {
    const { bytes, partition, offsets } = whole!;
    const content = new Uint8Array(bytes);
    const missing = new Map(offsets.map((offset, i) => [offset, i]));
    while (missing.size > 0) {
      signal.throwIfAborted();
      const from = Math.min(...missing.keys());
      await this.#log.read(partition, from, READ_BYTES, (offset, recordKey, value) => {
        const index = missing.get(offset);
        if (index === undefined || value === undefined || recordKey?.toString() !== chunkKey(key, index)) return;
        content.set(value, index * CHUNK_BYTES);
        missing.delete(offset);
      });
      if (missing.has(from)) return undefined;
    }
    return content;
  }

  /** Removes the chunks first, and then the record that lists them: otherwise unlisted chunks could remain. */
  async #remove(partition: number, { key, chunks, whole }: PartEntry, signal: AbortSignal): Promise<void> {
    const place = await this.#place(partition);
    const keys = Array.from({ length: chunks }, (_, i) => ({ key: chunkKey(key, i), value: undefined }));
    signal.throwIfAborted();
    if (chunks > 0) await this.#log.append(whole?.partition ?? place.bytes, keys);
    signal.throwIfAborted();
    await this.#log.append(place.index, [{ key, value: undefined }]);
  }

  /** Removes useless attempts that began before this offset. The next swap retries those that cannot be removed now. */
  async #removeLeftovers(partition: number, index: PartitionIndex, before: number, signal: AbortSignal): Promise<void> {
    const leftovers = index.leftovers(before).filter(({ key }) => !this.#underWay.has(key));
    try {
      for (const entry of leftovers.slice(0, REMOVED_AT_ONCE)) await this.#remove(partition, entry, signal);
    } catch {
      return;
    }
  }

  /** Rejects with `storage_failed` (retryable) on an error or a timeout. The call may have taken effect all the same. */
  async #call<T>(what: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new SwapstatsError("storage_failed", `Cannot ${what}: the store was closed.`);
    const controller = new AbortController();
    try {
      return await withinTime("the response", this.#limitMs, call(controller.signal));
    } catch (cause) {
      if (cause instanceof Refusal) throw new SwapstatsError("bad_config", cause.message);
      if (isVerdict(cause)) throw cause;
      const text = cause instanceof Error ? cause.message : String(cause);
      const message = `Cannot ${what} in the Kafka topic ${this.#topic}: ${text}.`;
      throw new SwapstatsError("storage_failed", message, { cause, retryable: true });
    } finally {
      controller.abort();
    }
  }
}

/** Returns whether another attempt would fail in the same way. All other failures may be temporary. */
function isVerdict(error: unknown): boolean {
  if (!(error instanceof SwapstatsError)) return false;
  return error.code === "checkpoint_conflict" || error.code === "internal";
}

/** The topic is unusable with its settings. Refused credentials are `bad_config` as well, but a retry may succeed. */
class Refusal extends Error {}

function conflict(partition: number, found: ManifestRecord | undefined, expected: string | undefined): SwapstatsError {
  const message = `The manifest of partition ${partition} is version ${found?.id ?? "none"} and not ${expected ?? "none"}: another owner wrote it.`;
  return new SwapstatsError("checkpoint_conflict", message);
}
