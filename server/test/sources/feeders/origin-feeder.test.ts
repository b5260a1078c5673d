/** The feeder of all origins, over a list of records, a real log (in memory where its failures are needed), and a real position file. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { MappedEvents, MappedRecord, MappingOutcome, RecordMapper } from "../../../src/mapping/mapper.ts";
import type { FeederLetter } from "../../../src/ports/feeder.ts";
import type { IngestPort, IngestResult } from "../../../src/ports/intake.ts";
import { type ErrorCode, SwapstatsError } from "../../../src/shared/errors.ts";
import { NO_CHAIN_ADDRESSES } from "../../../src/shared/token-id.ts";
import type { Origin, OriginBatch, Position } from "../../../src/sources/feeders/origin.ts";
import { OriginFeeder, type OriginFeederOptions } from "../../../src/sources/feeders/origin-feeder.ts";
import { type Kept, PositionFile, type PositionKeeper } from "../../../src/sources/feeders/position-file.ts";
import { tempDir } from "../../support/tmp.ts";

function swap(n: number, more: object = {}): string {
  const place = { chain_id: 1, tx_hash: `0x${n.toString(16)}`, log_index: 0, token: "0xa", side: "buy" };
  return JSON.stringify({ ...place, amount_token: "1", amount_usd: "2", event_time: 1_767_225_600_000 + n, ...more });
}

/** Records in memory, so many in a batch; the position is a count. It ends at the end. */
class ListOrigin implements Origin {
  readonly identity = "list";
  readonly problem = undefined;
  isClosed = false;
  readonly failures: Error[] = [];
  readonly #records: readonly string[];
  readonly #size: number;

  constructor(records: readonly string[], size: number) {
    this.#records = records;
    this.#size = size;
  }

