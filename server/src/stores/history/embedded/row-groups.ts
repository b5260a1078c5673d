/**
 * The row groups of a Parquet file, by its footer alone: where their bytes are, which tokens they may have, and the footer of a file that has one of them. The
 * bytes of such a file stand where they stand in the whole one, so their places in the footer stay true.
 *
 * A footer is a struct in Thrift's compact protocol. It is cut and joined as bytes: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
import type { FileMetaData, RowGroup } from "hyparquet";

/** Bytes [from, to). */
export type ByteRange = { readonly from: number; readonly to: number };

export type Piece = {
  /** Place of the group in the file. */
  readonly index: number;
  /** What a reader of the group may read, ascending: the columns, and the filters of columns. */
  readonly ranges: readonly ByteRange[];
  /** Behind the ranges in the file of this group: footer, its length and the mark of the format. */
  readonly footer: Uint8Array;
  readonly minToken: string | undefined;
  readonly maxToken: string | undefined;
};

export const MARK = new Uint8Array([0x50, 0x41, 0x52, 0x31]);
/** Bytes of the footer's length and of the mark. */
export const TAIL_BYTES = 8;
/** Fields of the struct FileMetaData. */
const ROWS_FIELD = 3;
const GROUPS_FIELD = 4;
/** Head of a list with one struct. */
const ONE_STRUCT = 0x1c;

/** Returns the length of the footer, of the last bytes of a file. Undefined for a file of another format. */
export function footerBytes(end: Uint8Array): number | undefined {
  const tail = Buffer.from(end.subarray(-TAIL_BYTES));
  return tail.length === TAIL_BYTES && tail.subarray(4).equals(MARK) ? tail.readUInt32LE() : undefined;
}

/** `end`: the last bytes of the file, with the whole footer; `fileBytes`: length of the file. Rejects for a footer that is not understood. */
export async function piecesOf(end: Uint8Array, fileBytes: number): Promise<Piece[]> {
  const { parquetMetadata } = await import("hyparquet");
  const length = footerBytes(end);
  if (length === undefined) throw new Error("the object is no Parquet file");
  const footer = end.subarray(end.length - TAIL_BYTES - length, end.length - TAIL_BYTES);
  const { row_groups: groups }: FileMetaData = parquetMetadata(new Uint8Array(end).buffer);
  const cuts = cutFooter(footer);
  if (cuts.groups.length !== groups.length) throw new Error("the footer of the object is not understood");
  const pieces = groups.map((group, index) => {
    return { index, ...contentOf(group), footer: footerOf(footer, cuts, index, group) };
  });
  const ranges = pieces.flatMap((piece) => piece.ranges);
  if (ranges.every(({ from, to }) => MARK.length <= from && from < to && to <= fileBytes)) return pieces;
  throw new Error("the footer of the object names places that it does not have");
}

/** Whether a group may have rows of the token. Limits of a column are compared as bytes. */
export function mayHave({ minToken, maxToken }: Piece, token: string): boolean {
  const bytes = Buffer.from(token);
  return (
    (minToken === undefined || Buffer.from(minToken).compare(bytes) <= 0) &&
    (maxToken === undefined || Buffer.from(maxToken).compare(bytes) >= 0)
  );
}

function contentOf({ columns }: RowGroup): Pick<Piece, "ranges" | "minToken" | "maxToken"> {
  const ranges: ByteRange[] = [];
  let limits: { readonly min_value?: unknown; readonly max_value?: unknown } | undefined;
  for (const { meta_data: column } of columns) {
    if (column === undefined) throw new Error("the footer of the object names another file");
    const from = Number(column.dictionary_page_offset ?? column.data_page_offset);
    ranges.push({ from, to: from + Number(column.total_compressed_size) });
    const { bloom_filter_offset: filter, bloom_filter_length: length } = column;
    if (filter !== undefined) {
      if (length === undefined) throw new Error("the footer of the object does not say where filters end");
      ranges.push({ from: Number(filter), to: Number(filter) + Number(length) });
    }
    if (column.path_in_schema.join(".") === "token") limits = column.statistics;
  }
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  return { ranges: joined(ranges), minToken: text(limits?.min_value), maxToken: text(limits?.max_value) };
}

