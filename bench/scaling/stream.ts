/** Streams of swaps with more and less skew, as batches of partitions in memory that threads share. */
import { SwapDecoder } from "../../server/src/codecs/swap-decoder.ts";
import { SwapEvent } from "../../server/src/engine/swaps/swap-event.ts";
import { GENERATOR_DEFAULTS, type GeneratorOptions } from "../../server/src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../server/src/generator/swap-generator.ts";
import type { RecordBatch } from "../../server/src/ports/source.ts";
import { partitionOfToken } from "../../server/src/shared/token-partition.ts";

export type Skew = {
  readonly name: string;
  /** Generators that take turns, one record each. Their rates add up to 1,000 swaps/s of event time. */
  readonly generators: readonly Partial<GeneratorOptions>[];
};

export const ZIPF_1: Skew = { name: "tokens by Zipf 1.0", generators: [{}] };
export const SKEWS: readonly Skew[] = [
  { name: "all tokens alike (Zipf 0)", generators: [{ zipf: 0 }] },
  ZIPF_1,
  {
    name: "one token with half of all swaps",
    generators: [{ ratePerSecond: 500 }, { ratePerSecond: 500, tokens: 1, seed: 2 }],
  },
];

/** As the project's producers fill them. */
const BATCH_BYTES = 192 * 1024;
const ARRIVAL_LEAD_MS = 1000;

/** A batch that is being filled. */
class OpenBatch {
  payload = new Uint8Array(new SharedArrayBuffer(BATCH_BYTES + RECORD_BYTES_MAX));
  readonly ends: number[] = [];
  at = 0;
}

/** Returns the batches of each partition in order, each swap in the partition of its token. */
export function partitionedBatches(skew: Skew, partitions: number, records: number): RecordBatch[][] {
  const generators = skew.generators.map((options) => new SwapGenerator({ ...GENERATOR_DEFAULTS, ...options }));
  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  const record = new Uint8Array(RECORD_BYTES_MAX);
  const open = Array.from({ length: partitions }, () => new OpenBatch());
  const closed = open.map((): RecordBatch[] => []);
  const close = (partition: number, index: number): void => {
    const batch = open[partition]!;
    const before = closed[partition]!.at(-1);
    const baseOffset = before?.nextOffset ?? 0;
    const count = batch.ends.length;
    if (count === 0) return;
    const ends = new Uint32Array(new SharedArrayBuffer(4 * count));
    ends.set(batch.ends);
    const payload = batch.payload.subarray(0, batch.at);
    const arrivalsMs = GENERATOR_DEFAULTS.startMs + index + ARRIVAL_LEAD_MS;
    closed[partition]!.push({
      partition,
      baseOffset,
      nextOffset: baseOffset + count,
      count,
      payload,
      ends,
      arrivalsMs,
    });
    open[partition] = new OpenBatch();
  };
  for (let index = 0; index < records; index++) {
    const bytes = generators[index % generators.length]!.write(record, 0) - 1;
    const code = decoder.decode(record, 0, bytes, event);
    if (code !== undefined) throw new Error(`the generator made a record that is no swap: ${code}`);
    const partition = partitionOfToken(event.chainId, event.bytes, event.tokenStart, event.tokenEnd, partitions);
    const batch = open[partition]!;
    batch.payload.set(record.subarray(0, bytes), batch.at);
    batch.at += bytes;
    batch.ends.push(batch.at);
    if (batch.at >= BATCH_BYTES) close(partition, index);
  }
  for (const partition of open.keys()) close(partition, records);
  return closed;
}
