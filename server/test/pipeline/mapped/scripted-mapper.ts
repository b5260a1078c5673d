/**
 * A mapper in the place of a real one: a record says itself what is made of it. A registry that is away, and a mapping that changed, can be had
 * at any moment with it. Mappings of real records are tested in server/test/mapping.
 */
import type { DeadLetterCode } from "../../../src/codecs/dead-letter-codes.ts";
import type { MappedEvents, MappedRecord, MappingOutcome, RecordMapper } from "../../../src/mapping/mapper.ts";

/** A record. */
export type Script = {
  /** The texts of its events. */
  readonly events?: readonly string[];
  readonly skipped?: number;
  /** The record cannot be read. */
  readonly code?: DeadLetterCode;
  /** Number of a schema that it needs. */
  readonly schema?: number;
};

export class ScriptedMapper implements RecordMapper {
  readonly needsEnvelope = false;
  readonly loaded = new Set<number>();
  /** Loads a schema; replaced by tests. */
  load: (schema: number, signal: AbortSignal) => Promise<void> = async () => {};
  #needed = 0;

  map(record: MappedRecord, events: MappedEvents): MappingOutcome {
    events.clear();
    const script = scriptOf(record);
    if (script.schema !== undefined && !this.loaded.has(script.schema)) {
      this.#needed = script.schema;
      return "schema_needed";
    }
    if (script.code !== undefined) return script.code;
    const texts = script.events ?? [];
    if (texts.length > events.ends.length) events.ends = new Uint32Array(texts.length);
    const bytes = Buffer.from(texts.join(""));
    if (bytes.length > events.bytes.length) events.bytes = new Uint8Array(bytes.length);
    events.bytes.set(bytes);
    let end = 0;
    for (const text of texts) {
      end += Buffer.byteLength(text);
      events.ends[events.count++] = end;
    }
    events.skipped = script.skipped ?? 0;
    return undefined;
  }

  async loadSchema(signal: AbortSignal): Promise<void> {
    const schema = this.#needed;
    await this.load(schema, signal);
    this.loaded.add(schema);
  }

  refusalText(code: DeadLetterCode, _record: MappedRecord, _events: MappedEvents, index: number | undefined): string {
    return index === undefined ? `record ${code}` : `event ${index} ${code}`;
  }
}

function scriptOf({ bytes, start, end }: MappedRecord): Script {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()) as Script;
}
