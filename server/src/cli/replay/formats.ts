/** Makes one stream of NDJSON from the files of a replay, whatever their kinds. */
import { SwapstatsError } from "../../shared/errors.ts";
import {
  type InputFile,
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
import type { Mapping } from "./mapping.ts";
import { mapObjects, needsMapping } from "./objects.ts";
import { openParquet } from "./parquet.ts";
import type { Batch } from "./rows.ts";
import { openTable } from "./table.ts";
import { unpacked } from "./unpack.ts";

/** Ends each file, so that its last line and the first line of the next file stay separate. */
const LINE_FEED = Buffer.from("\n");

export type Source = {
  readonly files: readonly InputFile[];
  readonly mapping: Mapping | undefined;
  readonly spool: Spool;
  readonly stdin: StdinSource;
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
    await (await openFile(source, input, file, { bytesDone: 0 })).close();
  }
}

type Opened = {
  readonly batches: AsyncIterable<Batch>;
  /** Closes the file, also when no batch was read. */
  close(): Promise<void>;
};

/** Throws `bad_request` when the kind of the file is not supported, or its columns do not fit the mapping. */
async function openFile(source: Source, input: InputFile, file: number, counter: ReadCounter): Promise<Opened> {
  if (input.kind === "folder") return openLog(input, file);
  const { name } = input;
  const raw = input.path === STDIN ? readStdin(source.stdin, counter) : readChunks(input, counter);
  const { head, chunks, close } = await unpacked(raw, name);
  try {
    // The file is empty, or damaged from the start.
    if (head.length === 0) return { batches: lines(chunks, file), close };
    const kind = kindOf(head, name);
    if (kind === "parquet") return await parquet(source, input, head, chunks, close, file, counter);
    return { batches: openText(kind, withoutMark(head), skipMark(chunks), source.mapping, file, name), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function openText(
  kind: Exclude<Kind, "parquet">,
  head: Buffer,
  chunks: AsyncGenerator<Buffer>,
  mapping: Mapping | undefined,
  file: number,
  name: string,
): AsyncIterable<Batch> {
  if (kind === "table") return openTable(head, chunks, mapping, file, name);
  const batches = kind === "ndjson" ? lines(chunks, file) : values(chunks, file, name);
  const beginning = kind === "ndjson" ? head.toString() : new JsonValues().push(head).bytes.toString();
  return mapping !== undefined && needsMapping(beginning, mapping) ? mapObjects(batches, mapping, name) : batches;
}

/** Parquet is read from its end, so compressed or piped Parquet is written to a temporary file first. */
async function parquet(
  { mapping, spool }: Source,
  input: InputFile,
  head: Buffer,
  chunks: AsyncGenerator<Buffer>,
  close: () => Promise<void>,
  file: number,
  counter: ReadCounter,
): Promise<Opened> {
  if (input.kind === "file" && (await startsWith(input, head.subarray(0, 4)))) {
    await close();
    return openParquet(input, mapping, file, counter);
  }
  const kept = await spool.keep(chunks, input.name);
  await close();
  return openParquet(kept, mapping, file, counter);
}

/** Returns whether the file itself starts like this, and not only its decompressed content. */
async function startsWith(input: InputFile, bytes: Buffer): Promise<boolean> {
  const raw = readChunks(input, { bytesDone: 0 });
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
