import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AbortedTransaction } from "../../../src/clients/kafka/fetch-protocol.ts";
import { RecordEnvelope } from "../../../src/mapping/formats/envelope.ts";
import type { RecordBatch } from "../../../src/ports/source.ts";
import { type BatchCounters, type Damage, FetchedBatches } from "../../../src/sources/kafka/record-batches.ts";
import {
  type Codec,
  markerRecord,
  type WrittenBatch,
  type WrittenRecord,
  writeBatch,
} from "../../support/batch-writer.ts";
import { type Random, randomFrom, seedOf } from "../../support/seed.ts";

type Log = {
  readonly batches: readonly WrittenBatch[];
  readonly aborted: readonly (AbortedTransaction & { last: number })[];
};
type Seen = { offset: number; value: string; arrivalMs: number };
/** Key and the headers of a record, in addition to its value. */
type SeenEnvelope = Seen & { key: string | undefined; h: string | undefined; other: string | undefined };

const PRODUCERS = [7, 8, 9];

function newCounters(): BatchCounters {
  return { records: 0, controlRecords: 0, abortedRecords: 0, explainedHoles: 0 };
}

/** A log of batches of every kind, from `from` on, with several transactions at a time. */
function randomLog(random: Random, from: number): Log {
  const batches: WrittenBatch[] = [];
  const open = new Map<number, number>();
  const aborted: (AbortedTransaction & { last: number })[] = [];
  let next = from;
  for (let i = 1 + random.below(12); i > 0; i--) {
    const producerId = random.chance(0.5) ? random.pick(PRODUCERS) : undefined;
    if (producerId !== undefined && open.has(producerId) && random.chance(0.4)) {
      const marker = random.chance(0.5) ? "abort" : "commit";
      if (marker === "abort") aborted.push({ producerId, firstOffset: open.get(producerId)!, last: next });
      open.delete(producerId);
      const records = [markerRecord(marker, next, 5)];
      batches.push({ baseOffset: next, lastOffset: next, codec: 0, producerId, marker, records });
      next++;
      continue;
    }
    if (producerId !== undefined && !open.has(producerId)) open.set(producerId, next);
    const batch = randomBatch(random, next, producerId);
    batches.push(batch);
    next = batch.lastOffset + 1;
  }
  // A transaction that is open at the end would not be given to readers of committed records; here it counts as
  // committed.
  return { batches, aborted };
}

function randomBatch(random: Random, baseOffset: number, producerId: number | undefined): WrittenBatch {
  const isCompacted = random.chance(0.15);
  const offsets = 1 + random.below(9);
  const records: WrittenRecord[] = [];
  const startMs = 1_700_000_000_000 + random.below(1_000_000);
  for (let i = 0; i < offsets; i++) {
    if (isCompacted && random.chance(0.5)) continue;
    const bytes = (limit: number): Buffer | null =>
      random.chance(0.1) ? null : Buffer.alloc(random.below(limit), 33 + random.below(90));
    const headers = random.chance(0.2)
      ? ([
          ["h", bytes(20)],
          ["hh", Buffer.from("another")],
          ["", null],
        ] as const)
      : [];
    const timeMs = startMs + random.below(5) * (random.chance(0.1) ? -100_000_000_000 : 1);
    records.push({
      offset: baseOffset + i,
      timeMs,
      key: bytes(80),
      value: bytes(random.chance(0.1) ? 70_000 : 300),
      headers,
    });
  }
  const appendTimeMs = random.chance(0.5) ? startMs + 77 : undefined;
  // This compressor does not support empty input.
  const codec = (random.chance(0.5) || records.length === 0 ? 0 : random.below(5)) as Codec;
  return { baseOffset, lastOffset: baseOffset + offsets - 1, codec, appendTimeMs, producerId, records };
}

/** The records that a reader of committed records has to see, by the definition of transactions alone. */
function expectedOf({ batches, aborted }: Log, from: number): Seen[] {
  const seen: Seen[] = [];
  for (const { records, producerId, marker, appendTimeMs } of batches) {
    if (marker !== undefined) continue;
    for (const { offset, timeMs, value } of records) {
      const isAborted = aborted.some(
        (transaction) =>
          transaction.producerId === producerId && transaction.firstOffset <= offset && offset < transaction.last,
      );
      if (isAborted || offset < from) continue;
      seen.push({ offset, value: (value ?? Buffer.alloc(0)).toString("latin1"), arrivalMs: appendTimeMs ?? timeMs });
    }
  }
  return seen;
}

