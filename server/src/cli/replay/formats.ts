/** Makes one stream of NDJSON from the files of a replay, whatever their kinds. */
import { SwapDecoder } from "../../codecs/swap-decoder.ts";
import { SwapEvent } from "../../engine/swaps/swap-event.ts";
import type { Mapping } from "../../mapping/language.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { bindColumns, mappingOfHeader } from "./columns.ts";
import {
  type InputFile,
  NO_COUNTER,
  type ReadCounter,
  readChunks,
  readStdin,
  type Spool,
  STDIN,
  type StdinSource,
} from "./input.ts";
import { JsonValues } from "./json-values.ts";
import { type Kind, kindOf, withoutMark } from "./kinds.ts";
import { openLog } from "./log-input.ts";
import { mapLines, mapRows } from "./map-records.ts";
import { openParquet, type ParquetFile } from "./parquet.ts";
import { BatchSink } from "./record-sink.ts";
import type { Batch, Batches, RowFault } from "./rows.ts";
import { openTable } from "./table.ts";
import type { TableRow } from "./table-rows.ts";
import { unpacked } from "./unpack.ts";

/** Ends each file, so that its last line and the first line of the next file stay separate. */
const LINE_FEED = Buffer.from("\n");

/** Number of first records that decide whether a file is one of swap events. */
const LINES_LOOKED_AT = 50;

export type Source = {
  readonly files: readonly InputFile[];
  readonly mapping: Mapping | undefined;
  readonly spool: Spool;
  readonly stdin: StdinSource;
  /** Returns the swaps of a history, which take the place of files. */
  readonly history?: (() => Batches) | undefined;
};

/**
 * Yields the batches of all files, one file after the other. A batch is valid until the next one is requested. When a file turns out
 * to be damaged or cut, the batches before the damage are yielded, `onCut` gets the failure, and nothing more is read.
 */
export async function* readSwaps(
  source: Source,
  counter: ReadCounter,
  onCut: (failure: SwapstatsError) => void,
): AsyncGenerator<Batch> {
  if (source.history !== undefined) yield* source.history();
  for (const [file, input] of source.files.entries()) {
    const opened = await openFile(source, input, file, counter);
    try {
      yield* opened.batches;
    } catch (error) {
      if (!(error instanceof SwapstatsError) || error.code !== "bad_request") throw error;
      onCut(error);
      yield { file, bytes: LINE_FEED };
      return;
    } finally {
      await opened.close();
    }
    yield { file, bytes: LINE_FEED };
  }
}

/** Opens each file that can be read twice, so that unreadable files are reported before any swap has an effect. */
export async function checkFiles(source: Source): Promise<void> {
  for (const [file, input] of source.files.entries()) {
    if (input.kind === "stream") continue;
    await (await openFile(source, input, file, NO_COUNTER())).close();
  }
}

type Opened = {
  readonly batches: AsyncIterable<Batch>;
  /** Closes the file, also when no batch was read. */
  close(): Promise<void>;
};

