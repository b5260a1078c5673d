/**
 * Rows of a table whose bytes are in memory: a record of a topic, a body, a piece of a file. Cells may be quoted, and a quoted cell may hold
 * delimiters, line breaks and doubled quotes (RFC 4180). A quote that is never closed, or that closes before more text, swallows no other row: its line is a
 * row without cells, as in files of `replay`.
 */
const QUOTE = 34;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

type TableRow = {
  /** None: a quote of the row is broken. */
  readonly cells: readonly string[];
  /** End of its bytes, without its line break. */
  readonly end: number;
  /** Start of the next row. */
  readonly next: number;
};

/**
 * Returns the row at `start`, or undefined when its end is not among the bytes. `delimiter` is one byte. `isEnd`: nothing follows the bytes, so the last
 * row ends with them.
 */
export function rowAt(bytes: Buffer, start: number, delimiter: number, isEnd: boolean): TableRow | undefined {
  const cells: string[] = [];
  let at = start;
  for (;;) {
    let text = "";
    while (bytes[at] === QUOTE) {
      const quote = bytes.indexOf(QUOTE, at + 1);
      if (quote === -1) return isEnd ? brokenRow(bytes, start, isEnd) : undefined;
      text += bytes.toString("utf8", at + 1, quote);
      at = quote + 1;
      // Two quotes stand for one, and the text goes on.
      if (bytes[at] === QUOTE) text += '"';
    }
    let end = at;
    const isQuoted = bytes[at - 1] === QUOTE && at > start;
    while (end < bytes.length && bytes[end] !== delimiter && bytes[end] !== LINE_FEED) end++;
    if (end === bytes.length && !isEnd) return undefined;
    const isLast = bytes[end] !== delimiter;
    const last = isLast && end > at && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
    if (isQuoted && last > at) return brokenRow(bytes, start, isEnd);
    cells.push(text + bytes.toString("utf8", at, last));
    if (isLast) return { cells, end: last, next: Math.min(end + 1, bytes.length) };
    at = end + 1;
  }
}

/** Returns the line at `start`; undefined when its end is not among the bytes. */
function brokenRow(bytes: Buffer, start: number, isEnd: boolean): TableRow | undefined {
  const feed = bytes.indexOf(LINE_FEED, start);
  if (feed === -1 && !isEnd) return undefined;
  const next = feed === -1 ? bytes.length : feed + 1;
  const end = feed === -1 ? bytes.length : feed;
  return { cells: [], end: end > start && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end, next };
}

/** Returns the JSON object of a row, with a text for each column. There are as many cells as columns. */
export function rowObject(columns: readonly string[], cells: readonly string[]): Buffer {
  const members = cells.map((cell, i) => `${JSON.stringify(columns[i])}:${JSON.stringify(cell)}`);
  return Buffer.from(`{${members.join(",")}}`);
}
