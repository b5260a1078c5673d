/**
 * What every origin must do, wherever its records come from: the same tests for all. An origin gives an empty place to read from
 * (`CreateOrigin`). Here the positions are kept as JSON text, as `PositionFile` keeps them.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { MappedRecord } from "../../../src/mapping/mapper.ts";
import {
  ORIGIN_BATCH_BYTES_MAX,
  ORIGIN_BATCH_RECORDS_MAX,
  type Origin,
  type OriginBatch,
  POSITION_BYTES_MAX,
} from "../../../src/sources/feeders/origin.ts";
import { randomFrom, seedOf } from "../../support/seed.ts";

type OriginUnderTest = {
  /** Opens the origin as after a start of the process. One is open at a time. */
  open(endsAtEnd: boolean): Origin;
  /** Adds so many records, and returns what `idOf` says of each, in the order in which they are to be read. */
  append(count: number): Promise<string[]>;
  /** A text by which the test recognises a record. */
  idOf(record: MappedRecord): string;
};

/** Makes an empty place to read from, and releases it after the test. */
type CreateOrigin = (t: TestContext) => Promise<OriginUnderTest>;

const WAIT_LIMIT_MS = 60_000;
const TEXT_CHARS_MAX = 200;
const STEPS = 60;

function limit(): AbortSignal {
  return AbortSignal.timeout(WAIT_LIMIT_MS);
}

/** A reader of one place, which remembers its kept position as text and can start anew. */
class Reading {
  readonly #place: OriginUnderTest;
  #origin: Origin;
  kept: string | undefined;

  constructor(place: OriginUnderTest, endsAtEnd: boolean) {
    this.#place = place;
    this.#origin = place.open(endsAtEnd);
  }

  get origin(): Origin {
    return this.#origin;
  }

