/**
 * Cuts the bytes of a table into rows of cells, with quotes as in RFC 4180 and deviations of real files. Rejected: csv-parse. There,
 * one unclosed quote swallows the rest of the file, and reading cannot continue after it.
 *
 * - A quote inside a cell that does not begin with one is an ordinary character (`5" PIZZA`).
 * - Text after the quote that closes a cell makes the row a fault.
 * - A quoted cell may have line feeds. If its quote is not closed within the limits, the line on which the row starts is a fault,
 *   and reading continues with the next line. Up to the end of the searched lines, cells then end with their line. Each line is
 *   therefore read at most twice, whatever the file contains.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { BAD_ROW, type RowFault } from "./rows.ts";

export const ROW_BYTES_MAX = 1024 * 1024;
/** Number of lines that one row may span by line feeds in quoted cells. */
export const ROW_LINES_MAX = 1000;
/** Length of the part of its row that a fault keeps. */
const RAW_CHARS_MAX = 64 * 1024;
/** Message for a row that is too long. */
const QUOTED_BYTES = 256;
const TOO_LONG = `the row is longer than ${ROW_BYTES_MAX} bytes; remove it, or close the quote at its start`;
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
  /** A row that starts on a line before this one ends on its line. */
  #singleUntil = 0;
  #skipping = false;
  #longStart = "";
  /** Number of cells of a row. Undefined before the header is known. */
  columns: number | undefined;
  /** Number of read lines, for tests of the work that hostile files cause. */
  linesSeen = 0;

  constructor(delimiter: string, lineEnd: "lf" | "cr") {
    this.#delimiter = delimiter;
    this.#lineEnd = lineEnd === "lf" ? LINE_FEED : CARRIAGE_RETURN;
  }

  /** Copies the next bytes. */
  push(chunk: Buffer): void {
    const left = this.#buffer.subarray(this.#position);
    this.#buffer = Buffer.concat([left, chunk]);
    this.#position = 0;
  }

  end(): void {
    this.#ended = true;
  }

  /** Returns the next row that is not empty, or its fault. Undefined: more bytes are needed, or it is the end. */
  next(): TableRow | RowFault | undefined {
    for (;;) {
      const line = this.#lineAt(this.#position);
      if (line === undefined) {
        if (!this.#skipLong()) return undefined;
        return this.#fault(this.#longStart, "record_too_large", TOO_LONG);
      }
      if (this.#skipping) {
        // The end of a line that was too long. Its fault is already reported.
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

  /** Reads a row with quotes, which may span several lines. */
  #quotedRow(first: Line, firstText: string): TableRow | RowFault | undefined {
    const cells = new CellReader(this.#delimiter);
    let text = firstText;
    let lines = 1;
    let line = first;
    for (;;) {
      const state = cells.take(text);
      // A row over several lines whose cells do not fit the header is probably not a row, but the text between two stray quotes.
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

  /** Makes the first line of the row a fault. The next line starts a row. */
  #giveUp(first: Line, raw: string, isOpen: boolean, lines: number): RowFault {
    const message = isOpen
      ? "a quote at the start of a cell is not closed; double the quotes inside a quoted cell"
      : "there is text after the quote that closes a cell; double the quotes inside a quoted cell";
    const fault = this.#fault(
      raw,
      BAD_ROW,
      lines === 1 ? message : `${message} (reading continues with the next line)`,
    );
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

  /** Drops the bytes of a line that does not end within the limit. Returns true the first time. */
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
    // Tabs may be delimiters. A row of only tabs has only empty cells.
    for (let at = start; at < end; at++) if (this.#buffer[at] !== 32 && this.#buffer[at] !== 9) return false;
    return true;
  }
}

/** Collects the cells of one row, line by line. */
class CellReader {
  readonly cells: string[] = [];
  readonly #delimiter: string;
  #quoted: string | undefined;

  constructor(delimiter: string) {
    this.#delimiter = delimiter;
  }

  /** `closed`: the row ends with this line. `open`: the line ends inside a quoted cell. `broken`: there is text after a closing quote. */
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

/** Returns the position of a quote that starts the cell at `at`, after spaces; -1: there is none. */
function quoteAtBegin(line: string, at: number): number {
  let p = at;
  while (line[p] === " ") p++;
  return line[p] === '"' ? p : -1;
}
