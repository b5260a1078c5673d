/**
 * What the two streams of history cost the applying thread. Three engines with equal states apply the same swaps by turns: the first without
 * history, the second with settled rows, the third with settled rows and raw events. One engine that switches between them would mislead, because
 * upkeep has periods of minutes.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { MessageChannel, Worker } from "node:worker_threads";
import { readRawRows } from "../server/src/codecs/raw-rows.ts";
import { readSettledRows } from "../server/src/codecs/settled-rows.ts";
import { SwapDecoder } from "../server/src/codecs/swap-decoder.ts";
import { PartitionEngine } from "../server/src/engine/partition-engine.ts";
import { SwapEvent } from "../server/src/engine/swaps/swap-event.ts";
import { emptyManifest } from "../server/src/pipeline/checkpoint/manifest.ts";
import { EventApplier } from "../server/src/pipeline/event-applier.ts";
import { HistoryLink } from "../server/src/pipeline/history/history-link.ts";
import { TailBudget } from "../server/src/pipeline/history/history-tail.ts";
import { PartitionHistory } from "../server/src/pipeline/history/partition-history.ts";
import type { FromHistory, ToHistory } from "../server/src/ports/history-stream.ts";
import { NO_CHAIN_ADDRESSES } from "../server/src/shared/token-id.ts";
import { report } from "./report.ts";
import { BENCH_SEED, type Chunk, engineConfig, median, Workload } from "./support/workload.ts";

const RECORDS = 20_000;
/** A batch of the source: behind it the rows leave for the history thread. */
const RECORDS_PER_BATCH = 1_000;
const TAIL_BYTES = 64 * 1024 * 1024;
/** Until the horizon is full; see engine-apply. */
const WARM_UP = 50;
/** Further ones are for a quiet figure. */
const ROUNDS = Number(process.env.SWAPSTATS_BENCH_ROUNDS ?? 60);
const ARRIVAL_MS = Date.UTC(2100, 0, 1);
const ADDED_MAX = 0.1;

type Kind = "none" | "settled" | "both";

/** As in the payload of a batch, where records lie one behind another. */
function withoutLineFeeds({ bytes, starts, ends }: Chunk): Chunk {
  const closed = {
    bytes: new Uint8Array(bytes.length),
    starts: new Uint32Array(RECORDS),
    ends: new Uint32Array(RECORDS),
  };
  let at = 0;
  for (let i = 0; i < RECORDS; i++) {
    const event = bytes.subarray(starts[i], ends[i]);
    closed.bytes.set(event, at);
    closed.starts[i] = at;
    at += event.length;
    closed.ends[i] = at;
  }
  return closed;
}

/** Keeps copies of what it sends while someone wants to measure them. */
class Sent {
  readonly settled: Uint8Array<ArrayBuffer>[] = [];
  readonly raw: Uint8Array<ArrayBuffer>[] = [];
  isKept = false;

  note(message: ToHistory): void {
    if (!this.isKept) return;
    if (message.type === "settled") this.settled.push(message.chunk.bytes.slice());
    if (message.type === "raw") this.raw.push(message.chunk.content.slice());
  }
}

/** An engine with its history, which goes to a thread. */
class Side {
  readonly sent = new Sent();
  readonly #engine = new PartitionEngine(engineConfig(), BENCH_SEED);
  readonly #history: PartitionHistory | undefined;
  readonly #link: HistoryLink | undefined;
  readonly #applier: EventApplier;
  #offset = 0;

  constructor(kind: Kind) {
    if (kind !== "none") {
      this.#link = linkToThread(this.sent);
      this.#history = new PartitionHistory({
        partition: 0,
        link: this.#link,
        budget: new TailBudget(TAIL_BYTES),
        keepsRaw: kind === "both",
        onFailure: "gap",
        bufferBytes: Number.POSITIVE_INFINITY,
        monotonicMs: () => performance.now(),
      });
      const manifest = { ...emptyManifest(0, 0), epoch: 1, owner: "bench" };
      this.#history.begin(this.#engine, undefined, [], manifest);
      this.#history.end(this.#engine, manifest, { logId: "bench", nextOffset: 0, isFromStart: true }, []);
    }
    this.#applier = new EventApplier(this.#engine, () => {}, NO_CHAIN_ADDRESSES, this.#history?.outcomeWatch);
  }

  /** Between batches the thread receives what the history thread sends back. */
  async apply({ bytes, starts, ends }: Chunk): Promise<void> {
    for (let i = 0; i < RECORDS; i++) {
      this.#applier.apply(bytes, starts[i] as number, ends[i] as number, ARRIVAL_MS, this.#offset++, 0);
      if (i % RECORDS_PER_BATCH === RECORDS_PER_BATCH - 1) {
        this.#applier.release();
        this.#history?.afterBatch(this.#offset);
        await nextTurn();
      }
    }
    // As with each delta.
    this.#history?.noteCut(this.#offset);
  }

  close(): void {
    this.#link?.close();
  }
}

