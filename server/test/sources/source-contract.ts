/**
 * What every source must do, wherever its records come from: the same tests for all. A source gives an empty stream of one partition
 * (`CreateStream`), and registers the parts of the contract that apply to it.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { OffsetRange, PartitionReader } from "../../src/ports/source.ts";
import { SwapstatsError } from "../../src/shared/errors.ts";
import { randomFrom, seedOf } from "../support/seed.ts";

type StreamUnderTest = {
  /** Opens the partition as a worker does. One reader at a time. */
  open(): PartitionReader;
  /** Appends swaps, durably and in this order, as one batch where the source has batches. */
  append(swaps: readonly string[]): Promise<void>;
};
/** Makes an empty stream, and releases it after the test. */
export type CreateStream<Stream extends StreamUnderTest = StreamUnderTest> = (t: TestContext) => Promise<Stream>;

/** A stream that removes its oldest records. */
export type TrimmedStream = StreamUnderTest & {
  /** Removes records below this position, as far as the source's own units go; resolves when at least the first one is gone. */
  trim(before: number, reader: PartitionReader): Promise<void>;
};
/** A stream that notices damage by itself. */
export type DamagedStream = StreamUnderTest & {
  /** Changes a byte of this stored swap; nothing is open. */
  damage(swap: string): Promise<void>;
};
/** A stream that is reached over a connection. */
export type InterruptedStream = StreamUnderTest & {
  /** Ends all connections, and resolves when the server can be reached again. */
  interrupt(): Promise<void>;
};

type Seen = { readonly position: number; readonly swap: string };

/** The limit of every wait: far beyond what any takes, so that a test that hangs says where. */
const WAIT_LIMIT_MS = 60_000;
const MANY_BYTES = 1_000_000;

function limit(): AbortSignal {
  return AbortSignal.timeout(WAIT_LIMIT_MS);
}

/** Swaps that the service accepts, each different, of about so many bytes. */
function swaps(from: number, count: number, bytes = 200): string[] {
  return Array.from({ length: count }, (_, i) => {
    const place = { chain_id: 1, tx_hash: `0x${(from + i + 1).toString(16)}`, log_index: 0, token: "0xa", side: "buy" };
    const swap = { ...place, amount_token: "1", amount_usd: "2.5", event_time: 1_767_225_600_000 + from + i };
    return JSON.stringify({ ...swap, note: "x".repeat(Math.max(1, bytes - 160)) });
  });
}

/** One batch, held against the rules that every batch obeys. */
async function readOnce(
  reader: PartitionReader,
  position: number,
  maxBytes: number,
): Promise<{ seen: Seen[]; next: number }> {
  const batch = await reader.read(position, maxBytes, limit());
  const { baseOffset, nextOffset, count, payload, ends, arrivalsMs } = batch;
  assert.ok(baseOffset >= position, `a batch from ${baseOffset} at position ${position}`);
  assert.ok(
    nextOffset > position && nextOffset >= baseOffset + count,
    `${count} records from ${baseOffset} to ${nextOffset}`,
  );
  const seen = Array.from({ length: count }, (_, i) => {
    const swap = new TextDecoder().decode(payload.slice(i === 0 ? 0 : ends[i - 1], ends[i]));
    const arrivalMs = typeof arrivalsMs === "number" ? arrivalsMs : arrivalsMs[i];
    assert.ok(arrivalMs !== undefined && arrivalMs > 0, `arrival ${arrivalMs} of record ${baseOffset + i}`);
    return { position: baseOffset + i, swap };
  });
  return { seen, next: nextOffset };
}

/** So many records from a position on. */
async function readOn(reader: PartitionReader, from: number, count: number, maxBytes = MANY_BYTES): Promise<Seen[]> {
  const all: Seen[] = [];
  for (let position = from; all.length < count; ) {
    const { seen, next } = await readOnce(reader, position, maxBytes);
    all.push(...seen);
    position = next;
  }
  return all;
}

/** The range, asked for again while the stream cannot be reached. */
async function rangeOf(reader: PartitionReader): Promise<OffsetRange> {
  for (const signal = limit(); ; signal.throwIfAborted()) {
    try {
      return await reader.range();
    } catch (error) {
      if (!(error instanceof SwapstatsError) || !error.retryable) throw error;
    }
  }
}

const textsOf = (seen: readonly Seen[]): string[] => seen.map(({ swap }) => swap);

