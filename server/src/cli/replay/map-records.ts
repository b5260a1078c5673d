/** Maps the rows of tables and the records of JSON files into a sink. Both pause, by yielding, whenever the sink is full. */
import type { DeadLetterCode } from "../../codecs/dead-letter-codes.ts";
import type { Mapping } from "../../mapping/language.ts";
import { MappedEvents, type RecordMapper } from "../../mapping/mapper.ts";
import { openMapper } from "../../mapping/record-mapper.ts";
import { RowMapper } from "../../mapping/row-mapper.ts";
import { isBlank, LineReader } from "./line-reader.ts";
import type { RecordSink } from "./record-sink.ts";
import type { Batch, RowFault } from "./rows.ts";
import type { TableRow } from "./table-rows.ts";

/** Length of the part of its record that a fault keeps. */
const RAW_CHARS_MAX = 64 * 1024;

/** `columns[i]` is the column of reference i of the mapping; -1 for one that is no column. */
export async function* mapRows(
  rows: AsyncIterable<readonly (TableRow | RowFault)[]>,
  mapping: Mapping,
  columns: readonly number[],
  sink: RecordSink,
): AsyncGenerator<void> {
  const mapper = new RowMapper(mapping, columns);
  const events = new MappedEvents();
  for await (const chunk of rows) {
    for (const row of chunk) {
      if ("code" in row) {
        sink.fault(row);
      } else {
        mapper.map(row.cells, row.row, events);
        sink.take(row.row, events, () => row.raw);
      }
      if (sink.isFull) yield;
    }
    // Rows that were read are passed on, however slowly the rest comes.
    yield;
  }
}

/** Maps the lines of batches, which are JSON. */
export async function* mapLines(
  batches: AsyncIterable<Batch>,
  mapping: Mapping,
  sink: RecordSink,
): AsyncGenerator<void> {
  // The file is JSON, whatever the mapping says: the first bytes of a file decide.
  const mapper = openMapper({ ...mapping, format: "json" });
  const lines = new LineReader();
  const events = new MappedEvents();
  const take = (): void => {
    const { bytes, start, end, row } = lines;
    if (isBlank(bytes, start, end)) return;
    const record = { bytes, start, end, row };
    const code = mapper.map(record, events);
    const raw = (): string => bytes.toString("utf8", start, Math.min(end, start + RAW_CHARS_MAX));
    if (code === undefined) sink.take(row, events, raw);
    else sink.fault(unreadable(mapper, record, events, code as DeadLetterCode, raw()));
  };
  for await (const batch of batches) {
    lines.push(batch);
    while (lines.next()) {
      take();
      if (sink.isFull) yield;
    }
    yield;
  }
  if (lines.last()) take();
  yield;
}

function unreadable(
  mapper: RecordMapper,
  record: Parameters<RecordMapper["map"]>[0] & { readonly row: number },
  events: MappedEvents,
  code: DeadLetterCode,
  raw: string,
): RowFault {
  return { row: record.row, code, value: raw, message: mapper.refusalText(code, record, events, undefined), raw };
}