function linkToThread(sent: Sent): HistoryLink {
  const { port1, port2 } = new MessageChannel();
  new Worker(new URL("./history/taker.ts", import.meta.url), { workerData: { port: port2 }, transferList: [port2] });
  return new HistoryLink({
    postMessage: (message: ToHistory, moved: readonly ArrayBuffer[]) => {
      sent.note(message);
      port1.postMessage(message, moved);
    },
    on: (event, call: (message: FromHistory) => void) => port1.on(event, call),
    close: () => port1.close(),
  });
}

/** Returns the size of a row, and the time of reading one. */
async function rowsOf(
  chunks: readonly Uint8Array<ArrayBuffer>[],
  read: (bytes: Uint8Array<ArrayBuffer>) => Iterable<unknown>,
): Promise<{ readonly bytes: number; readonly readNs: number }> {
  let rows = 0;
  const ms = await timeOf(() => {
    for (const chunk of chunks) for (const _ of read(chunk)) rows += 1;
  });
  const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
  return { bytes: bytes / rows, readNs: (ms / rows) * 1e6 };
}

/** Returns the processor time of this thread in ms. */
async function timeOf(run: () => void | Promise<void>): Promise<number> {
  const before = process.threadCpuUsage();
  await run();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

const workload = new Workload();
const decoder = new SwapDecoder();
const event = new SwapEvent();
const sides = { none: new Side("none"), settled: new Side("settled"), both: new Side("both") };
const kinds: readonly Kind[] = ["none", "settled", "both"];
const totals = { decode: 0, none: 0, settled: 0, both: 0 };
const added: Record<Kind, number[]> = { none: [], settled: [], both: [] };

for (let round = 0; round < WARM_UP + ROUNDS; round++) {
  const chunk = withoutLineFeeds(workload.chunk(RECORDS));
  const { bytes, starts, ends } = chunk;
  const decodeMs = await timeOf(() => {
    for (let i = 0; i < RECORDS; i++) decoder.decode(bytes, starts[i] as number, ends[i] as number, event);
  });
  const ms = { none: 0, settled: 0, both: 0 };
  for (let turn = 0; turn < kinds.length; turn++) {
    const kind = kinds[(round + turn) % kinds.length] as Kind;
    ms[kind] = await timeOf(() => sides[kind].apply(chunk));
  }
  if (round < WARM_UP) continue;
  totals.decode += decodeMs;
  for (const kind of kinds) {
    totals[kind] += ms[kind];
    added[kind].push((ms[kind] - ms.none) / ms.none);
  }
}

const { sent } = sides.both;
sent.isKept = true;
while (sent.settled.length === 0) await sides.both.apply(withoutLineFeeds(workload.chunk(RECORDS)));
const settledRows = await rowsOf(sent.settled, (bytes) => readSettledRows(bytes));
const rawRows = await rowsOf(sent.raw, (bytes) => readRawRows(bytes, NO_CHAIN_ADDRESSES));
for (const side of Object.values(sides)) side.close();

for (const kind of ["settled", "both"] as const) {
  const ratio = median(added[kind]);
  const addedMs = totals[kind] - totals.none;
  const ofApply = (addedMs / (totals.none - totals.decode)) * 100;
  const { bytes, readNs } = kind === "settled" ? settledRows : rawRows;
  report({
    what: `processor time that history adds to the applying thread, ${kind === "settled" ? "settled rows alone" : "settled rows and raw events"}, of decode and apply without`,
    goal: `at most ${ADDED_MAX * 100} %`,
    figure: `${(ratio * 100).toFixed(1)} % (${((addedMs / (ROUNDS * RECORDS)) * 1e6).toFixed(0)} ns a swap)`,
    met: ratio <= ADDED_MAX,
    note: `Steady state with a full horizon: with each new swap one settles. Of apply alone it is ${ofApply.toFixed(1)} %. A ${kind === "settled" ? "settled row" : "raw event"} has ${bytes.toFixed(0)} bytes between the threads, and reading it takes ${readNs.toFixed(0)} ns.`,
    values: { "% of decode and apply": ratio * 100, "% of apply": ofApply },
  });
}
