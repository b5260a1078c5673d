/** Opens tables: finds the delimiter and the header, and cuts the rows into cells. */

import type { Mapping } from "../../mapping/language.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { columnsFound } from "./columns.ts";
import { HEAD_BYTES } from "./kinds.ts";
import { BAD_ROW, type RowFault } from "./rows.ts";
import { type TableRow, TableRows } from "./table-rows.ts";

const ROWS_AT_ONCE = 1000;
const COLUMNS_MAX = 10_000;
const DELIMITERS = [",", ";", "\t", "|"];
/** First line of files from Excel, which names the delimiter. */
const SEPARATOR_LINE = /^"?sep=([^"\r\n])"?$/i;

type Table = {
  readonly header: readonly string[];
  /** Rows with as many cells as the header, and faults. */
  readonly rows: AsyncIterable<readonly (TableRow | RowFault)[]>;
};

/**
 * Opens a table. `mapping` undefined: the columns are named like the fields of the event. `head` is the start of the file. Throws
 * `bad_request` when there is no header, or none of the mapping with its delimiter.
 */
export function openTable(
  head: Buffer,
  chunks: AsyncIterable<Buffer>,
  mapping: Mapping | undefined,
  name: string,
): Table {
  const { delimiter, header, separatorLine } = readHeader(head, mapping, name);
  const rows = new TableRows(delimiter, lineEndOf(head));
  const skip = (mapping?.columns === undefined ? 1 : 0) + (separatorLine ? 1 : 0);
  return { header, rows: readRows(rows, chunks, { columns: header.length, skip, delimiter }) };
}

type Reading = {
  readonly columns: number;
  /** Number of rows before the first row of data. */
  readonly skip: number;
  readonly delimiter: string;
};

async function* readRows(
  rows: TableRows,
  chunks: AsyncIterable<Buffer>,
  reading: Reading,
): AsyncGenerator<readonly (TableRow | RowFault)[]> {
  let skip = reading.skip;
  // Only after the header, which may have another line before it.
  if (skip === 0) rows.columns = reading.columns;
  const drain = function* (): Generator<readonly (TableRow | RowFault)[]> {
    let found: (TableRow | RowFault)[] = [];
    for (let row = rows.next(); row !== undefined; row = rows.next()) {
      if (skip > 0) {
        if (--skip === 0) rows.columns = reading.columns;
        continue;
      }
      found.push("cells" in row && row.cells.length !== reading.columns ? misfit(row, reading) : row);
      if (found.length < ROWS_AT_ONCE) continue;
      yield found;
      found = [];
    }
    if (found.length > 0) yield found;
  };
  for await (const chunk of chunks) {
    rows.push(chunk);
    yield* drain();
  }
  rows.end();
  yield* drain();
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