  /** Reads a batch at the kept position, and does not keep its own. */
  async read(signal = limit()): Promise<OriginBatch | undefined> {
    const batch = await this.#origin.read(this.kept === undefined ? undefined : JSON.parse(this.kept), signal);
    if (batch !== undefined) checkBatch(batch, this.#origin);
    return batch;
  }

  keep({ position }: OriginBatch): void {
    this.kept = JSON.stringify(position);
  }

  idsOf({ records }: OriginBatch): string[] {
    return records.map((record) => this.#place.idOf(record));
  }

  /** Reads and keeps until the end of an origin that ends there, or until there are so many. */
  async readAll(count = Number.POSITIVE_INFINITY): Promise<string[]> {
    const ids: string[] = [];
    while (ids.length < count) {
      const batch = await this.read();
      if (batch === undefined) break;
      ids.push(...this.idsOf(batch));
      this.keep(batch);
    }
    return ids;
  }

  /** Reads and keeps until the signal ends it. */
  async readUntil(signal: AbortSignal): Promise<never> {
    for (;;) {
      const batch = await this.read(signal);
      if (batch !== undefined) this.keep(batch);
    }
  }

  /** As after a kill: only the kept position is left. */
  async restart(endsAtEnd: boolean): Promise<void> {
    await this.#origin.close();
    this.#origin = this.#place.open(endsAtEnd);
  }
}

/** The rules that every batch obeys. */
function checkBatch({ records, position, behind }: OriginBatch, origin: Origin): void {
  assert.ok(records.length <= ORIGIN_BATCH_RECORDS_MAX);
  const bytes = records.reduce((sum, { start, end }) => sum + end - start, 0);
  assert.ok(records.length <= 1 || bytes <= ORIGIN_BATCH_BYTES_MAX);
  const text = JSON.stringify(position);
  assert.ok(Buffer.byteLength(text) <= POSITION_BYTES_MAX);
  assert.deepEqual(JSON.parse(text), position, "a position is the same after it was kept");
  const shown = origin.positionText(position);
  assert.ok(shown !== "" && shown.length <= TEXT_CHARS_MAX, `the position as a text: "${shown}"`);
  if (behind !== undefined) assert.ok(Number.isSafeInteger(behind.count) && behind.count >= 0);
}

/** Registers the tests of the contract. */
export function originContract(name: string, create: CreateOrigin): void {
  test(`${name}: records come once and in order, until the end`, async (t) => {
    const place = await create(t);
    const wanted = [...(await place.append(7)), ...(await place.append(5))];
    const reading = new Reading(place, true);
    assert.deepEqual(await reading.readAll(), wanted);
    assert.equal(await reading.read(), undefined, "the end stays the end");
    const more = await place.append(3);
    assert.deepEqual(await reading.readAll(), more, "and it goes on when there is more");
    await reading.origin.close();
  });

  test(`${name}: an empty origin ends at once`, async (t) => {
    const place = await create(t);
    const reading = new Reading(place, true);
    assert.deepEqual(await reading.readAll(), []);
    await reading.origin.close();
  });

  test(`${name}: more records than one batch holds`, async (t) => {
    const place = await create(t);
    const wanted = await place.append(ORIGIN_BATCH_RECORDS_MAX + 1);
    const reading = new Reading(place, true);
    assert.deepEqual(await reading.readAll(), wanted);
    await reading.origin.close();
  });

  test(`${name}: each kept position continues behind its batch, in a new process`, async (t) => {
    const place = await create(t);
    const reading = new Reading(place, false);
    const wanted: string[] = [];
    const kept: { position: string; from: number }[] = [];
    for (const count of [1, 4, 2, 9]) {
      wanted.push(...(await place.append(count)));
      let seen = 0;
      while (seen < count) {
        const batch = await reading.read();
        assert.ok(batch !== undefined);
        seen += batch.records.length;
        reading.keep(batch);
      }
      kept.push({ position: reading.kept!, from: wanted.length });
    }
    await reading.origin.close();
    for (const { position, from } of kept) {
      const again = new Reading(place, true);
      again.kept = position;
      assert.deepEqual(await again.readAll(), wanted.slice(from));
      await again.origin.close();
    }
  });

  test(`${name}: a batch whose position was not kept comes again`, async (t) => {
    const place = await create(t);
    const wanted = await place.append(6);
    const reading = new Reading(place, true);
    for (const restarts of [false, true]) {
      const batch = await reading.read();
      assert.ok(batch !== undefined);
      if (restarts) await reading.restart(true);
    }
    assert.deepEqual(await reading.readAll(), wanted);
    await reading.origin.close();
  });

  test(`${name}: a read waits for the next record`, async (t) => {
    const place = await create(t);
    const reading = new Reading(place, false);
    const before = await place.append(2);
    assert.deepEqual(await reading.readAll(2), before);
    const waiting = reading.readAll(3);
    const more = await place.append(3);
    assert.deepEqual(await waiting, more);
    await reading.origin.close();
  });

  test(`${name}: an abort ends a read that waits, and the next one continues`, async (t) => {
    const place = await create(t);
    const reading = new Reading(place, false);
    await place.append(2);
    await reading.readAll(2);
    const stop = new AbortController();
    const reason = new Error("stop");
    const waiting = reading.readUntil(stop.signal);
    setImmediate(() => stop.abort(reason));
    await assert.rejects(waiting);
    const more = await place.append(1);
    assert.deepEqual(await reading.readAll(1), more);
    const aborted = AbortSignal.abort(reason);
    await assert.rejects(reading.readUntil(aborted), "an abort that came before");
    await reading.origin.close();
  });

  test(`${name}: the same settings have the same identity, and nothing need be read before a close`, async (t) => {
    const place = await create(t);
    const first = place.open(false);
    const { identity } = first;
    await first.close();
    const second = place.open(true);
    assert.equal(second.identity, identity);
    await second.close();
  });

  test(`${name}: with kills at random moments nothing is skipped, and only batches that were not kept come again`, async (t) => {
    const random = randomFrom(seedOf(t));
    const place = await create(t);
    const reading = new Reading(place, true);
    const wanted: string[] = [];
    const kept: string[] = [];
    for (let step = 0; step < STEPS; step++) {
      if (random.chance(0.4)) wanted.push(...(await place.append(1 + random.below(20))));
      if (random.chance(0.3)) await reading.restart(true);
      const batch = await reading.read();
      if (batch === undefined || random.chance(0.3)) continue;
      kept.push(...reading.idsOf(batch));
      reading.keep(batch);
    }
    kept.push(...(await reading.readAll()));
    assert.deepEqual(kept, wanted);
    await reading.origin.close();
  });
}