/** Reads from the beginning until there is damage; gives what came before and its position. */
async function readToDamage(reader: PartitionReader): Promise<{ seen: Seen[]; position: number }> {
  const seen: Seen[] = [];
  let { startOffset: position } = await rangeOf(reader);
  for (;;) {
    try {
      const batch = await readOnce(reader, position, MANY_BYTES);
      seen.push(...batch.seen);
      position = batch.next;
    } catch (error) {
      assert.equal((error as { code?: string }).code, "log_damaged");
      return { seen, position };
    }
  }
}

/** The part that every source has. */
export function sourceContract(create: CreateStream): void {
  registerReading(create);
  registerEnds(create);

  test("closing ends a read that waits, and may be repeated; the partition can be opened again", async (t) => {
    const stream = await create(t);
    await stream.append(swaps(0, 3));
    const reader = stream.open();
    const last = (await readOn(reader, 0, 3)).at(-1)!;
    const waiting = reader.read(last.position + 1, MANY_BYTES, limit());
    await reader.close();
    await assert.rejects(waiting, { code: "unavailable" });
    await reader.close();
    await assert.rejects(reader.read(0, MANY_BYTES, limit()), { code: "unavailable" });
    const again = stream.open();
    assert.deepEqual(textsOf(await readOn(again, 0, 3)), swaps(0, 3));
    await again.close();
  });

  test("a take-over at the end of the stream is accepted, and above the end the stream is extended or refuses", async (t) => {
    const stream = await create(t);
    await stream.append(swaps(0, 2));
    const reader = stream.open();
    await readOn(reader, 0, 2);
    const { endOffset } = await reader.range();
    await reader.openAt(endOffset, undefined, limit());
    if (reader.isOwn) {
      await reader.openAt(endOffset + 7, undefined, limit());
      await stream.append(swaps(2, 1));
      const [record] = await readOn(reader, endOffset + 7, 1);
      assert.deepEqual(record, { position: endOffset + 7, swap: swaps(2, 1)[0] });
    } else {
      await assert.rejects(reader.openAt(endOffset + 7, undefined, limit()), { code: "log_damaged" });
    }
    await reader.close();
  });
}

function registerReading(create: CreateStream): void {
  test("records are returned once, whole and in order, whatever size is requested", async (t) => {
    const stream = await create(t);
    const random = randomFrom(seedOf(t));
    const sent: string[] = [];
    for (let i = 0; i < 20; i++) {
      const batch = swaps(sent.length, 1 + random.below(40), 170 + random.below(400));
      await stream.append(batch);
      sent.push(...batch);
    }
    const reader = stream.open();
    for (const maxBytes of [1, 3_000, MANY_BYTES]) {
      const seen = await readOn(reader, 0, sent.length, maxBytes);
      assert.deepEqual(textsOf(seen), sent);
      assert.ok(seen.every(({ position }, i) => i === 0 || position > seen[i - 1]!.position));
    }
    assert.equal(reader.problem, undefined);
    await reader.close();
  });

  test("the caller may read any position again, whatever was read or released before", async (t) => {
    const stream = await create(t);
    const random = randomFrom(seedOf(t));
    for (let i = 0; i < 10; i++) await stream.append(swaps(i * 10, 10));
    const reader = stream.open();
    const all = await readOn(reader, 0, 100);
    await reader.release(all[50]!.position);
    for (let i = 0; i < 12; i++) {
      const from = random.below(all.length);
      const seen = await readOn(reader, all[from]!.position, 1, 1 + random.below(4_000));
      assert.deepEqual(seen, all.slice(from, from + seen.length));
    }
    await reader.close();
    const again = stream.open();
    assert.deepEqual(await readOn(again, all[95]!.position, 5), all.slice(95));
    await again.close();
  });
}

