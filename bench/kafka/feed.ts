/**
 * Sends the generator's swaps into a topic, each to the partition of its token: as fast as the broker takes them, or at a rate by the
 * clock.
 */
import { setTimeout as pause } from "node:timers/promises";
import { Connection, produceV9, Writer } from "@platformatic/kafka";
import { SwapDecoder } from "../../server/src/codecs/swap-decoder.ts";
import { SwapEvent } from "../../server/src/engine/swaps/swap-event.ts";
import { GENERATOR_DEFAULTS, type GeneratorOptions } from "../../server/src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../server/src/generator/swap-generator.ts";
import { formatTokenId } from "../../server/src/shared/token-id.ts";
import { partitionOfToken } from "../../server/src/shared/token-partition.ts";
import { BatchBuffer } from "./batch-buffer.ts";

const PRODUCE_KEY = 0;
const PRODUCE_VERSION = 9;
const ACKS_ALL = -1;
const REQUEST_LIMIT_MS = 30_000;
/** Batch size of the project's own producers for one partition. */
const BATCH_BYTES = 192 * 1024;
/** With a rate, due swaps are sent at this interval. */
const TICK_MS = 20;

export type FeedTarget = { readonly brokers: readonly string[]; readonly topic: string; readonly partitions: number };

export class SwapFeed {
  readonly #target: FeedTarget;
  readonly #connection: Connection;
  readonly #generator: SwapGenerator;
  readonly #decoder = new SwapDecoder();
  readonly #event = new SwapEvent();
  readonly #record = new Uint8Array(RECORD_BYTES_MAX);
  readonly #prefixes = new Map<number, Buffer>();
  /** The batches that are being filled, and those of the request in flight. */
  #batches: BatchBuffer[];
  #others: BatchBuffer[];
  #underWay: Promise<void> = Promise.resolve();

  private constructor(target: FeedTarget, connection: Connection, options: Partial<GeneratorOptions>) {
    this.#target = target;
    this.#connection = connection;
    this.#generator = new SwapGenerator({ ...GENERATOR_DEFAULTS, ...options });
    const buffers = (): BatchBuffer[] =>
      Array.from({ length: target.partitions }, () => new BatchBuffer(BATCH_BYTES + RECORD_BYTES_MAX));
    this.#batches = buffers();
    this.#others = buffers();
  }

  /** The broker leads all partitions of the topic. */
  static async open(target: FeedTarget, options: Partial<GeneratorOptions> = {}): Promise<SwapFeed> {
    const [host = "", port = ""] = target.brokers[0]!.split(":");
    const connection = new Connection("swapstats-bench-feed", { requestTimeout: REQUEST_LIMIT_MS });
    await connection.connect(host, Number(port));
    return new SwapFeed(target, connection, options);
  }

  /** Records so far. */
  get sent(): number {
    return this.#generator.index;
  }

  /** Sends this many more, and resolves when they are acknowledged. */
  async fill(count: number): Promise<void> {
    for (let i = 0; i < count; i++) if (!this.#add()) await this.#send();
    await this.flush();
  }

  /** Sends at the rate until the signal aborts, and resolves when everything is acknowledged. Delays of a busy machine are made up. */
  async pace(ratePerSecond: number, signal: AbortSignal): Promise<void> {
    const startedMs = performance.now();
    for (let done = 0; !signal.aborted; ) {
      const due = Math.floor(((performance.now() - startedMs) * ratePerSecond) / 1000);
      for (; done < due; done++) if (!this.#add()) await this.#send();
      await this.flush();
      await pause(TICK_MS);
    }
  }

  async flush(): Promise<void> {
    await this.#send();
    await this.#underWay;
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  /** Adds the next swap to its batch. Returns false when the batch has reached its size. */
  #add(): boolean {
    const valueBytes = this.#generator.write(this.#record, 0) - 1;
    const event = this.#event;
    const code = this.#decoder.decode(this.#record, 0, valueBytes, event);
    if (code !== undefined) throw new Error(`the generator made a record that is no swap: ${code}`);
    const { chainId, bytes, tokenStart, tokenEnd } = event;
    const { partitions } = this.#target;
    const batch = this.#batches[partitionOfToken(chainId, bytes, tokenStart, tokenEnd, partitions)]!;
    batch.add(this.#prefixOf(chainId), bytes, tokenStart, tokenEnd, this.#record, valueBytes);
    return batch.hasRoom(tokenEnd - tokenStart, RECORD_BYTES_MAX);
  }

  #prefixOf(chainId: number): Buffer {
    let prefix = this.#prefixes.get(chainId);
    if (prefix === undefined) {
      prefix = Buffer.from(`${chainId}:`);
      this.#prefixes.set(chainId, prefix);
    }
    return prefix;
  }

  /** Sends all batches in one request, once the previous one is answered. */
  async #send(): Promise<void> {
    await this.#underWay;
    const batches = this.#batches;
    this.#batches = this.#others;
    this.#others = batches;
    this.#underWay = this.#request(batches);
    // The next waiter gets the failure. Without a handler it would end the process before that.
    this.#underWay.catch(() => {});
  }

  async #request(batches: readonly BatchBuffer[]): Promise<void> {
    const nowMs = Date.now();
    const filled = batches.flatMap((batch, partition) =>
      batch.count === 0 ? [] : [{ partition, bytes: batch.finish(nowMs) }],
    );
    if (filled.length === 0) return;
    const request = (): Writer =>
      Writer.create()
        .appendString(null)
        .appendInt16(ACKS_ALL)
        .appendInt32(REQUEST_LIMIT_MS)
        .appendArray([this.#target.topic], (topics, name) => {
          topics.appendString(name).appendArray(filled, (partitions, { partition, bytes }) => {
            partitions.appendInt32(partition).appendBytes(bytes);
          });
        })
        .appendTaggedFields();
    await new Promise<void>((resolve, reject) => {
      const parse = produceV9.parseResponse;
      this.#connection.send(PRODUCE_KEY, PRODUCE_VERSION, request, parse, true, true, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    for (const batch of batches) batch.clear();
  }
}

/** Returns the distinct token ids of the first swaps that a generator with these options makes. */
export function firstTokens(swaps: number, options: Partial<GeneratorOptions> = {}): string[] {
  const generator = new SwapGenerator({ ...GENERATOR_DEFAULTS, ...options });
  const record = Buffer.alloc(RECORD_BYTES_MAX);
  const ids = new Set<string>();
  for (let i = 0; i < swaps; i++) {
    const end = generator.write(record, 0);
    const { chain_id: chainId, token } = JSON.parse(record.toString("utf8", 0, end)) as {
      chain_id: number;
      token: string;
    };
    ids.add(formatTokenId(chainId, token));
  }
  return [...ids];
}
