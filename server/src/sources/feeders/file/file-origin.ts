/** Files of lines or rows that grow, are rotated, or are complete, as an origin. */
import { basename, resolve } from "node:path";
import type { FeederConfig } from "../../../config/build/ingest.ts";
import type { MappedRecord } from "../../../mapping/mapper.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import {
  ORIGIN_BATCH_BYTES_MAX,
  type Origin,
  type OriginBatch,
  type OriginContext,
  type Position,
  type TableForm,
} from "../origin.ts";
import { ChangeWait } from "./change-wait.ts";
import { splitRows } from "./csv-rows.ts";
import { continues, type FilePlace, type FileSet, openFileSet } from "./file-set.ts";
import { type LineFile, markOf, markOfStart, openLineFile } from "./line-file.ts";
import { restOfLine, splitLines } from "./lines.ts";

/** The place, and what the next bytes need to be understood. */
type FilePosition = FilePlace & {
  /** Number of the last row, over all files that the feeder has read. */
  readonly row: number;
  /** Columns of a table. */
  readonly columns?: readonly string[];
  /** Whether the rest of a line that was too long is to be passed over. */
  readonly isInside?: true;
};

/** Piece in which the last line is looked for. */
const TAIL_BYTES = 64 * 1024;
/** Bytes of the first line that show whether it is the header of a table. */
const HEADER_BYTES = 512;

export function openOrigin(settings: FeederConfig<"file">, context: OriginContext): Origin {
  return new FileOrigin(settings, context);
}

type Opened = { readonly file: LineFile; position: FilePosition };

class FileOrigin implements Origin {
  readonly identity: string;
  problem: string | undefined;
  readonly #settings: FeederConfig<"file">;
  readonly #endsAtEnd: boolean;
  readonly #table: TableForm | undefined;
  #files: FileSet | undefined;
  #wait: ChangeWait | undefined;
  #opened: Opened | undefined;

  constructor(settings: FeederConfig<"file">, { endsAtEnd, table }: OriginContext) {
    this.#settings = settings;
    this.#endsAtEnd = endsAtEnd;
    this.#table = table;
    this.identity = resolve(settings.path);
  }

  async read(position: Position | undefined, signal: AbortSignal): Promise<OriginBatch | undefined> {
    try {
      return await this.#read(position as FilePosition | undefined, signal);
    } catch (cause) {
      await this.#release();
      if (cause instanceof SwapstatsError || signal.aborted) throw cause;
      const message = `${this.#settings.path} cannot be read: ${(cause as Error).message}. Check the path and its permissions.`;
      throw new SwapstatsError("unavailable", message, { cause, retryable: true });
    }
  }

  positionText(position: Position): string {
    const { name, offset, row } = position as FilePosition;
    return `${name.slice(0, 100)}, byte ${offset}, row ${row}`;
  }

  async close(): Promise<void> {
    this.#wait?.close();
    await this.#release();
  }

