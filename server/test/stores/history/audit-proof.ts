/**
 * Audits every window of every token on a store: an engine applies events and its settled swaps go into the store; at several instants its figures are
 * compared with those that the audit recomputes from the rows of the store before an edge, and from the swaps behind it.
 */
import type { WindowFigures } from "@swapstats/protocol/schemas/figures.ts";
import { verifyHistory } from "../../../src/cli/history/verify-history.ts";
import { SettledRowWriter } from "../../../src/codecs/settled-row-writer.ts";
import { readSettledRows } from "../../../src/codecs/settled-rows.ts";
import { PartitionEngine } from "../../../src/engine/partition-engine.ts";
import type { TokenRef, WindowSpec } from "../../../src/engine/types.ts";
import type { GeneratorOptions } from "../../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../../src/generator/swap-generator.ts";
import { EventApplier } from "../../../src/pipeline/event-applier.ts";
import type { Edge, HistoryStore, SettledRow, StreamKey, TokenKey } from "../../../src/ports/history-store.ts";
import type { auditWindow } from "../../../src/serving/history/audit.ts";
import { engineConfigOf } from "../../engine/pair.ts";
import { defaultConfig } from "../../model/vectors.ts";
import { TEST_SEED } from "../../support/hash-seed.ts";
import { realRows } from "../../support/real-file.ts";
import { ALWAYS } from "./random-history.ts";

export type ProofEvent = { readonly bytes: Uint8Array; readonly arrivalMs: number };

export type ProofResult = {
  readonly events: number;
  readonly rows: number;
  readonly removed: number;
  readonly tokens: number;
  /** Windows that were audited, and the swaps that were read for them. */
  readonly audits: number;
  readonly swapsRead: number;
  /** One line each. */
  readonly differences: readonly string[];
  readonly findings: readonly string[];
  /** The figures of a day at the end, by token. */
  readonly lastDay: ReadonlyMap<string, WindowFigures>;
};

const STREAM: StreamKey = { logId: "proof", partition: 0, epoch: 1 };
const BATCH_ROWS = 10_000;
/** Rows of the store that an audit takes from memory instead: they are behind its edge. */
const TAIL_ROWS = 1_000;
const never = new AbortController().signal;

/** The events of the file of real swaps: each row makes two. */
export function realEvents(path: string): ProofEvent[] {
  return realRows(path).flatMap((row) => {
    const common = {
      ...{ chain_id: 1, tx_hash: row.tx_hash, block_number: Number(row.block_number), who: row.from_addr },
      ...{ amount_usd: row.volume, event_time: `${row.block_time!.replace(/ ?UTC$/, "").replace(" ", "T")}Z` },
    };
    const side = (name: "bought" | "sold", logIndex: number) => ({
      ...{ ...common, log_index: logIndex, side: name === "bought" ? "buy" : "sell" },
      ...{ token: row[`token_${name}_contract`], token_symbol: row[`token_${name}_symbol`] },
      amount_token: row[`token_${name}_amount`],
    });
    return [side("bought", 0), side("sold", 1)].map((event) => ({
      bytes: new TextEncoder().encode(JSON.stringify(event)),
      arrivalMs: Date.UTC(2023, 7, 9),
    }));
  });
}

/** A generated stream with copies, disorder, late swaps, removals and re-inclusions. */
export function* generatedEvents(options: GeneratorOptions, count: number): Generator<ProofEvent> {
  const generator = new SwapGenerator(options);
  for (let i = 0; i < count; i++) {
    const bytes = new Uint8Array(RECORD_BYTES_MAX);
    const arrivalMs = Math.floor(generator.nextDueMs) + options.disorderMs;
    yield { bytes: bytes.subarray(0, generator.write(bytes, 0) - 1), arrivalMs };
  }
}

export async function proveHistory(
  store: HistoryStore,
  events: Iterable<ProofEvent>,
  everyEvents: number,
  audit: typeof auditWindow,
): Promise<ProofResult> {
  const proof = new Proof(store, audit);
  await store.migrate();
  await store.beginStream(STREAM, ALWAYS);
  let taken = 0;
  for (const event of events) {
    proof.take(event);
    if (++taken % everyEvents === 0) await proof.compare();
  }
  await proof.compare();
  return proof.result(taken);
}

type Served = { readonly served: WindowFigures; readonly window: WindowSpec; readonly asOfMs: number };
type Swaps = {
  readonly token: TokenKey;
  readonly edge: Edge;
  readonly stored: readonly SettledRow[];
  readonly memory: readonly SettledRow[];
};

class Proof {
  readonly #store: HistoryStore;
  readonly #auditOne: typeof auditWindow;
  readonly #engine = new PartitionEngine(engineConfigOf(defaultConfig), TEST_SEED);
  readonly #applier = new EventApplier(this.#engine, () => {});
  readonly #writer = new SettledRowWriter(this.#engine.source, 0);
  readonly #differences: string[] = [];
  readonly #lastDay = new Map<string, WindowFigures>();
  #tail: SettledRow[] = [];
  #rows = 0;
  #audits = 0;
  #swapsRead = 0;

