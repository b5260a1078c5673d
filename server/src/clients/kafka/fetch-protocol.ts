/**
 * Fetch requests and responses on the wire, as far as they are needed. The client's own reader makes an object of every
 * record and checks no checksum; here the records stay bytes. Versions 11 (Kafka 2.3, older Redpanda) to 17 (Kafka
 * 3.9). Lengths are compact from version 12 on; the topic's id replaces its name from version 13 on. Source: "Fetch
 * API" in Kafka's protocol guide.
 */
import { apiVersionsV1, apiVersionsV3, type Connection, fetchV11, fetchV12, fetchV17 } from "@platformatic/kafka";
import { SwapstatsError } from "../../shared/errors.ts";
import { freeMemory } from "../../shared/free-memory.ts";
import type { MemoryPool } from "./memory-pool.ts";

const FETCH_KEY = 1;
const FETCH_VERSION_MIN = 11;
const FETCH_VERSION_MAX = 17;
const COMPACT_FROM = 12;
const TOPIC_ID_FROM = 13;
const READ_COMMITTED = 1;
const TWO_32 = 2 ** 32;
/** Length, correlation id, and the empty list of tags. */
const ANSWER_HEAD_BYTES = 9;

export type FetchTarget = {
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly offset: number;
  readonly bytesMax: number;
};

type FetchRequest = {
  readonly topic: string;
  readonly topicId: string;
  readonly waitMs: number;
  readonly bytesMax: number;
  readonly targets: readonly FetchTarget[];
};

export type AbortedTransaction = { readonly producerId: number; readonly firstOffset: number };

export type FetchedPartition = {
  readonly partition: number;
  /** 0: none; otherwise an error number of Kafka. */
  readonly error: number;
  readonly highWatermark: number;
  /** The end for readers of committed records. -1 with an error. */
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  /** A view of the response's memory. */
  readonly records: Buffer;
};

export type FetchResponse = {
  readonly error: number;
  readonly partitions: readonly FetchedPartition[];
  /** The whole response, in memory of the pool; the records are views of it. */
  readonly bytes: Buffer;
};

/** Returns the newest version of fetches that both sides support. */
export async function fetchVersionOf(connection: Connection): Promise<number> {
  const names = ["swapstats", "1"] as const;
  const { apiKeys } = await apiVersionsV3.api
    .async(connection, ...names)
    .catch(() => apiVersionsV1.api.async(connection, ...names));
  const range = apiKeys.find(({ apiKey }) => apiKey === FETCH_KEY);
  const version = Math.min(FETCH_VERSION_MAX, range?.maxVersion ?? 0);
  if (version >= Math.max(FETCH_VERSION_MIN, range?.minVersion ?? 0)) return version;
  const message = `the broker knows fetches of version ${range?.minVersion} to ${range?.maxVersion}, and ${FETCH_VERSION_MIN} to ${FETCH_VERSION_MAX} are needed (Kafka 2.3 or newer)`;
  throw new SwapstatsError("unavailable", message, { retryable: true });
}

/**
 * Rejects with the client's errors: of the network, of authentication, and when the response takes longer than the
 * connection allows.
 */
export function sendFetch(
  connection: Connection,
  version: number,
  request: FetchRequest,
  memory: MemoryPool,
): Promise<FetchResponse> {
  const { topic, topicId, waitMs, bytesMax } = request;
  const partitions = request.targets.map((target) => ({
    partition: target.partition,
    currentLeaderEpoch: target.leaderEpoch,
    fetchOffset: BigInt(target.offset),
    lastFetchedEpoch: -1,
    partitionMaxBytes: target.bytesMax,
  }));
  const topics = [{ topicId: version < TOPIC_ID_FROM ? topic : topicId, partitions }];
  const { createRequest } = version >= TOPIC_ID_FROM ? fetchV17 : version === COMPACT_FROM ? fetchV12 : fetchV11;
  const isCompact = version >= COMPACT_FROM;
  let pieces: readonly Buffer[] = [];
  return new Promise((resolve, reject) => {
    connection.send<FetchResponse>(
      FETCH_KEY,
      version,
      // Session id 0 with epoch -1: no session. Sessions save bytes with thousands of partitions, and are one more
      // state that can be lost.
      () => createRequest(waitMs, 1, bytesMax, READ_COMMITTED, 0, -1, topics, [], ""),
      (_correlationId, _key, _version, reader) => {
        pieces = (reader.buffer as unknown as { readonly buffers: readonly Buffer[] }).buffers;
        return readFetchResponse(joined(pieces, memory), version);
      },
      isCompact,
      isCompact,
      (error, response) => {
        // The pieces are released only now, because the connection used them until now.
        freePieces(pieces);
        if (error === null && response !== undefined) resolve(response);
        else reject(error ?? new Error("a fetch without a response"));
      },
    );
  });
}