function seenIn(batch: RecordBatch): Seen[] {
  assert.equal(batch.ends.length, batch.count);
  const payload = Buffer.from(batch.payload);
  assert.equal(payload.length, batch.count === 0 ? 0 : batch.ends.at(-1));
  return Array.from(batch.ends, (end, i) => ({
    offset: batch.baseOffset + i,
    value: payload.toString("latin1", i === 0 ? 0 : batch.ends[i - 1], end),
    arrivalMs: typeof batch.arrivalsMs === "number" ? batch.arrivalsMs : batch.arrivalsMs[i]!,
  }));
}

/**
 * A response as a broker sends it: whole batches from the one that holds the position, the last one cut, and the
 * aborted transactions.
 */
function answerAt(log: Log, position: number, random: Random): { bytes: Buffer; aborted: AbortedTransaction[] } {
  const from = log.batches.findIndex(({ lastOffset }) => lastOffset >= position);
  const taken = log.batches.slice(from, from + 1 + random.below(6));
  const tail = log.batches[from + taken.length];
  const cut = tail === undefined ? Buffer.alloc(0) : writeBatch(tail);
  const part = cut.subarray(0, random.chance(0.5) ? 0 : random.below(cut.length));
  const last = taken.at(-1)!.lastOffset;
  const aborted = log.aborted.filter((transaction) => transaction.last >= position && transaction.firstOffset <= last);
  return { bytes: Buffer.concat([...taken.map(writeBatch), part]), aborted: random.shuffled(aborted) };
}

/** What a mapping that reads envelopes has to see of the same records. */
function envelopesOf({ batches }: Log, expected: readonly Seen[]): SeenEnvelope[] {
  const records = new Map(batches.flatMap((batch) => batch.records.map((record) => [record.offset, record])));
  return expected.map((seen) => {
    const { key, headers } = records.get(seen.offset)!;
    const textOf = (name: string): string | undefined =>
      headers.findLast(([other]) => other === name)?.[1]?.toString("latin1");
    return { ...seen, key: key?.toString("latin1"), h: textOf("h"), other: textOf("") };
  });
}

function envelopesIn(batch: RecordBatch): SeenEnvelope[] {
  const envelope = new RecordEnvelope();
  const payload = Buffer.from(batch.payload);
  const text = (bytes: Uint8Array | undefined): string | undefined =>
    bytes === undefined ? undefined : Buffer.from(bytes).toString("latin1");
  return seenIn(batch).map((seen, i) => {
    envelope.read(payload, i === 0 ? 0 : batch.ends[i - 1]!, batch.ends[i]!);
    const value = payload.toString("latin1", envelope.valueStart, envelope.valueEnd);
    const { key, header } = envelope;
    return { ...seen, value, key: text(key), h: text(header("h")), other: text(header("")) };
  });
}

function isDamage(found: RecordBatch | Damage): found is Damage {
  return "reason" in found;
}

function isInFirstOffset(batches: readonly Buffer[], at: number): boolean {
  let start = 0;
  for (const batch of batches) {
    if (at >= start && at < start + 8) return true;
    start += batch.length;
  }
  return false;
}

