/**
 * Reads an Avro object container file that is one record, such as the body of a request: a header with the schema, and blocks of values.
 * Codecs are null, deflate and zstandard.
 */
import { inflateRawSync, zstdDecompressSync } from "node:zlib";
import { SwapstatsError } from "../../shared/errors.ts";
import { type Read, readerOfAvro } from "./avro.ts";
import { RecordCursor } from "./record-cursor.ts";
import type { Span, Tree } from "./tree.ts";

/** `Obj` and the version. */
const MAGIC = [0x4f, 0x62, 0x6a, 0x01];
const SYNC_BYTES = 16;
/** Bytes of all blocks together after decompression. */
export const CONTAINER_BYTES_MAX = 16 * 1024 * 1024;

const readMetadata = readerOfAvro('{"type":"map","values":"bytes"}');

export function isContainer(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start > MAGIC.length && MAGIC.every((byte, i) => bytes[start + i] === byte);
}

export class AvroContainers {
  /** Schema of the last container: those of one producer mostly have the same. */
  #schema = "";
  #read: Read = () => null;

  /** Reads the container at the cursor. Returns the values of all blocks. */
  read(cursor: RecordCursor): Tree[] {
    cursor.skip(MAGIC.length);
    const metadata = readMetadata(cursor) as ReadonlyMap<string, Span>;
    const read = this.#reader(cursor, textOf(metadata.get("avro.schema")));
    const codec = textOf(metadata.get("avro.codec")) || "null";
    const sync = syncOf(cursor);
    const block = new RecordCursor();
    const values: Tree[] = [];
    let room = CONTAINER_BYTES_MAX;
    while (cursor.left > 0) {
      const count = Number(cursor.zigzag());
      const size = Number(cursor.zigzag());
      const start = cursor.skip(size);
      const data = unpacked(cursor, cursor.bytes.subarray(start, start + size), codec, room);
      room -= data.length;
      block.begin(data, 0, data.length);
      for (let i = 0; i < count; i++) {
        values.push(read(block));
        cursor.spend(1);
      }
      cursor.spend(block.spent);
      if (block.left > 0) cursor.fail(`a block has ${block.left} bytes behind its ${count} values`);
      if (syncOf(cursor) !== sync) cursor.fail("a block does not end with the marker of the file");
    }
    return values;
  }

  #reader(cursor: RecordCursor, schema: string): Read {
    if (schema === this.#schema && schema !== "") return this.#read;
    try {
      this.#read = readerOfAvro(schema);
    } catch (error) {
      if (error instanceof SwapstatsError) cursor.fail(`the schema of the file cannot be used (${error.message})`);
      throw error;
    }
    this.#schema = schema;
    return this.#read;
  }
}

function textOf(span: Span | undefined): string {
  return span === undefined ? "" : Buffer.from(span.bytes.subarray(span.start, span.end)).toString("utf8");
}

function syncOf(cursor: RecordCursor): string {
  return String(cursor.hex(SYNC_BYTES));
}

function unpacked(cursor: RecordCursor, data: Uint8Array, codec: string, bytesMax: number): Uint8Array {
  try {
    switch (codec) {
      case "null":
        return data;
      case "deflate":
        return inflateRawSync(data, { maxOutputLength: bytesMax });
      case "zstandard":
        return zstdDecompressSync(data, { maxOutputLength: bytesMax });
    }
  } catch (error) {
    cursor.fail(`a block cannot be decompressed (${(error as Error).message})`);
  }
  return cursor.fail(`the codec ${codec} is not supported; write the file with null, deflate or zstandard`);
}
