/** Decodes Avro records, by a schema file or by the schema that the frame of each record names. */
import type { SchemaRegistry } from "../../clients/schema-registry/schema-registry.ts";
import { type Read, readerOfAvro } from "./avro.ts";
import { AvroContainers, isContainer } from "./avro-container.ts";
import { FRAME_BYTES, hasFrame, readFrame } from "./framing.ts";
import { MalformedRecord, type RecordCursor } from "./record-cursor.ts";
import { RegisteredSchemas } from "./registered-schemas.ts";
import type { Tree } from "./tree.ts";
import type { TreeDecoder } from "./tree-reader.ts";

/** Decodes records that were all written with one schema, with a frame or without. */
export class AvroFileDecoder implements TreeDecoder {
  readonly #read: Read;
  readonly #containers = new AvroContainers();

  /** @param schema text of the schema file. */
  constructor(schema: string) {
    this.#read = readerOfAvro(schema);
  }

  /**
   * A record may begin with the byte 0 of a frame without having one. It is read both ways then. A record that is valid both ways is
   * refused, because a guess would make wrong figures.
   */
  decode(cursor: RecordCursor): Tree {
    const { at, end } = cursor;
    if (isContainer(cursor.bytes, at, end)) return this.#containers.read(cursor);
    if (!hasFrame(cursor.bytes, at, end)) return cursor.whole(this.#read);
    const plain = this.#attempt(cursor, at);
    const framed = this.#attempt(cursor, at + FRAME_BYTES);
    if (plain instanceof MalformedRecord) {
      if (framed instanceof MalformedRecord) throw plain;
      return framed;
    }
    if (framed instanceof MalformedRecord) return plain;
    return cursor.fail(
      "it can be read with the frame of a schema registry and without; take `schema` out of the mapping",
    );
  }

  async loadSchema(): Promise<void> {}

  #attempt(cursor: RecordCursor, at: number): Tree | MalformedRecord {
    cursor.rewind(at);
    try {
      return cursor.whole(this.#read);
    } catch (error) {
      if (error instanceof MalformedRecord) return error;
      throw error;
    }
  }
}

/** Decodes framed records, each by the schema with which it was written. */
export class AvroRegistryDecoder implements TreeDecoder {
  readonly #schemas: RegisteredSchemas<Read>;
  readonly #containers = new AvroContainers();

  constructor(registry: SchemaRegistry) {
    this.#schemas = new RegisteredSchemas(registry, "AVRO", ({ text, references }) =>
      readerOfAvro(text, [...references.values()]),
    );
  }

  decode(cursor: RecordCursor): Tree | undefined {
    if (isContainer(cursor.bytes, cursor.at, cursor.end)) return this.#containers.read(cursor);
    const read = this.#schemas.get(readFrame(cursor));
    return read === undefined ? undefined : cursor.whole(read);
  }

  loadSchema(signal: AbortSignal): Promise<void> {
    return this.#schemas.load(signal);
  }
}
