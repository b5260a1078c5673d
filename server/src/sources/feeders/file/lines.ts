/** Takes records out of the bytes of a file. What is not consumed comes again, with more bytes behind it. */
import { RECORD_BYTES_MAX } from "../../../codecs/limits.ts";
import type { MappedRecord } from "../../../mapping/mapper.ts";
import { ORIGIN_BATCH_RECORDS_MAX } from "../origin.ts";

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

export type Split = {
  readonly records: readonly MappedRecord[];
  /** Bytes that need not come again. */
  readonly consumed: number;
  /** Number of the last row. */
  readonly row: number;
  /** Whether the last record was cut because it is longer than a record may be: the rest of its line is to be passed over. */
  readonly isInside: boolean;
};

export type SplitFrom = {
  /** Offset of the bytes in the file. */
  readonly offset: number;
  /** Number of the last row before them. */
  readonly row: number;
  /** Whether nothing comes behind the bytes, so that a last line without a line feed is complete. */
  readonly isEnd: boolean;
};

/** Splits NDJSON. Blank lines are rows without a record. */
export function splitLines(bytes: Buffer, { offset, row, isEnd }: SplitFrom): Split {
  const records: MappedRecord[] = [];
  let start = offset === 0 ? markLength(bytes) : 0;
  let number = row;
  while (start < bytes.length && records.length < ORIGIN_BATCH_RECORDS_MAX) {
    let end = bytes.indexOf(LINE_FEED, start);
    if (end === -1) {
      if (bytes.length - start > RECORD_BYTES_MAX) {
        // One byte more than the limit: the record is a dead letter with this code.
        records.push({ bytes, start, end: start + RECORD_BYTES_MAX + 1, row: number + 1 });
        return { records, consumed: bytes.length, row: number + 1, isInside: !isEnd };
      }
      if (!isEnd) break;
      end = bytes.length;
    }
    number++;
    const last = end > start && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end;
    if (!isBlank(bytes, start, last)) records.push({ bytes, start, end: last, row: number });
    start = Math.min(end + 1, bytes.length);
  }
  return { records, consumed: start, row: number, isInside: false };
}

/** Returns how many bytes belong to the rest of a line that was cut, and whether its end is among them. */
export function restOfLine(bytes: Buffer): { readonly consumed: number; readonly isInside: boolean } {
  const end = bytes.indexOf(LINE_FEED);
  return end === -1 ? { consumed: bytes.length, isInside: true } : { consumed: end + 1, isInside: false };
}

/** Returns the length of a byte order mark at the beginning. */
export function markLength(bytes: Buffer): number {
  return BYTE_ORDER_MARK.every((byte, i) => bytes[i] === byte) ? BYTE_ORDER_MARK.length : 0;
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 32 && bytes[at] !== 9) return false;
  return true;
}
