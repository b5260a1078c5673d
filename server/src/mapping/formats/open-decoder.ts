/** Opens the decoder of a mapping's binary format. */
import { dirname, isAbsolute, join, normalize } from "node:path";
import type { SchemaRegistry } from "../../clients/schema-registry/schema-registry.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { readTextFile } from "../../shared/read-regular-file.ts";
import type { Mapping } from "../language.ts";
import { AvroFileDecoder, AvroRegistryDecoder } from "./avro-decoder.ts";
import { readMsgpack } from "./msgpack.ts";
import { ProtobufFileDecoder, ProtobufRegistryDecoder } from "./protobuf-decoder.ts";
import type { TreeDecoder } from "./tree-reader.ts";

/** Bytes of a schema file. */
export const SCHEMA_FILE_BYTES_MAX = 1024 * 1024;

/** Several values in a row are read as a list of them. */
const MSGPACK: TreeDecoder = {
  decode(cursor) {
    const first = readMsgpack(cursor);
    if (cursor.left === 0) return first;
    const values = [first];
    while (cursor.left > 0) values.push(readMsgpack(cursor));
    return values;
  },
  loadSchema: async () => {},
};

/**
 * Returns the decoder of a mapping whose format is `avro`, `protobuf` or `msgpack`. Throws `bad_request` for a schema file that cannot be
 * used, and where the mapping names neither a schema file nor is there a registry.
 */
export function openDecoder(mapping: Mapping, registry: SchemaRegistry | undefined): TreeDecoder {
  const { format, schemaPath, message, name } = mapping;
  if (format === "msgpack") return MSGPACK;
  if (schemaPath !== undefined) {
    try {
      const schema = readTextFile(schemaPath, SCHEMA_FILE_BYTES_MAX);
      if (format === "avro") return new AvroFileDecoder(schema);
      return new ProtobufFileDecoder(schema, (file) => importedText(dirname(schemaPath), file), message);
    } catch (cause) {
      const why = `the schema ${schemaPath} of the mapping ${name} cannot be used: ${(cause as Error).message}`;
      throw new SwapstatsError("bad_request", why, { cause });
    }
  }
  if (registry === undefined) {
    const why = `the mapping ${name} has the format ${format}, but no \`schema\`; name a schema file in it, or set ingest.registry.url`;
    throw new SwapstatsError("bad_request", why);
  }
  return format === "avro" ? new AvroRegistryDecoder(registry) : new ProtobufRegistryDecoder(registry);
}

/** Returns the text of a file below the folder of the schema; undefined if there is none. */
function importedText(folder: string, file: string): string | undefined {
  const path = normalize(file);
  if (isAbsolute(path) || path.startsWith("..")) return undefined;
  try {
    return readTextFile(join(folder, path), SCHEMA_FILE_BYTES_MAX);
  } catch {
    return undefined;
  }
}