  async read(position: Position | undefined, signal: AbortSignal): Promise<OriginBatch | undefined> {
    signal.throwIfAborted();
    const failure = this.failures.shift();
    if (failure !== undefined) throw failure;
    const from = (position as number | undefined) ?? 0;
    if (from >= this.#records.length) return undefined;
    const records = this.#records.slice(from, from + this.#size).map((text) => recordOf(text));
    const count = this.#records.length - from - records.length;
    return { records, position: from + records.length, behind: { count, unit: "records" } };
  }

  positionText(position: Position): string {
    return `record ${String(position)}`;
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

function recordOf(text: string): MappedRecord {
  const bytes = Buffer.from(text);
  return { bytes, start: 0, end: bytes.length };
}

/** A log that keeps lines, refuses those with this text, and fails in these ways first. */
class LinesPort implements IngestPort {
  readonly lines: string[] = [];
  readonly bodies: number[] = [];
  readonly failures: ErrorCode[] = [];
  onBody: (() => void) | undefined;
  readonly #refused: string;

  constructor(refused = "never") {
    this.#refused = refused;
  }

  async ingest(body: Uint8Array): Promise<IngestResult> {
    this.onBody?.();
    const code = this.failures.shift();
    if (code !== undefined) throw new SwapstatsError(code, code, { retryable: true });
    const lines = Buffer.from(body).toString().trimEnd().split("\n");
    this.bodies.push(lines.length);
    const rejected = lines.flatMap((line, index) =>
      line.includes(this.#refused) ? [{ index, code: "bad_side", message: "the side of the line" }] : [],
    );
    this.lines.push(...lines.filter((line) => !line.includes(this.#refused)));
    return { accepted: lines.length - rejected.length, rejected };
  }
}

class MemoryKeeper implements PositionKeeper {
  kept: Kept | undefined;
  failures = 0;
  /** Ends the process at this moment: nothing more is kept. */
  isCrashed = false;

  read(): Kept | undefined {
    return this.kept;
  }

  async keep(kept: Kept): Promise<void> {
    if (this.isCrashed) return new Promise(() => {});
    if (this.failures-- > 0) throw new SwapstatsError("storage_failed", "no room", { retryable: true });
    this.kept = structuredClone(kept);
  }
}

type Given = Partial<OriginFeederOptions> & { readonly origin: Origin };

function feederOf(given: Given): {
  feeder: OriginFeeder;
  letters: (FeederLetter & { text: string })[];
  problems: unknown[];
} {
  const letters: (FeederLetter & { text: string })[] = [];
  const problems: unknown[] = [];
  const feeder = new OriginFeeder({
    ...{ name: "trades", type: "list", mapper: undefined, chains: NO_CHAIN_ADDRESSES, bodyEventsMax: 10_000 },
    keeper: new MemoryKeeper(),
    onRefused: (found) => letters.push(...found.map((one) => ({ ...one, text: Buffer.from(one.raw).toString() }))),
    events: { onProblem: (error, retrying) => void problems.push([(error as Error).message, retrying]) },
    nowMs: () => 1_767_225_600_000,
    ...given,
  });
  return { feeder, letters, problems };
}

async function runToEnd(feeder: OriginFeeder, port: IngestPort): Promise<void> {
  await feeder.start(port);
  await feeder.ended();
}

/** Moves the clock until the promise settles. */
async function settled(t: TestContext, promise: Promise<unknown>): Promise<void> {
  let isSettled = false;
  void promise.finally(() => {
    isSettled = true;
  });
  while (!isSettled) {
    t.mock.timers.tick(1_000);
    await nextTurn();
  }
}

const RECORDS = Array.from({ length: 25 }, (_, i) => swap(i));

test("all records come to the log in order, and the position and the counts are kept behind them", async () => {
  const keeper = new MemoryKeeper();
  const port = new LinesPort();
  const origin = new ListOrigin(RECORDS, 10);
  const { feeder } = feederOf({ origin, keeper });
  await runToEnd(feeder, port);
  assert.deepEqual(port.lines, RECORDS);
  assert.deepEqual(keeper.kept, { position: 25, counts: { records: 25, swaps: 25, rejected: 0, skipped: 0 } });
  assert.ok(origin.isClosed);
  assert.deepEqual(feeder.status, {
    ...{ name: "trades", type: "list", state: "ended", position: "record 25", last_record_ms: 1_767_225_600_000 },
    ...{ records: 25, swaps: 25, rejected: 0, skipped: 0, behind: { count: 0, unit: "records" } },
  });
});

test("a crash between the log and the position sends one batch again, with the same counts and numbers", async () => {
  const keeper = new MemoryKeeper();
  const records = RECORDS.with(12, "{broken");
  const first = new LinesPort();
  first.onBody = () => {
    keeper.isCrashed = first.bodies.length === 1;
  };
  const crashed = feederOf({ origin: new ListOrigin(records, 10), keeper });
  await crashed.feeder.start(first);
  while (crashed.letters.length === 0) await nextTurn();
  assert.equal(first.lines.length, 19, "the second batch was durable, and its position was not kept");
  keeper.isCrashed = false;
  const second = new LinesPort();
  const again = feederOf({ origin: new ListOrigin(records, 10), keeper });
  await runToEnd(again.feeder, second);
  assert.deepEqual([...first.lines.slice(0, 10), ...second.lines], records.toSpliced(12, 1));
  assert.deepEqual(keeper.kept?.counts, { records: 25, swaps: 24, rejected: 1, skipped: 0 });
  assert.equal(crashed.letters[0]?.record, 13);
  assert.deepEqual(again.letters, crashed.letters, "the store takes the letter once, because it has the same number");
  assert.deepEqual(again.feeder.countsSinceStart, { records: 15, swaps: 14, rejected: 1, skipped: 0 });
});

test("a record that is no swap is a dead letter with its own bytes, and never changes the meaning of its neighbours", async () => {
  const bad = ["[", "]", "{", '{"a":', "", "null", '"', `${swap(1)}${swap(2)}`, '{"side":"hold"}'];
  const records = bad.flatMap((text, i) => [text, swap(100 + i)]);
  const port = new LinesPort();
  const { feeder, letters } = feederOf({ origin: new ListOrigin(records, 100) });
  await runToEnd(feeder, port);
  assert.deepEqual(
    port.lines,
    bad.map((_, i) => swap(100 + i)),
  );
  assert.deepEqual(
    letters.map(({ feeder: name, record, text }) => [name, record, text]),
    bad.map((text, i) => ["trades", 2 * i + 1, text]),
  );
  for (const { code, message } of letters) assert.ok(code !== "" && message !== "");
});

test("line breaks within a record do not break the body", async () => {
  const port = new LinesPort();
  const text = JSON.stringify(JSON.parse(swap(1)), undefined, 2).replaceAll("\n", "\r\n");
  const { feeder } = feederOf({ origin: new ListOrigin([text, swap(2)], 100) });
  await runToEnd(feeder, port);
  assert.deepEqual(
    port.lines.map((line) => JSON.parse(line)),
    [JSON.parse(swap(1)), JSON.parse(swap(2))],
  );
});

test("bodies hold no more events than the port takes", async () => {
  const port = new LinesPort();
  const { feeder } = feederOf({ origin: new ListOrigin(RECORDS, 10), bodyEventsMax: 4 });
  await runToEnd(feeder, port);
  assert.deepEqual(port.bodies, [4, 4, 2, 4, 4, 2, 4, 1]);
});

test("what fails is repeated: the origin, the log, and the position", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const origin = new ListOrigin(RECORDS, 10);
  origin.failures.push(new SwapstatsError("unavailable", "away", { retryable: true }), new Error("unexpected"));
  const port = new LinesPort();
  port.failures.push("log_full", "unavailable");
  const keeper = new MemoryKeeper();
  keeper.failures = 2;
  const { feeder, problems } = feederOf({ origin, keeper });
  await settled(t, runToEnd(feeder, port));
  assert.deepEqual(port.lines, RECORDS);
  const messages = ["away", "unexpected", "log_full", "unavailable", "no room", "no room"];
  assert.deepEqual(
    problems,
    messages.map((message) => [message, true]),
  );
  assert.equal(feeder.status.state, "ended");
});

test("an error of the origin that no retry helps against ends the feeder, and is reported", async () => {
  const origin = new ListOrigin(RECORDS, 10);
  origin.failures.push(new SwapstatsError("bad_request", "there is no such column"));
  const { feeder, problems } = feederOf({ origin });
  await runToEnd(feeder, new LinesPort());
  const { state, problem } = feeder.status;
  assert.deepEqual(
    [state, problem, problems],
    ["failed", "there is no such column", [["there is no such column", false]]],
  );
  assert.ok(origin.isClosed);
});

test("a stop completes the batch that is under way", async () => {
  const keeper = new MemoryKeeper();
  const port = new LinesPort();
  const { feeder } = feederOf({ origin: new ListOrigin(RECORDS, 10), keeper, bodyEventsMax: 3 });
  let stopping: Promise<void> | undefined;
  port.onBody = () => {
    if (port.bodies.length === 5) stopping = feeder.stop();
  };
  await runToEnd(feeder, port);
  await stopping;
  assert.equal(keeper.kept?.position, 20);
  assert.deepEqual(port.lines, RECORDS.slice(0, 20));
  assert.equal(feeder.status.state, "ended");
});

test("a stop while the log takes nothing ends, and acknowledges nothing", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const keeper = new MemoryKeeper();
  const port = new LinesPort();
  port.failures.push(...Array.from({ length: 1_000 }, () => "log_full" as const));
  const { feeder, problems } = feederOf({ origin: new ListOrigin(RECORDS, 10), keeper });
  await feeder.start(port);
  while (problems.length === 0) await nextTurn();
  await settled(t, feeder.stop());
  assert.equal(keeper.kept, undefined);
  await feeder.stop();
});

/** Makes of a record the events that it lists. The schema of a record with this member is not known at first. */
class ListMapper implements RecordMapper {
  readonly needsEnvelope = false;
  schemas = 0;
  #isKnown = false;

  map({ bytes, start, end }: MappedRecord, events: MappedEvents): MappingOutcome {
    events.clear();
    const text = Buffer.from(bytes.subarray(start, end)).toString();
    if (text === "unreadable") return "malformed_json";
    const {
      skipped = 0,
      needs = false,
      swaps,
    } = JSON.parse(text) as { skipped?: number; needs?: boolean; swaps: object[] };
    if (needs && !this.#isKnown) return "schema_needed";
    events.skipped = skipped;
    events.bytes = Buffer.from(swaps.map((one) => JSON.stringify(one)).join(""));
    events.ends = new Uint32Array(swaps.length);
    let at = 0;
    for (const [i, one] of swaps.entries()) {
      at += JSON.stringify(one).length;
      events.ends[i] = at;
    }
    events.count = swaps.length;
    return undefined;
  }

  async loadSchema(): Promise<void> {
    if (this.schemas++ === 0) throw new SwapstatsError("unavailable", "registry away", { retryable: true });
    this.#isKnown = true;
  }

  refusalText(code: string, _record: MappedRecord, _events: MappedEvents, index: number | undefined): string {
    return `swap ${index} of the mapping: ${code}`;
  }
}

test("records are mapped, a schema is waited for, and a refused event leads to its record and its place in the mapping", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const swapOf = (n: number, side: string): object => JSON.parse(swap(n, { side }));
  const records = [
    { swaps: [swapOf(1, "buy"), swapOf(2, "hold"), swapOf(3, "hold"), swapOf(4, "sell")], skipped: 2 },
    { swaps: [], skipped: 1 },
    "unreadable",
    { swaps: [swapOf(5, "buy")], needs: true },
  ].map((record) => (typeof record === "string" ? record : JSON.stringify(record)));
  const port = new LinesPort("hold");
  const { feeder, letters, problems } = feederOf({
    origin: new ListOrigin(records, 100),
    mapper: new ListMapper(),
    bodyEventsMax: 3,
  });
  await settled(t, runToEnd(feeder, port));
  assert.deepEqual(
    port.lines.map((line) => JSON.parse(line).tx_hash),
    ["0x1", "0x4", "0x5"],
  );
  assert.deepEqual(letters.map(({ record, code, message, text }) => [record, code, message, text]).sort(), [
    [1, "bad_side", "swap 1 of the mapping: bad_side", records[0]],
    [3, "malformed_json", "swap undefined of the mapping: malformed_json", "unreadable"],
  ]);
  assert.deepEqual(feeder.counts, { records: 4, swaps: 3, rejected: 2, skipped: 3 });
  assert.deepEqual(problems, [["registry away", true]]);
});

test("a position that cannot be read prevents the feeder", async (t) => {
  const folder = tempDir(t);
  const origin = new ListOrigin(RECORDS, 10);
  const keeper = new PositionFile(folder, "trades", { type: "list", identity: "other" });
  await keeper.keep({ position: 1, counts: { records: 1, swaps: 1, rejected: 0, skipped: 0 } });
  const other = new PositionFile(folder, "trades", { type: "list", identity: origin.identity });
  assert.throws(() => feederOf({ origin, keeper: other }), { code: "bad_config" });
});
