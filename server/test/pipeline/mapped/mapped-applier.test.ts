import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type RawEvent, RawRowWriter, readRawRows } from "../../../src/codecs/raw-rows.ts";
import { PartitionEngine } from "../../../src/engine/partition-engine.ts";
import { GENERATOR_DEFAULTS } from "../../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../../src/generator/swap-generator.ts";
import { RedoWriter, readRedo } from "../../../src/pipeline/checkpoint/redo-writer.ts";
import { EventApplier } from "../../../src/pipeline/event-applier.ts";
import { MappedApplier } from "../../../src/pipeline/mapped/mapped-applier.ts";
import { applyKept } from "../../../src/pipeline/mapped/restored-records.ts";
import type { RecordBatch } from "../../../src/ports/source.ts";
import { NO_CHAIN_ADDRESSES } from "../../../src/shared/token-id.ts";
import { DEAD_LETTER_RAW_BYTES_MAX } from "../../../src/stores/dead-letter-store.ts";
import { START_MS } from "../../sources/embedded/log-support.ts";
import { TEST_SEED } from "../../support/hash-seed.ts";
import { type Random, randomFrom, seedOf } from "../../support/seed.ts";
import { CONFIG, imageOf } from "../checkpoint/engine-life.ts";
import { type Script, ScriptedMapper } from "./scripted-mapper.ts";

/** The most that a mapper makes of one record. */
const RECORD_EVENTS = 10_000;

type Letter = { readonly offset: number; readonly code: string; readonly message: string; readonly raw: string };

/** An engine, and the letters of what was applied to it. */
class Side {
  readonly engine = new PartitionEngine(CONFIG, TEST_SEED);
  readonly raw = new RawRowWriter();
  readonly events = new EventApplier(this.engine, () => {}, NO_CHAIN_ADDRESSES, this.raw);
  readonly letters: Letter[] = [];

  keepLetter = (letter: Omit<Letter, "raw">, bytes: Uint8Array, start: number, end: number): void => {
    const { offset, code, message } = letter;
    const raw = Buffer.from(bytes.subarray(start, end)).toString();
    this.letters.push({ offset, code, message, raw });
  };
}

/** Texts of swaps of every kind, of one that is too far ahead, and of texts that are no swaps. */
class EventTexts {
  readonly #generator: SwapGenerator;
  readonly #bytes = Buffer.alloc(RECORD_BYTES_MAX);
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
    const shares = { duplicates: 0.05, late: 0.02, future: 0.02, removed: 0.05 };
    this.#generator = new SwapGenerator({
      ...GENERATOR_DEFAULTS,
      ...shares,
      ratePerSecond: 20,
      tokens: 30,
      traders: 100,
      seed: random.below(2 ** 31),
      startMs: START_MS,
    });
  }

  next(): string {
    const end = this.#generator.write(this.#bytes, 0);
    const text = this.#bytes.toString("utf8", 0, end - 1);
    if (this.#random.chance(0.9)) return text;
    return this.#random.pick(["{", "", "[", "!", '{"a":"]"}', text.replace('"side"', '"sid"'), "x".repeat(70_000)]);
  }
}

function randomScript(random: Random, texts: EventTexts): Script {
  if (random.chance(0.05)) return { code: random.pick(["malformed_json", "record_too_large"] as const) };
  const count = random.chance(0.6) ? 1 : random.chance(0.02) ? 300 : random.below(5);
  const schema = random.chance(0.05) ? { schema: random.below(3) } : {};
  return { events: Array.from({ length: count }, () => texts.next()), skipped: random.below(3), ...schema };
}

function batchOf(scripts: readonly Script[], baseOffset: number, random: Random): RecordBatch {
  const texts = scripts.map((script) => Buffer.from(JSON.stringify(script)));
  let end = 0;
  const ends = Uint32Array.from(texts, (text) => (end += text.length));
  const nextOffset = baseOffset + scripts.length;
  const arrivals = scripts.map((_, i) => START_MS + (baseOffset + i) * 60);
  const arrivalsMs = random.chance(0.5) ? arrivals[0]! : Float64Array.from(arrivals);
  return {
    partition: 0,
    baseOffset,
    nextOffset,
    count: scripts.length,
    payload: Buffer.concat(texts),
    ends,
    arrivalsMs,
  };
}

/** Applies a batch as the owner of a partition does. */
async function applyBatch(
  applier: MappedApplier,
  batch: RecordBatch,
  redo: RedoWriter,
  sliceMs: number,
): Promise<void> {
  for (let done = 0; done < batch.count; ) {
    done = applier.applySlice(batch, done, sliceMs);
    if (done === batch.count || applier.isKeepDue) applier.keep(batch, redo);
    if (applier.needsSchema) await applier.loadSchema(new AbortController().signal);
  }
}

/** Applies a redo to a new engine, as a restore does. */
function restored(content: Uint8Array): Side {
  const side = new Side();
  for (const entry of readRedo(content, 0)) {
    assert.ok(entry.type === "batch" && entry.isMapped);
    applyKept(entry.batch, side.events, side.keepLetter);
  }
  return side;
}

function rawEvents({ raw }: Side): RawEvent[] {
  const chunk = raw.cut();
  return chunk === undefined ? [] : [...readRawRows(chunk.bytes, NO_CHAIN_ADDRESSES)];
}

