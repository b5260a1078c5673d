/** A history store in memory that computes everything from all rows, without any index: what the suite of the stores compares with. */

import type {
  CandleSums,
  Edge,
  HistoryBatch,
  HistoryGap,
  HistoryStatus,
  HistoryStore,
  RawRow,
  RepairRun,
  SequenceRange,
  SettledRow,
  Span,
  SpanSums,
  StreamKey,
  StreamStatus,
  SwapPage,
  SwapPosition,
  TokenKey,
  TokenSums,
  TraderCounts,
  TraderSets,
} from "../../src/ports/history-store.ts";
import { SwapstatsError } from "../../src/shared/errors.ts";
import { otherRepairs } from "../../src/stores/history/repairing-alone.ts";

type Stream = StreamKey & { readonly span: Span; readonly rows: Map<number, SettledRow>; settledBeforeMs: number };
type Held = { readonly row: SettledRow; readonly stream: Stream; readonly sequence: number };

const FOUND_MAX = 100;
const BATCH_ROWS = 1_000;

const nameOf = ({ logId, partition, epoch }: StreamKey): string => JSON.stringify([logId, partition, epoch]);
const holds = ({ fromMs, toMs }: Span, timeMs: number): boolean => fromMs <= timeMs && timeMs < toMs;
const positionOf = (row: SettledRow): SwapPosition => ({ ...row, blockNumber: row.blockNumber ?? 0 });

function comparePositions(a: SwapPosition, b: SwapPosition): number {
  return (
    a.eventTimeMs - b.eventTimeMs ||
    a.blockNumber - b.blockNumber ||
    a.txIndex - b.txIndex ||
    a.logIndex - b.logIndex ||
    Buffer.compare(Buffer.from(a.eventId), Buffer.from(b.eventId))
  );
}

const compareRows = (a: SettledRow, b: SettledRow): number => comparePositions(positionOf(a), positionOf(b));

/** Folds rows in their order. */
function foldSums(rows: readonly SettledRow[]): SpanSums {
  const sum = (isBuy: boolean, of: (row: SettledRow) => bigint): bigint =>
    rows.filter((row) => row.isBuy === isBuy).reduce((total, row) => total + of(row), 0n);
  const prices = rows.map(({ price }) => price).filter((price) => price !== undefined);
  return {
    buys: rows.filter(({ isBuy }) => isBuy).length,
    sells: rows.filter(({ isBuy }) => !isBuy).length,
    usdBuyMicro: sum(true, ({ usdMicro }) => BigInt(usdMicro)),
    usdSellMicro: sum(false, ({ usdMicro }) => BigInt(usdMicro)),
    tokenBuyUnits: sum(true, ({ amountUnits }) => amountUnits),
    tokenSellUnits: sum(false, ({ amountUnits }) => amountUnits),
    open: prices[0],
    high: prices.length === 0 ? undefined : Math.max(...prices),
    low: prices.length === 0 ? undefined : Math.min(...prices),
    close: prices.at(-1),
    firstMs: rows[0]?.eventTimeMs,
    lastMs: rows.at(-1)?.eventTimeMs,
  };
}

export class MemoryHistory implements HistoryStore {
  readonly #streams = new Map<string, Stream>();
  readonly #raw = new Map<string, { readonly epoch: number; readonly row: RawRow }>();
  #gaps: HistoryGap[] = [];
  #isMigrated = false;
  #isRepairing = false;

  async migrate(): Promise<readonly string[]> {
    const done = this.#isMigrated ? [] : ["began"];
    this.#isMigrated = true;
    return done;
  }

