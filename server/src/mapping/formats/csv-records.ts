/** Reads records that are rows of a table, such as lines of CSV in a topic. Each becomes a JSON object of its columns. */
import type { DeadLetterCode } from "../../codecs/dead-letter-codes.ts";
import { RECORD_BYTES_MAX } from "../../codecs/limits.ts";
import { isUtf8 } from "../../codecs/utf8.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { printableCut } from "../../shared/printable-text.ts";
import type { Mapping } from "../language.ts";
import type { MappedRecord, MappingOutcome } from "../mapper.ts";
import type { ElementReader } from "./element-reader.ts";
import { rowAt, rowObject } from "./table-rows.ts";

const COLUMNS_MAX = 1_000;
const DEFAULT_DELIMITER = ",";
const ASCII_MAX = 127;

/** Returns the byte between the cells of a mapping's tables. Throws `bad_request` when it is none. */
export function delimiterByte({ name, delimiter = DEFAULT_DELIMITER }: Pick<Mapping, "name" | "delimiter">): number {
  const byte = delimiter.charCodeAt(0);
  if (delimiter.length === 1 && byte <= ASCII_MAX) return byte;
  const message = `the mapping ${name} has the delimiter ${JSON.stringify(delimiter)}; rows of records need one ASCII character`;
  throw new SwapstatsError("bad_request", message);
}

/** Throws `bad_request` for names that are too many. */
export function checkedColumns(columns: readonly string[]): readonly string[] {
  if (columns.length <= COLUMNS_MAX) return columns;
  const message = `the table has ${columns.length} columns, and at most ${COLUMNS_MAX} are read; check its delimiter`;
  throw new SwapstatsError("bad_request", message);
}

export class CsvReader implements ElementReader {
  readonly #json: ElementReader;
  readonly #columns: readonly string[];
  readonly #delimiter: number;
  /** What was wrong with the last record. */
  #problem = "";

  /** `json` reads the objects of rows. Throws `bad_request` for a mapping without columns, and with a delimiter that is no byte. */
  constructor(json: ElementReader, mapping: Mapping) {
    const { name, columns } = mapping;
    if (columns === undefined) {
      const message = `the mapping ${name} has the format csv, but no \`columns\`; a record has no header, so name all of its columns in order`;
      throw new SwapstatsError("bad_request", message);
    }
    this.#json = json;
    this.#columns = checkedColumns(columns);
    this.#delimiter = delimiterByte(mapping);
  }

  get elementCount(): number {
    return this.#json.elementCount;
  }

  read(record: MappedRecord): MappingOutcome {
    const { bytes, start, end } = record;
    if (end - start > RECORD_BYTES_MAX) return "record_too_large";
    if (!isUtf8(bytes, start, end)) return "invalid_utf8";
    const row = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
    const { cells = [], next = 0 } = rowAt(row, 0, this.#delimiter, true) ?? {};
    if (cells.length === 0 && row.length > 0) {
      return this.#refuse(
        `a quote is not closed, or text follows the quote that closes a cell; double the quotes inside a quoted cell: ${printableCut(row.toString())}`,
      );
    }
    if (next < row.length) return this.#refuse("it has more than one row");
    const { length } = this.#columns;
    if (cells.length !== length) {
      return this.#refuse(
        `it has ${cells.length} cells, and there are ${length} columns: ${printableCut(row.toString())}`,
      );
    }
    const object = rowObject(this.#columns, cells);
    return this.#json.read({ ...record, bytes: object, start: 0, end: object.length });
  }

  fill(element: number): void {
    this.#json.fill(element);
  }

  loadSchema(signal: AbortSignal): Promise<void> {
    return this.#json.loadSchema(signal);
  }

  refusalText(code: DeadLetterCode, record: MappedRecord): string {
    if (code === "malformed_record") return `the row cannot be read: ${this.#problem}`;
    return this.#json.refusalText(code, record);
  }

  #refuse(problem: string): "malformed_record" {
    this.#problem = problem;
    return "malformed_record";
  }
}
