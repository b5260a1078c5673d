/**
 * Maps NDJSON and JSON arrays whose members are not named like the fields of a swap. A column is a member, or several names with
 * dots between them for nested objects. Numbers are passed on as they are written, never through a double.
 */
import { SwapDecoder } from "../../codecs/swap-decoder.ts";
import { SwapEvent } from "../../engine/swaps/swap-event.ts";
import { bindMapping, type RowReader } from "./binding.ts";
import { LineReader } from "./line-reader.ts";
import { isRecord, type Mapping } from "./mapping.ts";
import type { Batch } from "./rows.ts";
import { TableBatch } from "./table.ts";

/** Number of first lines that decide the kind of the objects. */
const LINES_LOOKED_AT = 50;

/** Returns whether the first objects are not swaps, and have the columns of the mapping. */
export function needsMapping(head: string, mapping: Mapping): boolean {
  const columns = columnsOf(mapping);
  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  let fitting = 0;
  for (const line of head.split("\n", LINES_LOOKED_AT)) {
    const bytes = Buffer.from(line);
    if (decoder.decode(bytes, 0, bytes.length, event) === undefined) return false;
    const record = parseExact(line);
    if (record === undefined) continue;
    const found = columns.filter((column) => member(record, column) !== undefined).length;
    if (columns.length > 0 && found * 2 >= columns.length) fitting++;
  }
  return fitting > 0;
}

/** Makes batches of swaps from batches of other objects. Lines that are not objects stay as they are. */
export async function* mapObjects(
  batches: AsyncIterable<Batch>,
  mapping: Mapping,
  name: string,
): AsyncGenerator<Batch> {
  const columns = columnsOf(mapping);
  const readRow = bindMapping(mapping, columns, name);
  const lines = new LineReader();
  let out: TableBatch | undefined;
  const take = (): void => {
    const text = lines.bytes.toString("utf8", lines.start, lines.end);
    if (text.trim() !== "") out?.add(lines.row, mapped(text, columns, readRow));
  };
  let file = 0;
  for await (const batch of batches) {
    file = batch.file;
    out ??= new TableBatch(file);
    lines.push(batch);
    while (lines.next()) {
      take();
      if (out.isFull) yield out.take();
    }
    if (!out.isEmpty) yield out.take();
  }
  out ??= new TableBatch(file);
  if (lines.last()) take();
  yield out.take();
}

function mapped(text: string, columns: readonly string[], readRow: RowReader): string[] {
  const record = parseExact(text);
  if (record === undefined) return [text];
  return readRow(columns.map((column) => cellOf(member(record, column))));
}

function columnsOf(mapping: Mapping): string[] {
  return [...new Set(mapping.swaps.flat().flatMap(({ constant, column }) => (constant === undefined ? [column] : [])))];
}

/** Parses JSON with numbers as their source texts. */
class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Node passes the source of each value to the reviver. The types do not have it yet. */
const keepNumbers = ((_key: string, value: unknown, context?: { source?: string }): unknown =>
  typeof value === "number" ? new NumberText(context?.source ?? String(value)) : value) as (
  key: string,
  value: unknown,
) => unknown;

function parseExact(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text, keepNumbers);
    return isRecord(value) && !(value instanceof NumberText) ? value : undefined;
  } catch {
    return undefined;
  }
}

function member(record: Record<string, unknown>, column: string): unknown {
  if (Object.hasOwn(record, column)) return record[column];
  let at: unknown = record;
  for (const name of column.split(".")) {
    if (!isRecord(at) || !Object.hasOwn(at, name)) return undefined;
    at = at[name];
  }
  return at;
}

function cellOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return value;
  if (value instanceof NumberText) return value.text;
  return typeof value === "boolean" ? String(value) : JSON.stringify(value);
}
