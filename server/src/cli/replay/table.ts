/** Makes lines of NDJSON from tables. The header names the columns, and the column mapping makes the events of each row. */
import { SwapstatsError } from "../../shared/errors.ts";
import { bindMapping, columnsFound, mappingOfHeader, type RowReader } from "./binding.ts";
import { HEAD_BYTES } from "./kinds.ts";
import type { Mapping } from "./mapping.ts";
import { BAD_ROW, type Batch, type RowFault } from "./rows.ts";
import { type TableRow, TableRows } from "./table-rows.ts";

const CHUNK_CHARS = 256 * 1024;
const COLUMNS_MAX = 10_000;
const FAULTS_MAX = 1000;
const DELIMITERS = [",", ";", "\t", "|"];
/** First line of files from Excel, which names the delimiter. */
const SEPARATOR_LINE = /^"?sep=([^"\r\n])"?$/i;

/**
 * Yields batches of the rows. `mapping` undefined: the columns are named like the fields of the event. `head` is the start of the
 * file. Throws `bad_request` when the header does not fit the mapping.
 */
export function openTable(
  head: Buffer,
  chunks: AsyncIterable<Buffer>,
  mapping: Mapping | undefined,
  file: number,
  name: string,
): AsyncGenerator<Batch> {
  const { delimiter, header, separatorLine } = readHeader(head, mapping, name);
  const used = mapping ?? mappingOfHeader(header, name);
  const readRow = bindMapping(used, header, name);
  const rows = new TableRows(delimiter, lineEndOf(head));
  const skip = (mapping?.columns === undefined ? 1 : 0) + (separatorLine ? 1 : 0);
  return readRows(rows, chunks, { readRow, columns: header.length, skip, delimiter, file });
}

type Reading = {
  readonly readRow: RowReader;
  readonly columns: number;
  /** Number of rows before the first row of data. */
  readonly skip: number;
  readonly delimiter: string;
  readonly file: number;
};

async function* readRows(rows: TableRows, chunks: AsyncIterable<Buffer>, reading: Reading): AsyncGenerator<Batch> {
  let skip = reading.skip;
  // Only after the header, which may have another line before it.
  if (skip === 0) rows.columns = reading.columns;
  const batch = new TableBatch(reading.file);
  const drain = function* (): Generator<Batch> {
    for (let row = rows.next(); row !== undefined; row = rows.next()) {
      if (skip > 0) {
        if (--skip === 0) rows.columns = reading.columns;
        continue;
      }
      if ("code" in row) batch.fault(row);
      else if (row.cells.length !== reading.columns) batch.fault(misfit(row, reading));
      else batch.add(row.row, reading.readRow(row.cells));
      if (batch.isFull) yield batch.take();
    }
  };
  for await (const chunk of chunks) {
    rows.push(chunk);
    yield* drain();
    // Rows that were read are passed on, however slowly the rest comes.
    if (!batch.isEmpty) yield batch.take();
  }
  rows.end();
  yield* drain();
  yield batch.take();
}

/** Collects the lines of one batch. */
export class TableBatch {
  readonly #file: number;
  #parts: string[] = [];
  #chars = 0;
  #rows: number[] = [];
  #faults: RowFault[] = [];

  constructor(file: number) {
    this.#file = file;
  }

  get isFull(): boolean {
    return this.#chars >= CHUNK_CHARS || this.#faults.length >= FAULTS_MAX;
  }

  get isEmpty(): boolean {
    return this.#rows.length + this.#faults.length === 0;
  }

  add(row: number, events: readonly string[]): void {
    for (const event of events) {
      this.#parts.push(event);
      this.#chars += event.length;
      this.#rows.push(row);
    }
  }

  fault(fault: RowFault): void {
    this.#faults.push(fault);
  }

  take(): Batch {
    const text = this.#parts.length === 0 ? "" : `${this.#parts.join("\n")}\n`;
    const batch = { file: this.#file, bytes: Buffer.from(text), rows: this.#rows, faults: this.#faults };
    this.#parts = [];
    this.#chars = 0;
    this.#rows = [];
    this.#faults = [];
    return batch;
  }
}

function misfit({ row, cells, raw }: TableRow, { columns, delimiter }: Reading): RowFault {
  const shown = delimiter === "\t" ? "tab" : `"${delimiter}"`;
  const message =
    cells.length > columns
      ? `the row has ${cells.length} cells, and the header ${columns}; a cell with a ${shown} in it needs quotes around it`
      : `the row has ${cells.length} cells, and the header ${columns}; it may be cut`;
  return { row, code: BAD_ROW, value: raw, message, raw };
}

function lineEndOf(head: Buffer): "lf" | "cr" {
  return head.indexOf(10) === -1 && head.indexOf(13) !== -1 ? "cr" : "lf";
}

type Header = { readonly delimiter: string; readonly header: readonly string[]; readonly separatorLine: boolean };

/** Returns the delimiter of the mapping, or the one that finds most columns of the mapping. */
function readHeader(head: Buffer, mapping: Mapping | undefined, name: string): Header {
  if (head.length >= HEAD_BYTES && head.indexOf(10) === -1 && head.indexOf(13) === -1) {
    const message = `${name} starts with a line of more than ${head.length} bytes, which is not a header of a table`;
    throw new SwapstatsError("bad_request", message);
  }
  const [first = []] = firstRows(head, "\u0000");
  const separator = SEPARATOR_LINE.exec(first[0] ?? "")?.[1];
  const at = separator === undefined ? 0 : 1;
  const given = mapping?.delimiter ?? separator;
  const tried = [...new Set(given === undefined ? DELIMITERS : [given, ...DELIMITERS])].map((delimiter) => {
    const header = mapping?.columns ?? firstRows(head, delimiter)[at]?.map((cell) => cell.trim()) ?? [];
    const width = firstRows(head, delimiter)[at]?.length ?? 0;
    return { delimiter, header, width, found: mapping === undefined ? header.length : columnsFound(mapping, header) };
  });
  const best = tried.reduce((a, b) => (b.found > a.found || (b.found === a.found && b.width > a.width) ? b : a));
  const chosen = given === undefined ? best : (tried[0] as (typeof tried)[number]);
  if (chosen.width === 0) {
    throw new SwapstatsError("bad_request", `${name} has no header line; a table starts with the names of its columns`);
  }
  if (chosen.found === 0 && best.found > 0) {
    const better = best.delimiter === "\t" ? "tab" : best.delimiter;
    const message = `${name} has no column of the mapping with its delimiter, but has them with ${JSON.stringify(better)}; change or remove \`delimiter\` in the mapping`;
    throw new SwapstatsError("bad_request", message);
  }
  if (chosen.header.length > COLUMNS_MAX) {
    const message = `${name} has ${chosen.header.length} columns, and at most ${COLUMNS_MAX} are read; is it a table?`;
    throw new SwapstatsError("bad_request", message);
  }
  return { delimiter: chosen.delimiter, header: chosen.header, separatorLine: separator !== undefined };
}

function firstRows(head: Buffer, delimiter: string): string[][] {
  const rows = new TableRows(delimiter, lineEndOf(head));
  rows.push(head);
  rows.end();
  return [rows.next(), rows.next()].flatMap((row) => (row !== undefined && "cells" in row ? [row.cells] : []));
}