  async #read(kept: FilePosition | undefined, signal: AbortSignal): Promise<OriginBatch | undefined> {
    // Whether the path is that of a folder is looked up at the first read.
    this.#files ??= openFileSet(this.#settings.path);
    this.#wait ??= new ChangeWait(this.#files.folder, this.#settings.pollMs);
    const files = this.#files;
    for (let quietMs = performance.now(); ; await this.#wait.next(signal)) {
      signal.throwIfAborted();
      const opened = await this.#open(files, kept);
      if (opened === undefined) {
        if (this.#endsAtEnd) return undefined;
        this.problem = `${this.#settings.path} does not exist yet, or has no further file; the feeder waits for it.`;
        continue;
      }
      // The place of a start at the end is kept, or a restart would begin at a later end.
      if (kept === undefined && opened.position.offset > 0) return this.#batchOf(opened, [], files);
      // This comes before the look into the file: what is written to it afterwards comes late.
      const next = files.nextOf(opened.file);
      const taken = await this.#take(opened, files, false);
      if (taken === undefined) return this.#read(kept, signal);
      const { batch, rest } = taken;
      if (batch !== undefined) return batch;
      if (next === undefined && !this.#endsAtEnd) continue;
      // A program may still write to a file that was just rotated, and to a last line.
      const isWritten = rest > 0 || !this.#endsAtEnd;
      if (isWritten && !(await this.#isQuiet(opened.file, quietMs))) continue;
      // What was written between the look into the file and the look at its time would be left out.
      const last = await this.#take(opened, files, true);
      if (last === undefined) return this.#read(kept, signal);
      if (last.batch !== undefined) return last.batch;
      if (next === undefined) return undefined;
      return this.#batchOf(await this.#goTo(next, opened.position), [], files);
    }
  }

  /** Returns the file at the position. A file that is open already stays so, even if it was renamed or removed. */
  async #open(files: FileSet, position: FilePosition | undefined): Promise<Opened | undefined> {
    if (position === undefined) return this.#openFirst(files);
    const opened = this.#opened;
    const isSame =
      opened !== undefined &&
      opened.position.id === position.id &&
      opened.position.offset === position.offset &&
      position.offset > 0;
    if (isSame && (await continues(opened.file, position))) return opened;
    await this.#release();
    const found = await files.find(position);
    if (found === undefined) return undefined;
    const { file, offset, problem } = found;
    this.problem = problem;
    if (offset === position.offset) return this.#hold(file, { ...position, name: basename(file.path), id: file.id });
    return this.#hold(file, startOf(file, position));
  }

  async #openFirst(files: FileSet): Promise<Opened | undefined> {
    await this.#release();
    const isAtEnd = this.#settings.from === "end";
    const file = isAtEnd ? await files.last() : (await files.find(undefined))?.file;
    if (file === undefined) return undefined;
    this.problem = undefined;
    const start = startOf(file, undefined);
    if (!isAtEnd) return this.#hold(file, start);
    const offset = await lastLineEnd(file);
    const columns = offset === 0 ? undefined : await this.#headerOf(file);
    return this.#hold(file, {
      ...{ ...start, offset, mark: await markOf(file, offset) },
      ...(columns === undefined ? {} : { columns }),
    });
  }

  /**
   * Takes the next records. `rest`: bytes of an incomplete last row. Resolves with undefined when the file was truncated, and perhaps written
   * again, while it was read.
   */
  async #take(
    opened: Opened,
    files: FileSet,
    isEnd: boolean,
  ): Promise<{ readonly batch: OriginBatch | undefined; readonly rest: number } | undefined> {
    const { file, position } = opened;
    const { offset, row, columns, isInside } = position;
    const bytes = await file.readAt(offset, ORIGIN_BATCH_BYTES_MAX);
    if (bytes.length === 0) return { batch: undefined, rest: 0 };
    const { isInside: _, ...same } = position;
    if (isInside) {
      const rest = restOfLine(bytes);
      const moved = { ...same, offset: offset + rest.consumed, ...(rest.isInside ? { isInside: true as const } : {}) };
      return this.#moved(opened, moved, [], files, bytes);
    }
    const from = { offset, row, isEnd };
    const split =
      this.#table === undefined
        ? { ...splitLines(bytes, from), columns: undefined }
        : splitRows(bytes, { ...from, ...rowsForm(this.#table, columns) });
    if (split.consumed === 0) return { batch: undefined, rest: bytes.length };
    if (offset === 0 && row === 0 && this.#table === undefined) refuseTable(file.path, split.records[0]);
    const moved: FilePosition = {
      ...{ ...same, offset: offset + split.consumed, row: split.row },
      ...(split.columns === undefined ? {} : { columns: split.columns }),
      ...(split.isInside ? { isInside: true } : {}),
    };
    return this.#moved(opened, moved, split.records, files, bytes);
  }

  /** As `#take`. `bytes`: those behind the position. */
  async #moved(
    opened: Opened,
    to: FilePosition,
    records: readonly MappedRecord[],
    files: FileSet,
    bytes: Uint8Array,
  ): Promise<{ readonly batch: OriginBatch; readonly rest: 0 } | undefined> {
    const { file, position } = opened;
    const mark = position.offset === 0 ? markOfStart(bytes, to.offset) : await markOf(file, to.offset);
    // If the bytes of before are still there, what was read since is that file's, too.
    if (!(await continues(file, position))) return undefined;
    opened.position = { ...to, mark };
    return { batch: await this.#batchOf(opened, records, files), rest: 0 };
  }

  async #batchOf({ file, position }: Opened, records: readonly MappedRecord[], files: FileSet): Promise<OriginBatch> {
    const size = await file.size();
    const own = size === undefined ? 0 : Math.max(0, size - position.offset);
    return { records, position, behind: { count: own + files.bytesBehind(file), unit: "bytes" } };
  }

  async #goTo(path: string, before: FilePosition): Promise<Opened> {
    const afterMs = await this.#opened?.file.changedMs();
    await this.#release();
    const file = await openLineFile(path);
    this.problem = undefined;
    // A program that replaces a file by a longer copy of it.
    const isCopy = before.offset > 0 && (await continues(file, before));
    if (isCopy) return this.#hold(file, { ...before, name: basename(path), id: file.id });
    return this.#hold(file, { ...startOf(file, before), ...(afterMs === undefined ? {} : { afterMs }) });
  }

  /** Whether nothing was written to the file for two intervals, by its own time or as this call has seen it. */
  async #isQuiet(file: LineFile, sinceMs: number): Promise<boolean> {
    const quietMs = 2 * this.#settings.pollMs;
    return performance.now() - sinceMs >= quietMs || Date.now() - (await file.changedMs()) >= quietMs;
  }

  async #headerOf(file: LineFile): Promise<readonly string[] | undefined> {
    if (this.#table === undefined) return undefined;
    const bytes = await file.readAt(0, ORIGIN_BATCH_BYTES_MAX);
    return splitRows(bytes, { offset: 0, row: 0, isEnd: false, ...rowsForm(this.#table, undefined) }).columns;
  }

  #hold(file: LineFile, position: FilePosition): Opened {
    this.#opened = { file, position };
    return this.#opened;
  }

  async #release(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    await opened?.file.close();
  }
}

/** The beginning of a file. Rows are counted on, and columns stay known. */
function startOf(file: LineFile, before: FilePosition | undefined): FilePosition {
  const columns = before?.columns;
  return {
    ...{ name: basename(file.path), id: file.id, mark: "", offset: 0, row: before?.row ?? 0 },
    ...(columns === undefined ? {} : { columns }),
  };
}

function rowsForm({ delimiter, columns: named }: TableForm, known: readonly string[] | undefined) {
  return { delimiter: delimiter.charCodeAt(0), columns: named ?? known, hasHeader: named === undefined };
}

/** Returns the offset behind the last line feed. */
async function lastLineEnd(file: LineFile): Promise<number> {
  const size = await file.size();
  if (size === undefined) return 0;
  for (let end = size; end > 0; end -= Math.min(end, TAIL_BYTES)) {
    const start = Math.max(0, end - TAIL_BYTES);
    const found = (await file.readAt(start, end - start)).lastIndexOf(10);
    if (found !== -1) return start + found + 1;
  }
  return 0;
}

/** Nothing of a table is read as lines of JSON: each row would be a dead letter, and the position would be behind all of them. */
function refuseTable(path: string, first: MappedRecord | undefined): void {
  if (first === undefined) return;
  const line = Buffer.from(first.bytes.buffer, first.bytes.byteOffset + first.start, first.end - first.start);
  const text = line.toString("utf8", 0, HEADER_BYTES).trimStart();
  if (/^[[{]/.test(text) || !/^[^,;\t|]+([,;\t|])[^,;\t|]*\1/.test(text)) return;
  const message = `${path} begins like a table and is read as lines of JSON; write \`format: csv\` in the mapping of the feeder`;
  throw new SwapstatsError("bad_request", message);
}
