/** Decodes Protobuf records, by a schema file or by the schema that the frame of each record names. */
import type { SchemaRegistry } from "../../clients/schema-registry/schema-registry.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { hasFrame, readFrame, readMessageIndexes } from "./framing.ts";
import { type MessagePlan, readMessage } from "./protobuf.ts";
import { type Imports, type ProtobufSchema, readProtobufSchema } from "./protobuf-schema.ts";
import type { RecordCursor } from "./record-cursor.ts";
import { RegisteredSchemas } from "./registered-schemas.ts";
import type { Tree } from "./tree.ts";
import type { TreeDecoder } from "./tree-reader.ts";

/**
 * Decodes records of one message type. No message begins with the byte 0, because there is no field 0. A record that does has a frame,
 * which is skipped.
 */
export class ProtobufFileDecoder implements TreeDecoder {
  readonly #plan: MessagePlan;

  /**
   * Throws `bad_request` for a schema without the message type.
   */
  constructor(schema: string, imports: Imports, message: string | undefined) {
    const read = readProtobufSchema(schema, imports);
    const plan = message === undefined ? read.byIndexes([0]) : read.byName(message);
    if (plan === undefined) {
      const what = message === undefined ? "has no message type" : `has no message type ${message}`;
      throw new SwapstatsError("bad_request", `The Protobuf schema ${what}.`);
    }
    this.#plan = plan;
  }

  decode(cursor: RecordCursor): Tree {
    if (hasFrame(cursor.bytes, cursor.at, cursor.end)) {
      readFrame(cursor);
      readMessageIndexes(cursor);
    }
    return readMessage(cursor, this.#plan);
  }

  async loadSchema(): Promise<void> {}
}

/** Decodes framed records, each by the schema and the message type with which it was written. */
export class ProtobufRegistryDecoder implements TreeDecoder {
  readonly #schemas: RegisteredSchemas<ProtobufSchema>;

  constructor(registry: SchemaRegistry) {
    this.#schemas = new RegisteredSchemas(registry, "PROTOBUF", ({ text, references }) =>
      readProtobufSchema(text, (name) => references.get(name)),
    );
  }

  decode(cursor: RecordCursor): Tree | undefined {
    const schema = this.#schemas.get(readFrame(cursor));
    if (schema === undefined) return undefined;
    const indexes = readMessageIndexes(cursor);
    const plan = schema.byIndexes(indexes);
    if (plan === undefined) cursor.fail(`its schema has no message with the indexes [${indexes.join(", ")}]`);
    return readMessage(cursor, plan);
  }

  loadSchema(signal: AbortSignal): Promise<void> {
    return this.#schemas.load(signal);
  }
}
