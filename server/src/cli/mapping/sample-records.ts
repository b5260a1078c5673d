/** Reads the first records of a file for a guess, with numbers as they are written. */
import { looksLikeData } from "../replay/columns.ts";
import { openRecords, type Records, type Source } from "../replay/formats.ts";
import { type InputFile, NO_COUNTER } from "../replay/input.ts";
import { LineReader } from "../replay/line-reader.ts";
import { type ExactValue, parseExact } from "./exact-json.ts";

type Sample = {
  readonly records: readonly ExactValue[];
  /** Names that the columns of a table without a header are given. Undefined: the table has a header, or the file is JSON. */
  readonly columns: readonly string[] | undefined;
  /** Whether the records are swap events already. */
  readonly areSwaps: boolean;
};

/** Rejects with `bad_request` when the file cannot be read. Records that are not JSON are left out. */
export async function readSample(source: Source, input: InputFile, count: number): Promise<Sample> {
  const opened = await openRecords(source, input, 0, NO_COUNTER());
  try {
    if (opened.kind === "rows") return { ...(await sampleOfRows(opened, count)), areSwaps: false };
    return { records: await sampleOfLines(opened, count), columns: undefined, areSwaps: !opened.needsMapping() };
  } finally {
    await opened.close();
  }
}

async function sampleOfLines({ batches }: Extract<Records, { kind: "lines" }>, count: number): Promise<ExactValue[]> {
  const records: ExactValue[] = [];
  const lines = new LineReader();
  const take = (): void => {
    const value = parseExact(lines.bytes.toString("utf8", lines.start, lines.end));
    if (value !== undefined) records.push(value);
  };
  for await (const batch of batches) {
    lines.push(batch);
    while (records.length < count && lines.next()) take();
    if (records.length >= count) return records;
  }
  if (lines.last()) take();
  return records;
}

async function sampleOfRows(
  { header, rows }: Extract<Records, { kind: "rows" }>,
  count: number,
): Promise<Omit<Sample, "areSwaps">> {
  const hasHeader = !looksLikeData(header);
  const columns = hasHeader ? header : header.map((_, index) => `c${index + 1}`);
  const named = (cells: readonly string[]): ExactValue =>
    Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? ""]));
  const records = hasHeader ? [] : [named(header)];
  for await (const chunk of rows(new Set(columns.keys()))) {
    for (const row of chunk) if ("cells" in row && records.length < count) records.push(named(row.cells));
    if (records.length >= count) break;
  }
  return { records, columns: hasHeader ? undefined : columns };
}
