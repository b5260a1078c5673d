/**
 * Cuts bodies into the records of a mapping. The mapping's format decides how; the media type of the body does not. Without a format, a body is JSON
 * or a table, as files are.
 */
import { type EventRanges, splitBody } from "../../codecs/body-splitter.ts";
import { checkedColumns, delimiterByte } from "../../mapping/formats/csv-records.ts";
import { rowAt } from "../../mapping/formats/table-rows.ts";
import { ALL_ELEMENTS, type Mapping } from "../../mapping/language.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { printableCut } from "../../shared/printable-text.ts";

/** How the rows of a body are read. */
export type BodyTable = { readonly columns: readonly string[]; readonly delimiter: string };

type BodyRecords = {
  /** Record i is body[starts[i], ends[i]). */
  readonly ranges: EventRanges;
  /** Undefined: the body is no table. */
  readonly table: BodyTable | undefined;
};

const MARK = [0xef, 0xbb, 0xbf];
const DELIMITERS = [",", ";", "\t", "|"];
/** Characters of a first line that a message shows. */
const LINE_SHOWN = 200;

/** Throws `bad_request` for a body that cannot be read as a whole, and `too_large` for one with more records. */
export function recordsOf(body: Uint8Array, mapping: Mapping, recordsMax: number): BodyRecords {
  const { format } = mapping;
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
  const start = MARK.every((byte, i) => body[i] === byte) ? MARK.length : 0;
  if (format === "csv" || (format === undefined && looksLikeTable(bytes, start))) {
    return rowsOf(bytes, start, mapping, recordsMax);
  }
  const isJson = format === undefined || format === "json" || (format === "json_schema" && body[0] !== 0);
  const whole = (): EventRanges => ({ count: 1, starts: Uint32Array.of(0), ends: Uint32Array.of(body.length) });
  return { ranges: isJson ? splitBody(body, recordsMax) : whole(), table: undefined };
}

/** Text that begins with no object and no list, and has no line of JSON after a broken one. */
function looksLikeTable(body: Buffer, start: number): boolean {
  if (body.indexOf("\n{") !== -1) return false;
  const head = body.toString("latin1", start, start + LINE_SHOWN);
  const first = head.trimStart()[0];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: bytes that no table has
  return first !== undefined && first !== "{" && first !== "[" && !/[\x00-\x08\x0e-\x1f]/.test(head);
}

function rowsOf(body: Buffer, first: number, mapping: Mapping, recordsMax: number): BodyRecords {
  const starts: number[] = [];
  const ends: number[] = [];
  let table: BodyTable | undefined;
  let delimiter = delimiterByte(mapping);
  let start = first;
  while (start < body.length) {
    if (table === undefined && !isBlankLine(body, start)) {
      table = tableAt(body, start, mapping);
      delimiter = delimiterByte({ name: mapping.name, delimiter: table.delimiter });
      if (mapping.columns === undefined) {
        start = rowAt(body, start, delimiter, true)?.next ?? body.length;
        continue;
      }
    }
    const row = rowAt(body, start, delimiter, true);
    if (row === undefined) break;
    const isBlank = row.cells.length === 1 && row.cells[0]?.trim() === "";
    if (!isBlank) {
      if (starts.length === recordsMax) {
        throw new SwapstatsError(
          "too_large",
          `the body holds more than ${recordsMax} rows; send them in several requests`,
        );
      }
      starts.push(start);
      ends.push(row.end);
    }
    start = row.next;
  }
  if (table === undefined) {
    throw new SwapstatsError("bad_request", "the body is empty; a table starts with the names of its columns");
  }
  const ranges = { count: starts.length, starts: Uint32Array.from(starts), ends: Uint32Array.from(ends) };
  return { ranges, table };
}

function isBlankLine(body: Buffer, start: number): boolean {
  const end = body.indexOf(10, start);
  return body.toString("latin1", start, end === -1 ? body.length : end).trim() === "";
}

/** Returns the table whose first row is at `start`, with the delimiter that fits the mapping best unless it names one. */
function tableAt(body: Buffer, start: number, mapping: Mapping): BodyTable {
  const { name, columns, delimiter: given, each } = mapping;
  if (each?.some((step) => step !== ALL_ELEMENTS)) {
    const message = `the body is a table, whose rows have no lists, but the mapping has \`each\`; send JSON, or remove \`each\``;
    throw new SwapstatsError("bad_request", message);
  }
  const tried = (given === undefined ? DELIMITERS : [given]).map((delimiter) => {
    const row = rowAt(body, start, delimiterByte({ name, delimiter }), true);
    const cells = row?.cells.map((cell) => cell.trim()) ?? [];
    const found = columns === undefined ? columnsFound(mapping, cells) : Number(cells.length === columns.length);
    return { delimiter, cells, found };
  });
  const best = tried.reduce((a, b) => (b.found > a.found ? b : a));
  if (columns !== undefined) return { columns, delimiter: best.delimiter };
  if (best.found === 0 && columnsOf(mapping).length > 0) {
    const line = printableCut(body.toString("utf8", start, start + LINE_SHOWN).split("\n", 1)[0] ?? "");
    const wanted = columnsOf(mapping).slice(0, 10).join(", ");
    const message = `the body is neither JSON nor a table with a column of the mapping (${wanted}): its first row is ${line}; start the table with the names of its columns, or name them in \`columns\` of the mapping`;
    throw new SwapstatsError("bad_request", message);
  }
  return { columns: checkedColumns(best.cells), delimiter: best.delimiter };
}

/** Names of the columns that the mapping refers to. */
function columnsOf({ references }: Mapping): string[] {
  return references.flatMap((reference) => {
    if (reference.of === "element") return reference.name;
    return reference.of === "record" ? reference.steps.join(".") : [];
  });
}

function columnsFound(mapping: Mapping, header: readonly string[]): number {
  const names = new Set(header.map((name) => name.toLowerCase()));
  return columnsOf(mapping).filter((name) => names.has(name.toLowerCase())).length;
}
