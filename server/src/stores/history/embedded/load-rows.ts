/** Loads rows into DuckDB, by column: see row-table.ts. */
import type { DuckDBConnection } from "@duckdb/node-api";
import { SettledFields } from "../../../codecs/settled-fields.ts";
import { settledChunkOf } from "../../../codecs/settled-form.ts";
import type { RawBatch, SettledBatch, SettledRow } from "../../../ports/history-store.ts";
import type { CatalogStream, SeenToken } from "./catalog.ts";
import { EVENT_COLUMNS, SWAP_COLUMNS } from "./columns.ts";
import { type Duck, quoted } from "./duck.ts";
import { DAY_MS, floorTo } from "./plan.ts";
import { RowOrder } from "./row-order.ts";
import { type Column, RowTable } from "./row-table.ts";
import { setFields, setRow, setText, swapColumns } from "./swap-columns.ts";
import { TextHeap } from "./text-heap.ts";

/** Rows [fromSequence, toSequence) of a batch: those that the store does not have yet. */
export type FreshRows = {
  readonly stream: CatalogStream;
  readonly batch: SettledBatch;
  readonly fromSequence: number;
  readonly toSequence: number;
};

export type LoadedRows = {
  readonly tokens: readonly SeenToken[];
  /** Days that have rows. */
  readonly days: readonly number[];
  /** The time of the first row of each stream. */
  readonly firstMs: ReadonlyMap<number, number>;
};

/** About what the texts of a row take. */
const TEXT_BYTES = 256;

/** Creates the temporary view `fresh` over the rows, sorted, with the columns of the files. It is dropped with the connection. */
export async function loadRows(
  duck: Duck,
  connection: DuckDBConnection,
  fresh: readonly FreshRows[],
): Promise<LoadedRows> {
  const loader = new SettledLoader(
    duck.api,
    fresh.reduce((sum, { fromSequence, toSequence }) => sum + toSequence - fromSequence, 0),
  );
  for (const one of fresh) loader.add(one);
  const { order } = loader;
  const streams = new Set(fresh.map(({ stream }) => stream));
  const ofStream = (of: (stream: CatalogStream) => string): string =>
    `CASE stream ${[...streams].map((stream) => `WHEN ${stream.id} THEN ${of(stream)}`).join(" ")} END`;
  const made = {
    log_id: ofStream(({ logId }) => quoted(logId)),
    partition: ofStream(({ partition }) => `${partition}`),
    epoch: ofStream(({ epoch }) => `${epoch}`),
  };
  const view = { name: "fresh", columns: SWAP_COLUMNS, made };
  await createView(duck, connection, view, loader.columns, loader.table, order.sorted());
  return { tokens: order.tokens, days: [...loader.days], firstMs: loader.firstMs };
}

class SettledLoader {
  readonly heap: TextHeap;
  readonly columns: readonly Column[];
  readonly table: RowTable;
  readonly order: RowOrder;
  readonly days = new Set<number>();
  readonly firstMs = new Map<number, number>();
  readonly #price: number;
  #dayMs = -1;

  constructor(api: Duck["api"], rows: number) {
    const shared = swapColumns(api);
    this.#price = shared.length;
    this.columns = [
      ...shared,
      { name: "price", type: api.DOUBLE, words: 2 },
      { name: "sequence", type: api.BIGINT, words: 2 },
      { name: "stream", type: api.UINTEGER, words: 1 },
    ];
    this.heap = new TextHeap(rows * TEXT_BYTES);
    this.table = new RowTable(this.columns, rows, this.heap);
    this.order = new RowOrder(rows);
  }

  add(fresh: FreshRows): void {
    const { stream, batch, fromSequence, toSequence } = fresh;
    if (batch.chunks === undefined) {
      const rows = batch.rows.slice(fromSequence - batch.fromSequence, toSequence - batch.fromSequence);
      for (const [i, row] of rows.entries()) this.#addRow(row, stream.id, fromSequence + i);
    } else for (const chunk of batch.chunks) this.#addChunk(chunk, fresh);
  }

