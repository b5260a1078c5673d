/**
 * Reads Parquet as a table. Row groups are read in slices, and only the columns of the mapping. Values are exact: decimals, 64-bit
 * integers and times are formatted from the integers of the file, never through a double. To prevent the library's own conversion
 * of decimals, their type is removed from the schema that the library gets.
 */
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import type { AsyncBuffer, Compressors, FileMetaData, SchemaElement } from "hyparquet";
import type { Mapping } from "../../mapping/language.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { type InputFile, openFile, type ReadCounter } from "./input.ts";
import type { TableRow } from "./table-rows.ts";

/** Rows in memory at once. */
const SLICE_ROWS = 32_768;
/** A page that decompresses to more counts as damaged. */
const PAGE_BYTES_MAX = 256 * 1024 * 1024;

type Column = { readonly name: string; readonly write: (value: unknown) => string };

/** A file whose rows are read once its columns are known. */
export type ParquetFile = {
  readonly header: readonly string[];
  /** Reads the rows, of which only the given columns have cells. */
  rows(columns: ReadonlySet<number>): AsyncIterable<readonly TableRow[]>;
  close(): Promise<void>;
};

/** Opens the file. Rejects with `bad_request` when it is damaged, or the mapping needs a column that is nested. */
export async function openParquet(
  input: InputFile,
  mapping: Mapping | undefined,
  counter: ReadCounter,
): Promise<ParquetFile> {
  const { name } = input;
  const buffer = await fileBuffer(input);
  try {
    const { parquetMetadataAsync } = await import("hyparquet");
    const metadata = await parquetMetadataAsync(buffer).catch((cause) => {
      throw damaged(name, cause);
    });
    const { columns, nested } = columnsOf(metadata.schema);
    refuseNested(mapping, nested, name);
    return {
      header: columns.map((column) => column.name),
      rows: (used) => readSlices({ buffer, metadata, columns, used, name, counter, bytes: input.bytes }),
      close: () => buffer.close(),
    };
  } catch (error) {
    await buffer.close();
    throw error;
  }
}

function refuseNested(mapping: Mapping | undefined, nested: readonly string[], name: string): void {
  const found = mapping?.references.find(
    (reference) => "steps" in reference && nested.includes(String(reference.steps[0] ?? "")),
  );
  if (found === undefined) return;
  const message = `${name}: the column ${found.name} is nested or a list; write the file again with flat columns`;
  throw new SwapstatsError("bad_request", message);
}

type Slices = {
  readonly buffer: FileBuffer;
  readonly metadata: FileMetaData;
  readonly columns: readonly Column[];
  readonly used: ReadonlySet<number>;
  readonly name: string;
  readonly counter: ReadCounter;
  readonly bytes: number;
};

async function* readSlices(slices: Slices): AsyncGenerator<readonly TableRow[]> {
  const { metadata, columns, used, counter, bytes } = slices;
  const places = [...used];
  const wanted = places.map((place) => columns[place] as Column);
  const rowsAll = Number(metadata.num_rows);
  let first = 0;
  for (const group of metadata.row_groups) {
    const groupEnd = first + Number(group.num_rows);
    for (; first < groupEnd; first = Math.min(first + SLICE_ROWS, groupEnd)) {
      const end = Math.min(first + SLICE_ROWS, groupEnd);
      const values = wanted.length === 0 ? [] : await readColumns(slices, wanted, first, end);
      const rows: TableRow[] = [];
      for (let row = first; row < end; row++) {
        const cells: string[] = [];
        for (const [i, column] of wanted.entries()) {
          const value = values[i]?.[row - first];
          cells[places[i] as number] = value === undefined || value === null ? "" : column.write(value);
        }
        rows.push(new ParquetRow(row + 1, cells, columns));
      }
      counter.bytesDone += Math.round((bytes * (end - first)) / Math.max(rowsAll, 1));
      yield rows;
    }
  }
}

/** A row. It has no text of its own, so its cells stand for it as JSON. */
class ParquetRow implements TableRow {
  readonly row: number;
  readonly cells: string[];
  readonly #columns: readonly Column[];

  constructor(row: number, cells: string[], columns: readonly Column[]) {
    this.row = row;
    this.cells = cells;
    this.#columns = columns;
  }

