/**
 * Cuts the bytes of a table into rows of cells: quotes as in RFC 4180, and what real files do beside it. Why not csv-parse: one
 * quote that is not closed swallows the rest of a file there, and there is no way to go on behind it.
 *
 * - A quote inside a cell that does not begin with one is a character like others (`5" PIZZA`).
 * - Text behind the quote that closes a cell makes the row a fault.
 * - A quoted cell may have line feeds. Where its quote is not closed within the limits, the line on which the row begins is a
 *   fault, and reading goes on with the next line. Up to where it was looked for, cells then end with their line: so
 *   each line is looked at twice at most, whatever the file holds.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { BAD_ROW, type RowFault } from "./rows.ts";

export const ROW_BYTES_MAX = 1024 * 1024;
/** Lines that one row may span by line feeds in quoted cells. */
export const ROW_LINES_MAX = 1000;
/** What a fault keeps of its row. */
const RAW_CHARS_MAX = 64 * 1024;
/** What is told of a row that is too long. */
const QUOTED_BYTES = 256;
const TOO_LONG = `the row is longer than ${ROW_BYTES_MAX} bytes; leave it out, or close the quote that it begins with`;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const QUOTE = 0x22;

export type TableRow = { readonly row: number; readonly cells: string[]; readonly raw: string };
type Line = { readonly start: number; readonly end: number; readonly next: number };

export class TableRows {
  readonly #delimiter: string;
  readonly #lineEnd: number;
  #buffer: Buffer = Buffer.alloc(0);
  #position = 0;
  #ended = false;
  /** Number of the line at `position`, from 1. */
  #row = 1;
  /** Rows that begin on a line before this one end on it. */
  #singleUntil = 0;
  #skipping = false;
  #longStart = "";
  /** Cells of a row, once the header is known. */
  columns: number | undefined;
  /** Lines that were looked at, for tests of the work that hostile files make. */
  linesSeen = 0;

  constructor(delimiter: string, lineEnd: "lf" | "cr") {
    this.#delimiter = delimiter;
    this.#lineEnd = lineEnd === "lf" ? LINE_FEED : CARRIAGE_RETURN;
  }

  /** Takes a copy of the next bytes. */
  push(chunk: Buffer): void {
    const left = this.#buffer.subarray(this.#position);
    this.#buffer = Buffer.concat([left, chunk]);
    this.#position = 0;
  }

  end(): void {
    this.#ended = true;
  }

  /** The next row that is not empty, what is wrong with it, or undefined: it needs more bytes, or is at the end. */
  next(): TableRow | RowFault | undefined {
    for (;;) {
      const line = this.#lineAt(this.#position);
      if (line === undefined) {
        if (!this.#skipLong()) return undefined;
        return this.#fault(this.#longStart, "record_too_large", TOO_LONG);
      }
      if (this.#skipping) {
        // The end of a line that was too long: its fault is told already.
        this.#skipping = false;
        this.#pass(line.next, 1);
        continue;
      }
      if (line.end - line.start > ROW_BYTES_MAX) {
        const fault = this.#fault(this.#textAt(line.start), "record_too_large", TOO_LONG);
        this.#pass(line.next, 1);
        return fault;
      }
      if (this.#isBlank(line)) {
        this.#pass(line.next, 1);
        continue;
      }
      return this.#rowAt(line);
    }
  }

  #rowAt(line: Line): TableRow | RowFault | undefined {
    const bytes = this.#buffer.subarray(line.start, line.end);
    if (!isAscii(bytes) && !isUtf8(bytes)) {
      const fault = this.#fault(
        bytes.toString("latin1"),
        "invalid_utf8",
        "the row is not valid UTF-8; save it as UTF-8",
      );
      this.#pass(line.next, 1);
      return fault;
    }
    const raw = bytes.toString();
    if (bytes.indexOf(QUOTE) === -1) {
      const row = this.#row;
      this.#pass(line.next, 1);
      return { row, cells: raw.split(this.#delimiter), raw };
    }
    return this.#quotedRow(line, raw);
  }

  /** A row with quotes, which may go on over several lines. */
  #quotedRow(first: Line, firstText: string): TableRow | RowFault | undefined {
    const cells = new CellReader(this.#delimiter);
    let text = firstText;
    let lines = 1;
    let line = first;
    for (;;) {
      const state = cells.take(text);
      // A row over several lines whose cells do not fit the header is most likely none: two stray quotes have met.
      const isMisfit = lines > 1 && this.columns !== undefined && cells.cells.length !== this.columns;
      if (state === "closed" && !isMisfit) {
        const row = this.#row;
        const raw = lines === 1 ? firstText : this.#buffer.toString("utf8", first.start, line.end);
        this.#pass(line.next, lines);
        return { row, cells: cells.cells, raw };
      }
      const next = state === "open" ? this.#lineAt(line.next) : undefined;
      const isSingle = this.#row < this.#singleUntil;
      if (state === "open" && next === undefined && !this.#ended && !isSingle && lines < ROW_LINES_MAX) {
        if (this.#buffer.length - first.start <= ROW_BYTES_MAX) return undefined;
      }
      const isOver = lines === ROW_LINES_MAX || next === undefined || next.end - first.start > ROW_BYTES_MAX;
      if (state !== "open" || isSingle || isOver) {
        return this.#giveUp(first, firstText, state !== "broken", lines);
      }
      cells.addLineFeed();
      line = next;
      lines++;
      this.linesSeen++;
      text = this.#buffer.toString("utf8", line.start, line.end);
    }
  }

  /** The line where the row begins is a fault, and the next one begins a row. */
  #giveUp(first: Line, raw: string, isOpen: boolean, lines: number): RowFault {
    const message = isOpen
      ? "a quote at the beginning of a cell is not closed; double the quotes inside a quoted cell"
      : "there is text behind the quote that closes a cell; double the quotes inside a quoted cell";
    const fault = this.#fault(raw, BAD_ROW, lines === 1 ? message : `${message} (reading goes on with the next line)`);
    this.#singleUntil = Math.max(this.#singleUntil, this.#row + lines - 1);
    this.#pass(first.next, 1);
    return fault;
  }

  #fault(raw: string, code: string, message: string): RowFault {
    return { row: this.#row, code, value: raw, message, raw: raw.slice(0, RAW_CHARS_MAX) };
  }

  #pass(position: number, lines: number): void {
    this.#position = position;
    this.#row += lines;
    this.linesSeen++;
  }