/** Joins ranges that touch or overlap. Ascending. */
function joined(ranges: readonly ByteRange[]): ByteRange[] {
  const all: { from: number; to: number }[] = [];
  for (const { from, to } of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = all.at(-1);
    if (last === undefined || from > last.to) all.push({ from, to });
    else last.to = Math.max(last.to, to);
  }
  return all;
}

type Cuts = {
  /** The number of rows. */
  readonly rows: ByteRange;
  /** The list of groups with its head. */
  readonly list: ByteRange;
  readonly groups: readonly ByteRange[];
};

function footerOf(footer: Uint8Array, { rows, list, groups }: Cuts, index: number, group: RowGroup): Uint8Array {
  const { from, to } = groups[index] as ByteRange;
  const parts = [
    footer.subarray(0, rows.from),
    varint(BigInt(group.num_rows) * 2n),
    footer.subarray(rows.to, list.from),
    new Uint8Array([ONE_STRUCT]),
    footer.subarray(from, to),
    footer.subarray(list.to),
  ];
  const length = Buffer.alloc(4);
  length.writeUInt32LE(parts.reduce((sum, part) => sum + part.length, 0));
  return Buffer.concat([...parts, length, MARK]);
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return new Uint8Array(bytes);
}

function cutFooter(footer: Uint8Array): Cuts {
  const cutter = new Cutter(footer);
  let rows: ByteRange | undefined;
  let list: ByteRange | undefined;
  let groups: ByteRange[] = [];
  for (const { id, type } of cutter.fields()) {
    const from = cutter.at;
    if (id === GROUPS_FIELD) groups = cutter.elements();
    else cutter.skip(type);
    const range = { from, to: cutter.at };
    if (id === ROWS_FIELD) rows = range;
    if (id === GROUPS_FIELD) list = range;
  }
  if (rows === undefined || list === undefined) throw new Error("the footer of the object lacks its groups");
  return { rows, list, groups };
}

/** Types of the compact protocol. */
const TYPE = { yes: 1, no: 2, byte: 3, double: 7, binary: 8, list: 9, set: 10, struct: 12 } as const;
const LONG_LIST = 15;
const DEPTH_MAX = 16;

/** Walks through values without making them. Throws a RangeError at the end of the bytes. */
class Cutter {
  readonly #bytes: Uint8Array;
  at = 0;
  #depth = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Yields the fields of a struct, each before its value, which the caller must pass. */
  *fields(): Generator<{ readonly id: number; readonly type: number }> {
    let id = 0;
    for (let head = this.#byte(); head !== 0; head = this.#byte()) {
      const step = head >> 4;
      // A long step is a number of its own, in zigzag form.
      id = step === 0 ? this.#varint() / 2 : id + step;
      yield { id, type: head & 0x0f };
    }
  }

  /** Passes a list, and returns the places of its elements. */
  elements(): ByteRange[] {
    const head = this.#byte();
    const count = head >> 4 === LONG_LIST ? this.#varint() : head >> 4;
    const type = head & 0x0f;
    const ranges: ByteRange[] = [];
    for (let i = 0; i < count; i++) {
      const from = this.at;
      // An element that is true or false has a byte, and a field has it in its head.
      if (type === TYPE.yes || type === TYPE.no) this.#pass(1);
      else this.skip(type);
      ranges.push({ from, to: this.at });
    }
    return ranges;
  }

  skip(type: number): void {
    if (++this.#depth > DEPTH_MAX) throw new RangeError("the footer of the object is not understood");
    if (type === TYPE.struct) for (const field of this.fields()) this.skip(field.type);
    else if (type === TYPE.list || type === TYPE.set) this.elements();
    else if (type === TYPE.binary) this.#pass(this.#varint());
    else if (type === TYPE.double) this.#pass(8);
    else if (type === TYPE.byte) this.#pass(1);
    else if (type > TYPE.byte && type < TYPE.double) this.#varint();
    else if (type !== TYPE.yes && type !== TYPE.no) throw new RangeError("the footer of the object is not understood");
    this.#depth -= 1;
  }

  #pass(bytes: number): void {
    this.at += bytes;
    if (this.at > this.#bytes.length) throw new RangeError("the footer of the object ends too early");
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new RangeError("the footer of the object ends too early");
    return byte;
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }
}