/** Copies the pieces that came from the socket into one buffer, so that values can be moved within it. */
function joined(pieces: readonly Buffer[], memory: MemoryPool): Buffer {
  const whole = memory.take(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/**
 * Frees the socket's memory at once. That saved a third of the time of the garbage collector, the largest part of
 * reading. A piece belongs to this response alone when it reaches to the end of one read of the socket, and begins at
 * the start of that read or behind the response's header. A connection that fetches carries nothing else.
 */
function freePieces(pieces: readonly Buffer[]): void {
  for (const [index, piece] of pieces.entries()) {
    const isWhole = piece.byteOffset + piece.length === piece.buffer.byteLength;
    if (isWhole && piece.byteOffset <= (index === 0 ? ANSWER_HEAD_BYTES : 0)) freeMemory(piece);
  }
}

/** Throws RangeError where the bytes are no such response. */
function readFetchResponse(bytes: Buffer, version: number): FetchResponse {
  const input = new WireInput(bytes, version >= COMPACT_FROM);
  input.at += 4;
  const error = input.int16();
  input.at += 4;
  const partitions: FetchedPartition[] = [];
  for (let topics = input.arrayLength(); topics > 0; topics--) {
    const nameBytes = version >= TOPIC_ID_FROM ? 16 : input.length16();
    input.at += nameBytes;
    for (let left = input.arrayLength(); left > 0; left--) partitions.push(readPartition(input));
    input.tags();
  }
  return { error, partitions, bytes };
}

function readPartition(input: WireInput): FetchedPartition {
  const partition = input.int32();
  const error = input.int16();
  const highWatermark = input.int64();
  const lastStableOffset = input.int64();
  const logStartOffset = input.int64();
  const aborted: AbortedTransaction[] = [];
  for (let left = input.arrayLength(); left > 0; left--) {
    aborted.push({ producerId: input.int64(), firstOffset: input.int64() });
    input.tags();
  }
  input.at += 4;
  const size = Math.max(0, input.length32());
  if (input.at + size > input.bytes.length) throw new RangeError("the records of a response to a fetch are cut off");
  const records = input.bytes.subarray(input.at, input.at + size);
  input.at += size;
  input.tags();
  return { partition, error, highWatermark, lastStableOffset, logStartOffset, aborted, records };
}

class WireInput {
  readonly bytes: Buffer;
  readonly #isCompact: boolean;
  at = 0;

  constructor(bytes: Buffer, isCompact: boolean) {
    this.bytes = bytes;
    this.#isCompact = isCompact;
  }

  int16(): number {
    this.at += 2;
    return this.bytes.readInt16BE(this.at - 2);
  }

  int32(): number {
    this.at += 4;
    return this.bytes.readInt32BE(this.at - 4);
  }

  int64(): number {
    this.at += 8;
    return this.bytes.readInt32BE(this.at - 8) * TWO_32 + this.bytes.readUInt32BE(this.at - 4);
  }

  /** -1: null. */
  arrayLength(): number {
    return this.length32();
  }

  length32(): number {
    return this.#isCompact ? this.#varint() - 1 : this.int32();
  }

  length16(): number {
    return this.#isCompact ? this.#varint() - 1 : this.int16();
  }

  /** Skips tagged fields, which follow every structure in the compact form. */
  tags(): void {
    if (!this.#isCompact) return;
    for (let left = this.#varint(); left > 0; left--) {
      this.#varint();
      const size = this.#varint();
      this.at += size;
    }
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 28; scale *= 128) {
      const byte = this.bytes.readUInt8(this.at++);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw new RangeError("a number in a response to a fetch is too long");
  }
}
