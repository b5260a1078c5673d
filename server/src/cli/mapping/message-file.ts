/** Reads a file that holds one message of a binary format, for a test of its mapping. */

import { SchemaRegistry } from "../../clients/schema-registry/schema-registry.ts";
import { registrySettings } from "../../clients/schema-registry/settings.ts";
import type { DeadLetterCode } from "../../codecs/dead-letter-codes.ts";
import { RECORD_BYTES_MAX } from "../../codecs/limits.ts";
import type { RegistryConfig } from "../../config/build/ingest.ts";
import type { Mapping, MappingFormat } from "../../mapping/language.ts";
import { MappedEvents } from "../../mapping/mapper.ts";
import { openMapper } from "../../mapping/record-mapper.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { RecordSink } from "../replay/record-sink.ts";

/** Formats of single messages. No file holds several of them in a row. */
const MESSAGE_FORMATS: readonly (MappingFormat | undefined)[] = ["avro", "protobuf", "json_schema", "msgpack"];
/** Bytes of a message that are shown. */
const RAW_BYTES = 100;

export function isMessageFormat({ format }: Mapping): boolean {
  return MESSAGE_FORMATS.includes(format);
}

/** Collects the bytes of one message. Rejects with `bad_request` when there are more than a record may have. */
export async function readMessage(chunks: AsyncIterable<Buffer>, mapping: Mapping, name: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > RECORD_BYTES_MAX) {
      const message = `${name} has more than ${RECORD_BYTES_MAX} bytes; with format ${mapping.format} a file holds one message, as it is in its topic`;
      throw new SwapstatsError("bad_request", message);
    }
    // A chunk is valid until the next one is requested.
    parts.push(Buffer.from(chunk));
  }
  return Buffer.concat(parts);
}

/** Maps one message into the sink. Rejects when its schema is needed, and the registry cannot be reached. */
export async function mapMessage(
  bytes: Buffer,
  mapping: Mapping,
  registry: RegistryConfig | undefined,
  sink: RecordSink,
  signal: AbortSignal,
): Promise<void> {
  const mapper = openMapper(mapping, registry && new SchemaRegistry(registrySettings(registry)));
  const record = { bytes, start: 0, end: bytes.length, row: 1 };
  const events = new MappedEvents();
  let outcome = mapper.map(record, events);
  while (outcome === "schema_needed") {
    await mapper.loadSchema(signal);
    outcome = mapper.map(record, events);
  }
  const raw = `0x${bytes.toString("hex", 0, RAW_BYTES)}${bytes.length > RAW_BYTES ? "..." : ""}`;
  if (outcome === undefined) {
    sink.take(1, events, () => raw);
    return;
  }
  const code: DeadLetterCode = outcome;
  sink.fault({ row: 1, code, value: raw, message: mapper.refusalText(code, record, events, undefined), raw });
}
