/**
 * Takes rows out of the bytes of a table, and makes of each a JSON object with a text for each column. A mapping reads it as any other
 * record.
 */
import { RECORD_BYTES_MAX } from "../../../codecs/limits.ts";
import { rowAt, rowObject } from "../../../mapping/formats/table-rows.ts";
import type { MappedRecord } from "../../../mapping/mapper.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import { printableCut } from "../../../shared/printable-text.ts";
import { ORIGIN_BATCH_BYTES_MAX, ORIGIN_BATCH_RECORDS_MAX } from "../origin.ts";
import { markLength, type Split, type SplitFrom } from "./lines.ts";

const COLUMNS_MAX = 1_000;
/** The names are kept with the position. */
const HEADER_BYTES_MAX = 32 * 1024;

type RowsFrom = SplitFrom & {
  /** Columns as they are known so far. Undefined: the first row names them. */
  readonly columns: readonly string[] | undefined;
  /** Whether the first row of a file may name the columns. False when the mapping names them. */
  readonly hasHeader: boolean;
  /** One byte. */
  readonly delimiter: number;
};

type RowsSplit = Split & { readonly columns: readonly string[] | undefined };

/** Throws `bad_request` when a header has too many or too long names, or another delimiter. */
export function splitRows(bytes: Buffer, from: RowsFrom): RowsSplit {
  const { offset, isEnd, delimiter, hasHeader } = from;
  let { columns, row } = from;
  const records: MappedRecord[] = [];
  let start = offset === 0 ? markLength(bytes) : 0;
  let isFirst = offset === 0;
  let made = 0;
  while (start < bytes.length && records.length < ORIGIN_BATCH_RECORDS_MAX) {
    const found = rowAt(bytes, start, delimiter, isEnd);
    if (found === undefined || found.next - start > RECORD_BYTES_MAX) {
      if (bytes.length - start <= RECORD_BYTES_MAX) break;
      // Too long for a row: a quote is never closed. The stream goes on behind the next line break.
      records.push({ bytes, start, end: start + RECORD_BYTES_MAX + 1, row: row + 1 });
      return { records, consumed: start + RECORD_BYTES_MAX + 1, row: row + 1, isInside: true, columns };
    }
    const { cells, end, next } = found;
    const isHeader = hasHeader && isFirst && (columns === undefined || isHeaderAgain(cells, columns));
    if (isHeader) columns = checkedHeader(cells);
    else if (end > start) {
      const record = recordOf(bytes, start, end, cells, columns ?? [], row + 1);
      made += record.end - record.start;
      if (made > ORIGIN_BATCH_BYTES_MAX && records.length > 0) break;
      records.push(record);
    }
    row++;
    isFirst = false;
    start = next;
  }
  return { records, consumed: start, row, isInside: false, columns };
}

/** A row that does not fit its columns stays as it is, and becomes a dead letter, because it is no JSON. */
function recordOf(
  bytes: Buffer,
  start: number,
  end: number,
  cells: readonly string[],
  columns: readonly string[],
  row: number,
): MappedRecord {
  if (cells.length !== columns.length) return { bytes, start, end, row };
  const object = rowObject(columns, cells);
  return { bytes: object, start: 0, end: object.length, row };
}

/** A file that continues another one may repeat the header, or not. */
function isHeaderAgain(cells: readonly string[], columns: readonly string[]): boolean {
  const known = cells.filter((cell) => columns.includes(cell.trim())).length;
  return known > 0 && known >= columns.length / 2;
}

function checkedHeader(cells: readonly string[]): readonly string[] {
  const columns = cells.map((cell) => cell.trim());
  if (columns.length < 2 && (columns[0] === undefined || /[,;\t|]/.test(columns[0]))) {
    const message = `The header of the table has no second column: ${printableCut(columns[0] ?? "its quote is not closed")}. Write the table's \`delimiter\` into the mapping, and close its quotes.`;
    throw new SwapstatsError("bad_request", message);
  }
  const bytes = Buffer.byteLength(JSON.stringify(columns));
  if (columns.length > COLUMNS_MAX || bytes > HEADER_BYTES_MAX) {
    const message = `The header has ${columns.length} columns in ${bytes} bytes; at most ${COLUMNS_MAX} columns in ${HEADER_BYTES_MAX} bytes can be read. Check the delimiter of the mapping.`;
    throw new SwapstatsError("bad_request", message);
  }
  return columns;
}
