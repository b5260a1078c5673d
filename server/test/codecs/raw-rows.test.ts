import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type RawEvent, RawRowWriter, readRawRows } from "../../src/codecs/raw-rows.ts";
import { PartitionEngine } from "../../src/engine/partition-engine.ts";
import { BatchApplier } from "../../src/pipeline/batch-applier.ts";
import { NO_CHAIN_ADDRESSES } from "../../src/shared/token-id.ts";
import { engineConfigOf } from "../engine/pair.ts";
import { rowOf } from "../engine/settled-run.ts";
import { decodeLine } from "../model/model-decoder.ts";
import { NaiveModel } from "../model/naive-model.ts";
import { defaultConfig, loadVector, vectorNames } from "../model/vectors.ts";
import { TEST_SEED } from "../support/hash-seed.ts";
import { randomFrom, seedOf } from "../support/seed.ts";

const encoder = new TextEncoder();
const BASE_OFFSET = 2 ** 40;
const ARRIVAL_STEP_MS = 0.25;

function wantedRows(lines: readonly string[], arrival: number): RawEvent[] {
  const model = new NaiveModel(defaultConfig);
  return lines.flatMap((line, i) => {
    const decoded = decodeLine(line);
    if (!("event" in decoded)) return [];
    const arrivalMs = arrival + i * ARRIVAL_STEP_MS;
    const outcome = model.apply(decoded.event, arrivalMs);
    const { price: _, ...swap } = rowOf(decoded.event, 0);
    return [{ ...swap, offset: BASE_OFFSET + i, index: 0, arrivalMs, isRemoval: decoded.event.removed, outcome }];
  });
}

describe("each event that can be decoded becomes a raw event, whatever its outcome", () => {
  for (const name of vectorNames) {
    test(`the vector ${name}`, (t) => {
      const random = randomFrom(seedOf(t));
      const { lines, expected } = loadVector(name);
      const texts = lines.map((line) => encoder.encode(line));
      let end = 0;
      const ends = Uint32Array.from(texts, (text) => (end += text.length));
      const engine = new PartitionEngine(engineConfigOf(defaultConfig), TEST_SEED);
      const writer = new RawRowWriter();
      const applier = new BatchApplier(
        engine,
        () => {},
        () => {},
        NO_CHAIN_ADDRESSES,
        writer,
      );
      const batch = {
        partition: 0,
        baseOffset: BASE_OFFSET,
        nextOffset: BASE_OFFSET + lines.length,
        count: lines.length,
        payload: Buffer.concat(texts),
        ends,
        arrivalsMs: Float64Array.from(lines, (_, i) => expected.arrival + i * ARRIVAL_STEP_MS),
      };
      const rows: RawEvent[] = [];
      for (let done = 0; done < batch.count; ) {
        done = applier.applySlice(batch, done, 0);
        if (random.chance(0.5) && done < batch.count) continue;
        const chunk = writer.cut();
        if (chunk === undefined) continue;
        const cut = [...readRawRows(chunk.bytes, NO_CHAIN_ADDRESSES)];
        assert.deepEqual([cut.length, cut.at(-1)?.offset], [chunk.count, chunk.lastOffset]);
        rows.push(...cut);
      }
      assert.deepEqual(rows, wantedRows(lines, expected.arrival));
      assert.equal(writer.cut(), undefined);
    });
  }
});

describe("raw events in bytes", () => {
  const swap = encoder.encode(loadVector("dense").lines[0]);
  const write = (writer: RawRowWriter, offset: number) =>
    writer.applied(swap, 0, swap.length, 1, offset, 2, "too_many_chains");

  test("bytes are the same whatever the buffer held before, also after it has grown", () => {
    const fresh = new RawRowWriter();
    write(fresh, 5);
    const wanted = fresh.cut();
    const used = new RawRowWriter();
    for (let i = 0; i < 20_000; i++) write(used, i);
    assert.equal([...readRawRows(used.cut()!.bytes, NO_CHAIN_ADDRESSES)].length, 20_000);
    used.applied(new Uint8Array(swap.length + 5).fill(255), 0, swap.length + 5, 1, 1, 1, "late");
    used.cut();
    write(used, 5);
    assert.deepEqual(used.cut(), wanted);
  });

  test("spare memory is written to, whatever it held; without it a small chunk is copied, and a large one leaves with its memory", () => {
    const spare = new Uint8Array(300 * 1024).fill(255);
    const spares = [spare];
    const writer = new RawRowWriter(() => spares.pop());
    const chunkOf = (count: number): Uint8Array<ArrayBuffer> => {
      for (let i = 0; i < count; i++) write(writer, i);
      return writer.cut()!.bytes;
    };
    const first = chunkOf(3);
    assert.equal(first.buffer.byteLength, 256 * 1024, "its memory leaves, because there is other");
    const second = chunkOf(3);
    assert.deepEqual(second, first);
    assert.equal(second.buffer.byteLength, second.length, "a small chunk is copied");
    const many = Math.ceil((200 * 1024) / swap.length);
    const third = chunkOf(many);
    assert.equal(third.buffer, spare.buffer);
    assert.deepEqual(
      [...readRawRows(third, NO_CHAIN_ADDRESSES)].map(({ offset }) => offset),
      [...Array(many).keys()],
    );
    assert.deepEqual(chunkOf(3), first, "its new memory");
    assert.deepEqual(second, first, "a copy stays");
  });

  test("other bytes are refused", () => {
    const writer = new RawRowWriter();
    write(writer, 1);
    const { bytes } = writer.cut()!;
    const otherForm = Uint8Array.from(bytes);
    otherForm[0] = 2;
    const otherOutcome = Uint8Array.from(bytes);
    otherOutcome[8 + 8 + 23] = 9;
    for (const other of [new Uint8Array(), otherForm, otherOutcome, bytes.slice(0, -8)]) {
      assert.throws(() => [...readRawRows(other, NO_CHAIN_ADDRESSES)], RangeError);
    }
  });
});