function registerEnds(create: CreateStream): void {
  test("an empty stream begins at its end, and a read waits there for the first record", async (t) => {
    const stream = await create(t);
    const reader = stream.open();
    const { startOffset, endOffset } = await rangeOf(reader);
    assert.equal(startOffset, endOffset);
    await reader.openAt(endOffset, undefined, limit());
    const waiting = readOn(reader, endOffset, 1);
    await stream.append(swaps(0, 1));
    assert.deepEqual(textsOf(await waiting), swaps(0, 1));
    await reader.close();
  });

  test("the range and the known end follow the stream", async (t) => {
    const stream = await create(t);
    await stream.append(swaps(0, 5));
    const reader = stream.open();
    const last = (await readOn(reader, 0, 5)).at(-1)!;
    assert.ok(reader.knownEnd > last.position);
    await stream.append(swaps(5, 5));
    const end = (await readOn(reader, last.position + 1, 5)).at(-1)!;
    while ((await reader.range()).endOffset <= end.position) limit().throwIfAborted();
    assert.ok((await reader.range()).startOffset <= last.position);
    await reader.close();
  });

  test("a read that waits at the end rejects with the reason of its signal, and the reader stays usable", async (t) => {
    const stream = await create(t);
    await stream.append(swaps(0, 2));
    const reader = stream.open();
    await readOn(reader, 0, 2);
    const { endOffset } = await reader.range();
    const stop = new AbortController();
    const waiting = reader.read(endOffset, MANY_BYTES, stop.signal);
    stop.abort(new Error("enough"));
    await assert.rejects(waiting, /enough/);
    await assert.rejects(reader.read(endOffset, MANY_BYTES, stop.signal), /enough/);
    const next = readOn(reader, endOffset, 1);
    await stream.append(swaps(2, 1));
    assert.deepEqual(textsOf(await next), swaps(2, 1));
    await reader.close();
  });

  test("a position above the end is damage without a position to continue", async (t) => {
    const stream = await create(t);
    await stream.append(swaps(0, 2));
    const reader = stream.open();
    await readOn(reader, 0, 2);
    const above = (await reader.range()).endOffset + 5;
    await assert.rejects(reader.read(above, MANY_BYTES, limit()), { code: "log_damaged" });
    assert.ok(reader.resumeAfter(above) <= above);
    assert.deepEqual(textsOf(await readOn(reader, 0, 2)), swaps(0, 2));
    await reader.close();
  });
}

/** For a source that removes old records. */
export function trimContract(create: CreateStream<TrimmedStream>): void {
  test("a position below the first record is damage, and reports where the stream begins", async (t) => {
    const stream = await create(t);
    for (let i = 0; i < 4; i++) await stream.append(swaps(i * 5, 5));
    const reader = stream.open();
    const all = await readOn(reader, 0, 20);
    await stream.trim(all[10]!.position, reader);
    for (let i = 0; i < 2; i++) {
      await assert.rejects(reader.read(all[0]!.position, MANY_BYTES, limit()), { code: "log_damaged" });
    }
    const { startOffset } = await reader.range();
    assert.ok(startOffset > all[0]!.position && startOffset <= all[10]!.position, `begins at ${startOffset}`);
    assert.equal(reader.resumeAfter(all[0]!.position), startOffset);
    const kept = all.filter(({ position }) => position >= startOffset);
    assert.deepEqual(await readOn(reader, startOffset, kept.length).then((seen) => seen.slice(0, kept.length)), kept);
    await reader.close();
  });
}

/** For a source that can tell that stored records are damaged. */
export function damageContract(create: CreateStream<DamagedStream>): void {
  test("every read of damage rejects, and records before it and behind its batch are not lost", async (t) => {
    const stream = await create(t);
    const batches = [swaps(0, 5), swaps(5, 5), swaps(10, 5)] as const;
    for (const batch of batches) await stream.append(batch);
    await stream.damage(batches[1][2]!);
    const reader = stream.open();
    const { seen, position } = await readToDamage(reader);
    assert.deepEqual(textsOf(seen).slice(0, 5), batches[0]);
    await assert.rejects(reader.read(position, MANY_BYTES, limit()), { code: "log_damaged" });
    const resumed = reader.resumeAfter(position);
    assert.ok(resumed > position);
    const rest = await readOn(reader, resumed, 5);
    assert.deepEqual(textsOf(rest).slice(-5), batches[2]);
    await assert.rejects(reader.read(position, MANY_BYTES, limit()), { code: "log_damaged" });
    await reader.close();
  });
}

/** For a source that is reached over a connection. */
export function interruptionContract(create: CreateStream<InterruptedStream>): void {
  test("a waiting read survives an interruption, and no record is lost or returned twice", async (t) => {
    const stream = await create(t);
    await stream.append(swaps(0, 5));
    const reader = stream.open();
    const before = await readOn(reader, 0, 5);
    const waiting = readOn(reader, before.at(-1)!.position + 1, 5);
    await stream.interrupt();
    await stream.append(swaps(5, 5));
    assert.deepEqual(textsOf(await waiting), swaps(5, 5));
    assert.deepEqual(textsOf(await readOn(reader, 0, 10)), swaps(0, 10));
    await reader.close();
  });
}