describe("record batches", () => {
  test("the committed records are read from any batches in any fetches, and each offset is accounted for", (t) => {
    const seed = seedOf(t);
    for (let run = 0; run < 300; run++) {
      const random = randomFrom(seed + run);
      const log = randomLog(random, random.pick([0, 5, 2 ** 33]));
      const end = log.batches.at(-1)!.lastOffset + 1;
      let position = log.batches[0]!.baseOffset + random.below(end - log.batches[0]!.baseOffset);
      const hasEnvelopes = random.chance(0.5);
      const values = expectedOf(log, position);
      const expected = hasEnvelopes ? envelopesOf(log, values) : values;
      const seen: Seen[] = [];
      const counters = newCounters();
      while (position < end) {
        const { bytes, aborted } = answerAt(log, position, random);
        const batches = new FetchedBatches(3, bytes, aborted, counters, hasEnvelopes);
        for (;;) {
          const found = batches.next(position, random.pick([1, 1000, 1_000_000]));
          if (found === undefined) break;
          assert.ok(!isDamage(found), `run ${run}: ${isDamage(found) ? found.reason : ""}`);
          assert.ok(found.baseOffset >= position && found.baseOffset + found.count <= found.nextOffset);
          assert.ok(found.nextOffset > position, "no answer without a step");
          seen.push(...(hasEnvelopes ? envelopesIn(found) : seenIn(found)));
          position = found.nextOffset;
        }
      }
      assert.deepEqual(seen, expected, `run ${run}`);
      assert.equal(counters.records, expected.length);
    }
  });

  test("a flipped bit is noticed: no wrong record is read, and every missing one is reported", (t) => {
    const seed = seedOf(t);
    for (let run = 0; run < 300; run++) {
      const random = randomFrom(seed + run);
      const log = randomLog(random, 10);
      const end = log.batches.at(-1)!.lastOffset + 1;
      const written = log.batches.map(writeBatch);
      const bytes = Buffer.concat(written);
      const at = random.below(bytes.length);
      // Kafka's checksum does not cover the first offset of a batch: another offset that fits cannot be noticed.
      if (isInFirstOffset(written, at)) continue;
      bytes[at] = bytes[at]! ^ (1 << random.below(8));
      const batches = new FetchedBatches(0, bytes, log.aborted, newCounters());
      const seen: Seen[] = [];
      let position = 10;
      let damage: Damage | undefined;
      while (damage === undefined) {
        const found = batches.next(position, 1000);
        if (found === undefined) break;
        if (isDamage(found)) damage = found;
        else {
          seen.push(...seenIn(found));
          position = found.nextOffset;
        }
      }
      const expected = expectedOf(log, 10).filter(({ offset }) => offset < position);
      assert.deepEqual(seen, expected, `run ${run}, byte ${at}`);
      // The leader's epoch is outside the checksum and has no meaning here. A longer length makes the rest a part of a
      // batch.
      if (damage === undefined && position < end) assert.ok(position <= end);
    }
  });

  test("a damaged batch is reported alone: earlier records are given, and later ones can be read", () => {
    const records = (from: number): WrittenRecord[] =>
      [0, 1].map((i) => ({ offset: from + i, timeMs: 1, key: null, value: Buffer.from(`v${from + i}`), headers: [] }));
    const make = (from: number, codec: Codec = 0): Buffer =>
      writeBatch({ baseOffset: from, lastOffset: from + 1, codec, records: records(from) });
    for (const codec of [0, 1, 2, 3, 4] as const) {
      const damaged = make(2, codec);
      damaged[damaged.length - 1] = damaged.at(-1)! ^ 1;
      const bytes = Buffer.concat([make(0, codec), damaged, make(4, codec)]);
      const batches = new FetchedBatches(0, bytes, [], newCounters());
      const first = batches.next(0, 1_000_000) as RecordBatch;
      assert.equal(first.nextOffset, 2);
      const damage = batches.next(2, 1_000_000) as Damage;
      assert.equal(damage.resumeAt, 4);
      assert.match(damage.reason, /offset 2 is damaged: its checksum/);
    }
  });

  test("offsets that no batch explains are damage, with the offset where the log continues", () => {
    const one = (offset: number): Buffer => {
      const records = [{ offset, timeMs: 1, key: null, value: Buffer.from("x"), headers: [] }];
      return writeBatch({ baseOffset: offset, lastOffset: offset, codec: 0, records });
    };
    const batches = new FetchedBatches(0, Buffer.concat([one(5), one(9)]), [], newCounters());
    const below = batches.next(3, 100) as Damage;
    assert.deepEqual([below.from, below.resumeAt], [3, 5]);
    assert.equal((batches.next(5, 100) as RecordBatch).nextOffset, 6);
    const between = batches.next(6, 100) as Damage;
    assert.deepEqual([between.from, between.resumeAt], [6, 9]);
  });

  test("a batch with a valid checksum and invalid content is damage, too", () => {
    const records = [{ offset: 0, timeMs: 1, key: null, value: Buffer.from("x"), headers: [] }];
    const tooMany = writeBatch({
      baseOffset: 0,
      lastOffset: 1,
      codec: 0,
      records: [...records, { ...records[0]!, offset: 0 }],
    });
    const found = new FetchedBatches(0, tooMany, [], newCounters()).next(0, 100) as Damage;
    assert.match(found.reason, /contradicts itself/);
  });

  test("a part of a batch gives no records", () => {
    const value = Buffer.alloc(5000, 65);
    const records = [{ offset: 0, timeMs: 1, key: null, value, headers: [] }];
    const whole = writeBatch({ baseOffset: 0, lastOffset: 0, codec: 0, records });
    const batches = new FetchedBatches(0, whole.subarray(0, 100), [], newCounters());
    assert.equal(batches.next(0, 100), undefined);
  });
});