/** Throws `bad_request` when the kind of the file is not supported, or its columns do not fit the mapping. */
async function openFile(source: Source, input: InputFile, file: number, counter: ReadCounter): Promise<Opened> {
  const records = await openRecords(source, input, file, counter);
  const { close } = records;
  try {
    if (records.kind === "lines") {
      const { mapping } = source;
      if (mapping === undefined || !records.needsMapping()) return { batches: records.batches, close };
      const sink = new BatchSink(file, mapping, counter);
      return { batches: batchesOf(mapLines(records.batches, mapping, sink), sink), close };
    }
    const mapping = source.mapping ?? mappingOfHeader(records.header, input.name);
    const columns = bindColumns(mapping, records.header, input.name);
    const sink = new BatchSink(file, source.mapping, counter);
    const rows = records.rows(new Set(columns.filter((column) => column !== -1)));
    return { batches: batchesOf(mapRows(rows, mapping, columns, sink), sink), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Empties the sink whenever the mapping pauses. */
async function* batchesOf(pauses: AsyncIterable<void>, sink: BatchSink): AsyncGenerator<Batch> {
  for await (const _ of pauses) if (!sink.isEmpty) yield sink.empty();
}

/** The records of a file, before a mapping. */
export type Records =
  | {
      readonly kind: "lines";
      /** JSON, one record a line. */
      readonly batches: AsyncIterable<Batch>;
      /** Whether the first records are no swap events. */
      needsMapping(): boolean;
      close(): Promise<void>;
    }
  | {
      readonly kind: "rows";
      readonly header: readonly string[];
      /** Rows with cells in the given columns, by their index. */
      rows(columns: ReadonlySet<number>): AsyncIterable<readonly (TableRow | RowFault)[]>;
      close(): Promise<void>;
    };

/** Opens a file of any kind. Rejects with `bad_request` when the kind is not supported. */
export async function openRecords(
  source: Source,
  input: InputFile,
  file: number,
  counter: ReadCounter,
): Promise<Records> {
  if (input.kind === "folder") return { kind: "lines", needsMapping: () => false, ...openLog(input, file) };
  const { name } = input;
  const raw = input.path === STDIN ? readStdin(source.stdin, counter) : readChunks(input, counter);
  const { head, chunks, close } = await unpacked(raw, name);
  try {
    // The file is empty, or damaged from the start.
    if (head.length === 0) return { kind: "lines", batches: lines(chunks, file), needsMapping: () => false, close };
    const kind = kindOf(head, name);
    if (kind === "parquet") return { kind: "rows", ...(await parquet(source, input, head, chunks, close, counter)) };
    return { ...openText(kind, withoutMark(head), skipMark(chunks), source.mapping, file, name), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Text = Omit<Extract<Records, { kind: "lines" }>, "close"> | Omit<Extract<Records, { kind: "rows" }>, "close">;

function openText(
  kind: Exclude<Kind, "parquet">,
  head: Buffer,
  chunks: AsyncGenerator<Buffer>,
  mapping: Mapping | undefined,
  file: number,
  name: string,
): Text {
  if (kind === "table") {
    const { header, rows } = openTable(head, chunks, mapping, name);
    return { kind: "rows", header, rows: () => rows };
  }
  const batches = kind === "ndjson" ? lines(chunks, file) : values(chunks, file, name);
  const beginning = (): string => (kind === "ndjson" ? head : new JsonValues().push(head).bytes).toString();
  return { kind: "lines", batches, needsMapping: () => !hasSwapEvents(beginning()) };
}

/** Whether one of the first records is a swap event. */
function hasSwapEvents(beginning: string): boolean {
  const decoder = new SwapDecoder();
  const event = new SwapEvent();
  return beginning.split("\n", LINES_LOOKED_AT).some((line) => {
    const bytes = Buffer.from(line);
    return decoder.decode(bytes, 0, bytes.length, event) === undefined;
  });
}

/** Parquet is read from its end, so compressed or piped Parquet is written to a temporary file first. */
async function parquet(
  { mapping, spool }: Source,
  input: InputFile,
  head: Buffer,
  chunks: AsyncGenerator<Buffer>,
  close: () => Promise<void>,
  counter: ReadCounter,
): Promise<ParquetFile> {
  if (input.kind === "file" && (await startsWith(input, head.subarray(0, 4)))) {
    await close();
    return openParquet(input, mapping, counter);
  }
  const kept = await spool.keep(chunks, input.name);
  await close();
  return openParquet(kept, mapping, counter);
}

/** Returns whether the file itself starts like this, and not only its decompressed content. */
async function startsWith(input: InputFile, bytes: Buffer): Promise<boolean> {
  const raw = readChunks(input, NO_COUNTER());
  const { value } = await raw.next();
  await raw.return(undefined);
  return value?.subarray(0, bytes.length).equals(bytes) === true;
}

async function* lines(chunks: AsyncGenerator<Buffer>, file: number): AsyncGenerator<Batch> {
  for await (const bytes of chunks) yield { file, bytes };
}

/** Reads a JSON array, or objects over several lines. The row of a value is its number, from 1. */
async function* values(chunks: AsyncGenerator<Buffer>, file: number, name: string): AsyncGenerator<Batch> {
  const splitter = new JsonValues();
  let row = 0;
  const batch = ({ bytes, count }: { bytes: Buffer; count: number }): Batch => {
    const rows = Array.from({ length: count }, (_, i) => row + i + 1);
    row += count;
    return { file, bytes, rows };
  };
  for await (const chunk of chunks) {
    const found = splitter.push(chunk);
    if (found.count > 0) yield batch(found);
  }
  const last = splitter.end();
  yield batch(last);
  if (last.isCut)
    throw new SwapstatsError("bad_request", `${name} is cut: its JSON ends in the middle; download it again`);
}

async function* skipMark(chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  let isFirst = true;
  for await (const chunk of chunks) {
    yield isFirst ? withoutMark(chunk) : chunk;
    isFirst = false;
  }
}