  /** Where no line ends within the limit: drops its bytes. True the first time. */
  #skipLong(): boolean {
    if (this.#buffer.length - this.#position <= ROW_BYTES_MAX) {
      return false;
    }
    const isFirst = !this.#skipping;
    this.#longStart = this.#textAt(this.#position);
    this.#skipping = true;
    this.#position = this.#buffer.length;
    return isFirst;
  }

  #textAt(start: number): string {
    return this.#buffer.toString("utf8", start, start + QUOTED_BYTES);
  }

  #lineAt(start: number): Line | undefined {
    const at = this.#buffer.indexOf(this.#lineEnd, start);
    if (at === -1) {
      if (!this.#ended || start >= this.#buffer.length) return undefined;
      return { start, end: this.#withoutReturn(start, this.#buffer.length), next: this.#buffer.length };
    }
    return { start, end: this.#withoutReturn(start, at), next: at + 1 };
  }

  #withoutReturn(start: number, end: number): number {
    return this.#lineEnd === LINE_FEED && end > start && this.#buffer[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
  }

  #isBlank({ start, end }: Line): boolean {
    // Tabs may be delimiters: a row of tabs alone has nothing but empty cells.
    for (let at = start; at < end; at++) if (this.#buffer[at] !== 32 && this.#buffer[at] !== 9) return false;
    return true;
  }
}

/** Cells of one row, fed line by line. */
class CellReader {
  readonly cells: string[] = [];
  readonly #delimiter: string;
  #quoted: string | undefined;

  constructor(delimiter: string) {
    this.#delimiter = delimiter;
  }

  /** `closed`: the row ends with this line. `open`: it is inside a quoted cell. `broken`: text behind a closing quote. */
  take(line: string): "closed" | "open" | "broken" {
    let at = 0;
    for (;;) {
      if (this.#quoted === undefined) {
        const begin = quoteAtBegin(line, at);
        if (begin === -1) {
          const end = line.indexOf(this.#delimiter, at);
          this.cells.push(line.slice(at, end === -1 ? line.length : end));
          if (end === -1) return "closed";
          at = end + 1;
          continue;
        }
        this.#quoted = "";
        at = begin + 1;
      }
      const quote = line.indexOf('"', at);
      if (quote === -1) {
        this.#quoted += line.slice(at);
        return "open";
      }
      this.#quoted += line.slice(at, quote);
      if (line[quote + 1] === '"') {
        this.#quoted += '"';
        at = quote + 2;
        continue;
      }
      let end = quote + 1;
      while (line[end] === " ") end++;
      if (end < line.length && line[end] !== this.#delimiter) return "broken";
      this.cells.push(this.#quoted);
      this.#quoted = undefined;
      if (end >= line.length) return "closed";
      at = end + 1;
    }
  }

  addLineFeed(): void {
    this.#quoted += "\n";
  }
}

/** Place of a quote that begins the cell at `at`, spaces before it apart; -1: the cell has none there. */
function quoteAtBegin(line: string, at: number): number {
  let p = at;
  while (line[p] === " ") p++;
  return line[p] === '"' ? p : -1;
}