  #addRow(swap: SettledRow, stream: number, sequence: number): void {
    const { table, heap, order } = this;
    const { chainId, symbol, price, eventTimeMs } = swap;
    const row = table.next();
    setRow(table, heap, swap);
    this.#finish(price ?? Number.NaN, sequence, stream, eventTimeMs);
    const name = Buffer.from(swap.token);
    const token = order.tokenOf(chainId, name, 0, name.length);
    order.place(row, token, eventTimeMs);
    if (symbol !== undefined && order.isNewest(token, eventTimeMs)) order.name(token, eventTimeMs, symbol);
  }

  #addChunk(chunk: Uint8Array<ArrayBuffer>, { stream, fromSequence, toSequence }: FreshRows): void {
    const { table, heap, order } = this;
    let sequence = settledChunkOf(chunk).fromSequence;
    const fields = new SettledFields(chunk);
    const { bytes, symbol } = fields;
    const base = heap.copy(bytes);
    for (let rows = fields.nextGroup(); rows > 0; rows = fields.nextGroup()) {
      const token = order.tokenOf(fields.chainId, bytes, fields.token.from, fields.token.to);
      for (const end = sequence + rows; sequence < end; sequence++) {
        const isWanted = sequence >= fromSequence && sequence < toSequence;
        fields.nextRow(isWanted);
        if (!isWanted) continue;
        const { eventTimeMs } = fields;
        const row = table.next();
        setFields(table, heap, fields, base);
        this.#finish(fields.price, sequence, stream.id, eventTimeMs);
        order.place(row, token, eventTimeMs);
        if (symbol.from < symbol.to && order.isNewest(token, eventTimeMs)) {
          order.name(token, eventTimeMs, bytes.toString("utf8", symbol.from, symbol.to));
        }
      }
    }
  }

  #finish(price: number, sequence: number, stream: number, eventTimeMs: number): void {
    const { table } = this;
    if (!Number.isNaN(price)) table.double(this.#price, price);
    table.u64(this.#price + 1, sequence);
    table.u32(this.#price + 2, stream);
    if (eventTimeMs < (this.firstMs.get(stream) ?? Number.POSITIVE_INFINITY)) this.firstMs.set(stream, eventTimeMs);
    if (eventTimeMs >= this.#dayMs && eventTimeMs < this.#dayMs + DAY_MS) return;
    this.#dayMs = floorTo(eventTimeMs, DAY_MS);
    this.days.add(this.#dayMs);
  }
}

/** Creates the temporary view `fresh_events`. Resolves with the days of the rows. */
export async function loadRawRows(
  duck: Duck,
  connection: DuckDBConnection,
  batches: readonly RawBatch[],
): Promise<number[]> {
  const { BIGINT, TIMESTAMP_MS, UINTEGER, VARCHAR } = duck.api;
  const rows = batches.reduce((sum, batch) => sum + batch.rows.length, 0);
  const heap = new TextHeap(rows * TEXT_BYTES);
  const shared = swapColumns(duck.api);
  const first = shared.length;
  const columns: Column[] = [
    ...shared,
    { name: "log_id", type: VARCHAR, words: 4 },
    { name: "partition", type: UINTEGER, words: 1 },
    { name: "epoch", type: BIGINT, words: 2 },
    { name: "offset", type: BIGINT, words: 2 },
    { name: "record_index", type: UINTEGER, words: 1 },
    { name: "arrival", type: TIMESTAMP_MS, words: 2 },
    { name: "is_removal", type: UINTEGER, words: 1 },
    { name: "outcome", type: VARCHAR, words: 4 },
  ];
  const table = new RowTable(columns, rows, heap);
  const days = new Set<number>();
  for (const batch of batches) {
    const logFrom = heap.add(batch.logId);
    const logTo = heap.end;
    for (const row of batch.rows) {
      table.next();
      setRow(table, heap, row);
      table.text(first, logFrom, logTo);
      table.u32(first + 1, batch.partition);
      table.u64(first + 2, batch.epoch);
      table.u64(first + 3, row.offset);
      table.u32(first + 4, row.index);
      table.u64(first + 5, row.arrivalMs);
      table.u32(first + 6, row.isRemoval ? 1 : 0);
      setText(table, first + 7, heap, row.outcome);
      days.add(floorTo(row.eventTimeMs, DAY_MS));
    }
  }
  const order = Uint32Array.from({ length: rows }, (_, i) => i);
  const view = { name: "fresh_events", columns: EVENT_COLUMNS, made: { removed: "is_removal = 1" } };
  await createView(duck, connection, view, columns, table, order);
  return [...days];
}

type View = {
  readonly name: string;
  readonly columns: readonly (readonly [name: string, type: string])[];
  /** Columns that are made of those of the table. */
  readonly made: Readonly<Record<string, string>>;
};
const MADE: View["made"] = { side: "if(is_buy = 1, 'buy', 'sell')", schema_version: "1" };

async function createView(
  duck: Duck,
  connection: DuckDBConnection,
  view: View,
  columns: readonly Column[],
  rows: RowTable,
  order: Uint32Array,
): Promise<void> {
  const table = `${view.name}_loaded`;
  const declared = columns.map(({ name, type }) => `"${name}" ${type}`);
  await connection.run(`CREATE TEMP TABLE ${table} (${declared.join(", ")})`);
  await rows.append(duck, connection, table, order);
  const selected = view.columns.map(([name, type]) => {
    const made = view.made[name] ?? MADE[name];
    return made === undefined ? `"${name}"` : `(${made})::${type} AS "${name}"`;
  });
  await connection.run(`CREATE TEMP VIEW ${view.name} AS SELECT ${selected.join(", ")} FROM ${table}`);
}