/** Asserts that each event that could be decoded is kept once, with its place, and that the outcomes are those of the counters. */
function assertRawEvents(engine: PartitionEngine, raw: readonly RawEvent[]): void {
  const { accepted, applied, duplicates, late, removed, unresolved, dead_letters } = engine.counters;
  const undecoded = Object.values(dead_letters).reduce((sum, count) => sum + count, 0);
  assert.equal(raw.length, accepted - undecoded);
  const places = new Set<string>();
  const counts: Record<string, number> = {};
  for (const { offset, index, outcome } of raw) {
    places.add(`${offset} ${index}`);
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  }
  assert.equal(places.size, raw.length);
  const wanted = {
    applied,
    duplicate: duplicates,
    late,
    removed,
    unresolved,
    quarantined: engine.counters.quarantined,
  };
  for (const [outcome, times] of Object.entries(wanted)) assert.equal(counts[outcome] ?? 0, times, outcome);
}

/** As the store of dead letters keeps them. */
const kept = (letters: readonly Letter[]): Letter[] =>
  letters.map((letter) => ({ ...letter, raw: letter.raw.slice(0, DEAD_LETTER_RAW_BYTES_MAX) }));

describe("mapped records", () => {
  test("a restore gives the same state and the same dead letters without the mapping, whatever records became", async (t) => {
    const random = randomFrom(seedOf(t));
    for (let run = 0; run < 40; run++) {
      const live = new Side();
      const texts = new EventTexts(random);
      const applier = new MappedApplier(new ScriptedMapper(), live.events, live.keepLetter);
      const redo = new RedoWriter();
      let offset = random.below(1000);
      let records = 0;
      let events = 0;
      for (let batches = 1 + random.below(6); batches > 0; batches--) {
        const scripts = Array.from({ length: 1 + random.below(60) }, () => randomScript(random, texts));
        const batch = batchOf(scripts, offset, random);
        await applyBatch(applier, batch, redo, random.pick([0, 0.2, Number.POSITIVE_INFINITY]));
        offset = batch.nextOffset + random.below(3);
        records += scripts.length;
        for (const script of scripts) events += script.code === undefined ? script.events!.length : 1;
      }
      assert.equal(applier.numbers.records, records);
      assert.equal(live.engine.counters.accepted, events);
      const again = restored(redo.take().content);
      assert.deepEqual(again.engine.counters, live.engine.counters);
      const raw = rawEvents(live);
      assertRawEvents(live.engine, raw);
      assert.deepEqual(rawEvents(again), raw, "the raw events after a restore");
      assert.ok(imageOf(again.engine).equals(imageOf(live.engine)), `run ${run}`);
      assert.deepEqual(again.letters, kept(live.letters));
    }
  });

  test("a record has one dead letter, which names the first refused events and counts the others", async () => {
    const side = new Side();
    const applier = new MappedApplier(new ScriptedMapper(), side.events, side.keepLetter);
    const random = randomFrom(1);
    const swap = new EventTexts(random).next();
    const scripts: Script[] = [
      { events: [swap, "{}", "{", "{}", "{}", "{}"] },
      { events: ["{}"] },
      { code: "malformed_json" },
    ];
    const batch = batchOf(scripts, 7, random);
    await applyBatch(applier, batch, new RedoWriter(), Number.POSITIVE_INFINITY);
    const codes = side.letters.map(({ offset, code, message }) => [offset, code, message]);
    assert.deepEqual(codes, [
      [
        7,
        "missing_field",
        "swap 1 of 6: missing_field: event 1 missing_field; swap 2 of 6: malformed_json: event 2 malformed_json; " +
          "swap 3 of 6: missing_field: event 3 missing_field; and 2 more",
      ],
      [8, "missing_field", "event 0 missing_field"],
      [9, "malformed_json", "record malformed_json"],
    ]);
    assert.deepEqual(
      side.letters.map(({ raw }) => JSON.parse(raw)),
      scripts,
    );
    assert.deepEqual(side.engine.counters.dead_letters, { missing_field: 5, malformed_json: 2 });
  });

  test("records without swaps are counted, and change no state", async () => {
    const side = new Side();
    const applier = new MappedApplier(new ScriptedMapper(), side.events, side.keepLetter);
    const redo = new RedoWriter();
    const batch = batchOf([{ skipped: 2 }, { events: [], skipped: 1 }], 0, randomFrom(1));
    await applyBatch(applier, batch, redo, Number.POSITIVE_INFINITY);
    assert.deepEqual(applier.numbers, { records: 2, skipped: 3 });
    const again = restored(redo.take().content);
    assert.deepEqual([again.engine.counters.accepted, side.engine.counters.accepted], [0, 0]);
  });

  test("the redo takes parts of a batch whose records make much, and a record may make as many events as allowed", async () => {
    const side = new Side();
    const applier = new MappedApplier(new ScriptedMapper(), side.events, side.keepLetter);
    const redo = new RedoWriter();
    const texts = new EventTexts(randomFrom(3));
    const large: Script = { events: Array.from({ length: RECORD_EVENTS }, () => texts.next()) };
    const batch = batchOf([large, large, large, {}], 0, randomFrom(1));
    await applyBatch(applier, batch, redo, Number.POSITIVE_INFINITY);
    const content = redo.take().content;
    assert.ok([...readRedo(content, 0)].length > 1, "the batch was kept as a whole");
    assert.ok(imageOf(restored(content).engine).equals(imageOf(side.engine)));
  });

  test("a redo that is no redo of mapped records is refused", async () => {
    const side = new Side();
    const payload = Buffer.from("?");
    const batch = {
      partition: 0,
      baseOffset: 0,
      nextOffset: 1,
      count: 1,
      payload,
      ends: Uint32Array.of(1),
      arrivalsMs: 1,
    };
    assert.throws(() => applyKept(batch, side.events, side.keepLetter), RangeError);
  });
});