  async beginStream(key: StreamKey, span: Span): Promise<void> {
    if (this.#streams.has(nameOf(key))) return;
    const { logId, partition, epoch } = key;
    this.#streams.set(nameOf(key), { logId, partition, epoch, span, rows: new Map(), settledBeforeMs: 0 });
  }

  async append({ settled, raw, marks }: HistoryBatch): Promise<void> {
    for (const { fromSequence, rows, ...key } of settled) {
      const stream = this.#stream(key);
      for (const [i, row] of rows.entries()) {
        if (!stream.rows.has(fromSequence + i)) stream.rows.set(fromSequence + i, row);
      }
    }
    for (const { logId, partition, epoch, rows } of raw) {
      for (const row of rows) {
        const name = JSON.stringify([logId, partition, row.offset, row.index]);
        if ((this.#raw.get(name)?.epoch ?? -1) < epoch) this.#raw.set(name, { epoch, row });
      }
    }
    for (const mark of marks) {
      const stream = this.#stream(mark);
      stream.settledBeforeMs = Math.max(stream.settledBeforeMs, mark.beforeMs);
    }
  }

  async noteGap(gap: HistoryGap): Promise<void> {
    const isSame = (other: HistoryGap): boolean =>
      nameOf(other) === nameOf(gap) && other.fromMs === gap.fromMs && other.toMs === gap.toMs;
    const noted = this.#gaps.findIndex(isSame);
    if (noted === -1) this.#gaps.push(gap);
    else this.#gaps[noted] = withSequences(this.#gaps[noted]!, gap);
  }

  async missingSequences(key: StreamKey, { from, to }: SequenceRange): Promise<SequenceRange[]> {
    const held = this.#streams.get(nameOf(key))?.rows;
    const missing: { from: number; to: number }[] = [];
    for (let sequence = from; sequence < to; sequence++) {
      if (held?.has(sequence) === true) continue;
      const last = missing.at(-1);
      if (last?.to === sequence) last.to += 1;
      else missing.push({ from: sequence, to: sequence + 1 });
    }
    return missing;
  }

  async repairAlone<T>(repair: RepairRun<T>): Promise<T> {
    if (this.#isRepairing) throw otherRepairs("memory");
    this.#isRepairing = true;
    try {
      return await repair(async () => {});
    } finally {
      this.#isRepairing = false;
    }
  }

  async closeGaps(stream: StreamKey, span: Span): Promise<void> {
    const isWithin = (gap: HistoryGap): boolean => span.fromMs <= gap.fromMs && gap.toMs <= span.toMs;
    this.#gaps = this.#gaps.filter((gap) => nameOf(gap) !== nameOf(stream) || !isWithin(gap));
  }

  async compact(): Promise<readonly string[]> {
    return [];
  }

  async verify(): Promise<readonly string[]> {
    return [];
  }

  async close(): Promise<void> {}

  async sums(token: TokenKey, spans: readonly Span[], edges: readonly Edge[]): Promise<SpanSums[]> {
    return spans.map((span) => foldSums(this.#rowsOf(span, token, edges)));
  }

  async traders(token: TokenKey, span: Span, edges: readonly Edge[], others: TraderSets): Promise<TraderCounts> {
    const buyers = new Set(others.buyers);
    const sellers = new Set(others.sellers);
    for (const { who, isBuy } of this.#rowsOf(span, token, edges)) {
      if (who !== undefined) (isBuy ? buyers : sellers).add(who);
    }
    return { traders: new Set([...buyers, ...sellers]).size, buyers: buyers.size, sellers: sellers.size };
  }

  async symbol(token: TokenKey, beforeMs: number): Promise<string | undefined> {
    return this.#rowsOf({ fromMs: 0, toMs: beforeMs }, token, []).findLast(({ symbol }) => symbol !== undefined)
      ?.symbol;
  }

  async candles(
    token: TokenKey,
    interval: { readonly ms: number } | "month",
    span: Span,
    edges: readonly Edge[],
    limit: number,
  ): Promise<CandleSums[]> {
    const openTime = (timeMs: number): number => {
      if (interval !== "month") return Math.floor(timeMs / interval.ms) * interval.ms;
      const date = new Date(timeMs);
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
    };
    const groups = Map.groupBy(this.#rowsOf(span, token, edges), ({ eventTimeMs }) => openTime(eventTimeMs));
    return [...groups].slice(-limit).map(([openTimeMs, rows]) => ({ openTimeMs, ...foldSums(rows) }));
  }

  async swaps(token: TokenKey, { order, after, limit, ...span }: SwapPage, edges: readonly Edge[]) {
    const rows = this.#rowsOf(span, token, edges);
    if (order === "desc") rows.reverse();
    const sign = order === "desc" ? -1 : 1;
    const isBehind = (row: SettledRow): boolean =>
      after === undefined || sign * comparePositions(positionOf(row), after) > 0;
    return rows.filter(isBehind).slice(0, limit);
  }

  async tokens(span: Span, edges: readonly Edge[], chainId: number | undefined): Promise<TokenSums[]> {
    const rows = this.#rowsOf(span, undefined, edges).filter((row) => chainId === undefined || row.chainId === chainId);
    return [...Map.groupBy(rows, (row) => JSON.stringify([row.chainId, row.token])).values()].map((group) => {
      const { chainId, token } = group[0]!;
      const symbol = group.findLast((row) => row.symbol !== undefined)?.symbol;
      return { chainId, token, symbol, ...foldSums(group) };
    });
  }

  async find(name: string): Promise<TokenKey[]> {
    const all = this.#rowsOf({ fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }, undefined, []).reverse();
    const tokens = [...Map.groupBy(all, (row) => JSON.stringify([row.chainId, row.token])).values()];
    return tokens
      .filter((rows) => rows[0]!.token === name || rows.find((row) => row.symbol !== undefined)?.symbol === name)
      .map((rows) => ({ chainId: rows[0]!.chainId, token: rows[0]!.token }))
      .slice(0, FOUND_MAX);
  }

  async *rows(span: Span, token: TokenKey | undefined, edges: readonly Edge[], signal: AbortSignal) {
    const rows = this.#rowsOf(span, token, edges);
    for (let i = 0; i < rows.length; i += BATCH_ROWS) {
      signal.throwIfAborted();
      yield rows.slice(i, i + BATCH_ROWS);
    }
  }

  async status(): Promise<HistoryStatus> {
    const streams = [...this.#streams.values()].map(statusOf);
    const times = this.#rowsOf({ fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }, undefined, []).map(
      (row) => row.eventTimeMs,
    );
    return {
      schemaVersion: 1,
      streams,
      gaps: this.#gaps,
      rows: streams.reduce((sum, { rows }) => sum + rows, 0),
      bytes: 0,
      fromMs: times[0],
      toMs: times.at(-1),
    };
  }

  /** All settled rows by their stream and sequence, also those that are not valid. */
  settledRows(): Map<string, SettledRow> {
    const rows = new Map<string, SettledRow>();
    for (const [name, stream] of this.#streams) {
      for (const [sequence, row] of stream.rows) rows.set(`${name} ${sequence}`, row);
    }
    return rows;
  }

  /** Another store with the same settled rows, streams and gaps. */
  copy(): MemoryHistory {
    const other = new MemoryHistory();
    for (const [name, stream] of this.#streams) other.#streams.set(name, { ...stream, rows: new Map(stream.rows) });
    other.#gaps = [...this.#gaps];
    return other;
  }

  /** The valid raw rows, in the order of their keys. */
  rawRows(): RawRow[] {
    return [...this.#raw.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { row }]) => row);
  }

  #stream(key: StreamKey): Stream {
    const stream = this.#streams.get(nameOf(key));
    if (stream === undefined) throw new SwapstatsError("internal", `the stream ${nameOf(key)} has not begun`);
    return stream;
  }

  /** Valid rows of the span in the order of swaps. */
  #rowsOf(span: Span, token: TokenKey | undefined, edges: readonly Edge[]): SettledRow[] {
    const held: Held[] = [];
    for (const stream of this.#streams.values()) {
      for (const [sequence, row] of stream.rows) held.push({ row, stream, sequence });
    }
    return held
      .filter(({ row }) => holds(span, row.eventTimeMs))
      .filter(({ row }) => token === undefined || (row.chainId === token.chainId && row.token === token.token))
      .filter((one) => this.#isValid(one) && !isBehindEdge(one, edges))
      .map(({ row }) => row)
      .sort(compareRows);
  }

  #isValid({ row, stream }: Held): boolean {
    const ofPartition = [...this.#streams.values()].filter(
      ({ logId, partition, span }) =>
        logId === stream.logId && partition === stream.partition && holds(span, row.eventTimeMs),
    );
    const newest = ofPartition.sort((a, b) => b.epoch - a.epoch)[0];
    return newest === stream;
  }
}

function withSequences({ sequences: a, ...gap }: HistoryGap, { sequences: b }: HistoryGap): HistoryGap {
  if (a === undefined || b === undefined) return gap;
  return { ...gap, sequences: { from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) } };
}

function isBehindEdge({ stream, sequence }: Held, edges: readonly Edge[]): boolean {
  return edges.some((edge) => nameOf(edge) === nameOf(stream) && sequence >= edge.sequence);
}

function statusOf({ logId, partition, epoch, span, rows, settledBeforeMs }: Stream): StreamStatus {
  const sequences = [...rows.keys()];
  const firstSequence = sequences.length === 0 ? 0 : Math.min(...sequences);
  const nextSequence = sequences.length === 0 ? 0 : Math.max(...sequences) + 1;
  return { logId, partition, epoch, span, firstSequence, nextSequence, rows: rows.size, settledBeforeMs };
}