  constructor(store: HistoryStore, auditOne: typeof auditWindow) {
    this.#store = store;
    this.#auditOne = auditOne;
    this.#engine.watchSettled(this.#writer);
  }

  take({ bytes, arrivalMs }: ProofEvent): void {
    const code = this.#applier.apply(bytes, 0, bytes.length, arrivalMs, 0, 0);
    if (code !== undefined && code !== "quarantined") throw new Error(`${code}: ${Buffer.from(bytes).toString()}`);
  }

  /** Brings the store up to date, and audits every window. */
  async compare(): Promise<void> {
    await this.#write();
    const engine = this.#engine;
    const asOfMs = engine.maxHighMs()!;
    for (const ref of engine.tokens()) {
      const swaps = await this.#swapsOf(ref);
      for (const [index, window] of engine.config.windows.entries()) {
        const served = engine.windowStats(ref, index, asOfMs) as WindowFigures;
        await this.#audit(ref, { served, window, asOfMs }, swaps);
        if (window.name === "24h") this.#lastDay.set(engine.info(ref).id, served);
      }
    }
  }

  async #write(): Promise<void> {
    const chunk = this.#writer.cut();
    const rows = chunk === undefined ? [] : [...readSettledRows(chunk.bytes)];
    for (let at = 0; at < rows.length; at += BATCH_ROWS) {
      const settled = [{ ...STREAM, fromSequence: this.#rows + at, rows: rows.slice(at, at + BATCH_ROWS) }];
      await this.#store.append({ settled, raw: [], marks: [] });
    }
    this.#rows += rows.length;
    this.#tail = [...this.#tail, ...rows].slice(-TAIL_ROWS);
    const mark = { ...STREAM, sequence: this.#rows, beforeMs: this.#settledBeforeMs() };
    await this.#store.append({ settled: [], raw: [], marks: [mark] });
  }

  #settledBeforeMs(): number {
    const scan = this.#engine.unsettled.settledBeforeMs();
    let step = scan.next();
    while (step.done !== true) step = scan.next();
    return Math.floor((step.value ?? 0) / 60_000) * 60_000;
  }

  /** Reads the swaps of a token once for all its windows: those of the store before the edge, and those behind it. */
  async #swapsOf(ref: TokenRef): Promise<Swaps> {
    const { id, chainId } = this.#engine.info(ref);
    const token: TokenKey = { chainId, token: id.slice(id.indexOf(":") + 1) };
    const edge = { ...STREAM, sequence: this.#rows - this.#tail.length };
    const stored: SettledRow[] = [];
    for await (const rows of this.#store.rows(ALWAYS, token, [edge], never)) stored.push(...rows);
    const tail = this.#tail.filter((row) => row.chainId === chainId && row.token === token.token);
    return { token, edge, stored, memory: [...tail, ...this.#unsettled(ref)] };
  }

  async #audit(
    ref: TokenRef,
    { served, window, asOfMs }: Served,
    { token, edge, stored, memory }: Swaps,
  ): Promise<void> {
    const { windows } = this.#engine.config;
    const { id, symbol } = this.#engine.info(ref);
    const subject = {
      ...{ token, id, symbol, window, asOfMs, served, memory, edges: [edge] },
      finestStepMs: Math.min(...windows.map(({ stepMs }) => stepMs)),
    };
    const reader = {
      async *rows() {
        yield stored;
      },
    };
    const audit = await this.#auditOne(reader, subject, async () => true, never);
    this.#audits += 1;
    this.#swapsRead += audit.rows;
    for (const { field, served: one = "-", recomputed: other = "-" } of audit.differences) {
      this.#differences.push(`${id}, ${window.name} as of ${asOfMs}, ${field}: ${one} instead of ${other}`);
    }
  }

  #unsettled(ref: TokenRef): SettledRow[] {
    const writer = new SettledRowWriter(this.#engine.source, 0);
    const records = this.#engine.unsettled.records(ref, 0, Number.MAX_SAFE_INTEGER);
    if (records.length === 0) return [];
    writer.settled(ref, records);
    return [...readSettledRows(writer.cut()!.bytes)];
  }

  async result(events: number): Promise<ProofResult> {
    await this.#store.compact(never);
    const { findings } = await verifyHistory(this.#store, {}, () => {}, never);
    return {
      ...{ events, rows: this.#rows, removed: this.#engine.counters.removed, audits: this.#audits },
      ...{ tokens: [...this.#engine.tokens()].length, swapsRead: this.#swapsRead, differences: this.#differences },
      findings: [...(await this.#store.verify(never)), ...findings],
      lastDay: this.#lastDay,
    };
  }
}