  get raw(): string {
    return JSON.stringify(Object.fromEntries(this.cells.flatMap((cell, at) => [[this.#columns[at]?.name, cell]])));
  }
}

/** Returns the values of each needed column in the rows [first, end). */
async function readColumns(
  { buffer, metadata, name }: Slices,
  wanted: readonly Column[],
  first: number,
  end: number,
): Promise<unknown[][]> {
  const { parquetReadObjects } = await import("hyparquet");
  const { compressors } = await import("hyparquet-compressors");
  const own: Compressors = {
    ...compressors,
    // The library treats the compressed form of an empty page as damage.
    LZ4: (packed, bytes) => (bytes === 0 ? new Uint8Array(0) : (compressors.LZ4?.(packed, bytes) as Uint8Array)),
    LZ4_RAW: (packed, bytes) =>
      bytes === 0 ? new Uint8Array(0) : (compressors.LZ4_RAW?.(packed, bytes) as Uint8Array),
    GZIP: (packed) => plain(gunzipSync(packed, { maxOutputLength: PAGE_BYTES_MAX })),
    ZSTD: (packed) => plain(zstdDecompressSync(packed, { maxOutputLength: PAGE_BYTES_MAX })),
    BROTLI: (packed) => plain(brotliDecompressSync(packed, { maxOutputLength: PAGE_BYTES_MAX })),
  };
  const options = {
    ...{ file: buffer, metadata, compressors: own, utf8: false, geoparquet: false },
    ...{ columns: wanted.map((column) => column.name), rowStart: first, rowEnd: end, parsers: EXACT },
  };
  try {
    const rows = await parquetReadObjects(options);
    return wanted.map((column) => rows.map((row) => row[column.name] as unknown));
  } catch (cause) {
    throw damaged(name, cause);
  }
}

function plain(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Formats the integers of the file, which the library passes on. */
const EXACT = {
  timestampFromMilliseconds: (ms: bigint) => isoOf(BigInt(ms), 3),
  timestampFromMicroseconds: (us: bigint) => isoOf(BigInt(us), 6),
  timestampFromNanoseconds: (ns: bigint) => isoOf(BigInt(ns), 9),
  dateFromDays: (days: number) => isoOf(BigInt(days) * 86_400_000n, 3),
  jsonFromBytes: (bytes: Uint8Array) => bytesText(bytes, true),
  stringFromBytes: (bytes: Uint8Array) => bytesText(bytes, true),
};

/** Returns RFC 3339 of a time in units of 10^-digits seconds since 1970. */
function isoOf(value: bigint, digits: number): string {
  const unit = 10n ** BigInt(digits);
  const fraction = ((value % unit) + unit) % unit;
  const seconds = Number((value - fraction) / unit);
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return String(value);
  return `${date.toISOString().slice(0, -5)}.${String(fraction).padStart(digits, "0")}Z`;
}

/** Returns the flat columns of the top level, and the names of nested ones. Removes the type of decimals from the schema. */
function columnsOf(schema: SchemaElement[]): { columns: Column[]; nested: string[] } {
  const columns: Column[] = [];
  const nested: string[] = [];
  let at = 1;
  for (let child = 0; child < (schema[0]?.num_children ?? 0) && at < schema.length; child++) {
    const element = schema[at] as SchemaElement;
    const isFlat = element.num_children === undefined && element.repetition_type !== "REPEATED";
    if (isFlat) columns.push({ name: element.name, write: writerOf(element) });
    else nested.push(element.name);
    at = behind(schema, at);
  }
  return { columns, nested };
}

function behind(schema: SchemaElement[], at: number): number {
  let open = 1;
  let next = at;
  while (open > 0 && next < schema.length) open += ((schema[next++] as SchemaElement).num_children ?? 0) - 1;
  return next;
}

function writerOf(element: SchemaElement): (value: unknown) => string {
  const logical = element.logical_type?.type;
  if (element.converted_type === "DECIMAL" || logical === "DECIMAL") {
    const scale = element.scale ?? 0;
    delete element.converted_type;
    delete element.logical_type;
    return (value) => decimalText(value instanceof Uint8Array ? integerOf(value) : BigInt(value as number), scale);
  }
  const isText = element.converted_type === "UTF8" || logical === "STRING" || logical === "ENUM" || logical === "JSON";
  const isFixed = element.type === "FIXED_LEN_BYTE_ARRAY";
  return (value) => {
    if (value instanceof Uint8Array) return bytesText(value, isText || !isFixed);
    if (value instanceof Date) return value.toISOString();
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  };
}

/** Two's complement, the highest byte first. */
function integerOf(bytes: Uint8Array): bigint {
  if (bytes.length === 0) return 0n;
  const value = BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`);
  return BigInt.asIntN(bytes.length * 8, value);
}

function decimalText(value: bigint, scale: number): string {
  if (scale <= 0) return String(value * 10n ** BigInt(-scale));
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0");
  const text = `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return value < 0n ? `-${text}` : text;
}

const UTF8 = new TextDecoder("utf-8", { fatal: true });

/** Returns text when the bytes are printable and may be text; otherwise hex, because addresses and hashes are often bytes. */
function bytesText(bytes: Uint8Array, mayBeText: boolean): string {
  if (mayBeText) {
    try {
      const text = UTF8.decode(bytes);
      if (!/\p{Cc}/u.test(text)) return text;
    } catch {
      // The bytes are not text.
    }
  }
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex")}`;
}

type FileBuffer = AsyncBuffer & { close(): Promise<void> };

async function fileBuffer({ path, name, bytes }: InputFile): Promise<FileBuffer> {
  const handle = await openFile(path, name);
  return {
    byteLength: bytes,
    async slice(start: number, end = bytes): Promise<ArrayBuffer> {
      const from = start < 0 ? Math.max(bytes + start, 0) : start;
      const length = Math.min(end, bytes) - from;
      if (!(length >= 0)) throw new Error("a position is outside the file");
      const target = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const { bytesRead } = await handle.read(target, done, length - done, from + done);
        if (bytesRead === 0) throw new Error("the file ends early");
        done += bytesRead;
      }
      return target.buffer;
    },
    close: () => handle.close(),
  };
}

function damaged(name: string, cause: unknown): SwapstatsError {
  if (cause instanceof SwapstatsError) return cause;
  const message = `${name} is damaged Parquet, or uses an unsupported feature (${(cause as Error).message}); write it again, or as CSV`;
  return new SwapstatsError("bad_request", message, { cause });
}
