import type { SchemaRegistry } from "../clients/schema-registry/schema-registry.ts";
import type { DeadLetterCode } from "../codecs/dead-letter-codes.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { printableCut } from "../shared/printable-text.ts";
import { CsvReader } from "./formats/csv-records.ts";
import type { ElementReader } from "./formats/element-reader.ts";
import { FramedJsonReader } from "./formats/framed-json.ts";
import { openJsonReader } from "./formats/json-records.ts";
import { openDecoder } from "./formats/open-decoder.ts";
import { TreeReader } from "./formats/tree-reader.ts";
import type { Mapping } from "./language.ts";
import { RECORD_REPLACE_STEPS_MAX, RECORD_TEXT_BYTES_MAX } from "./limits.ts";
import { mappedRefusalText } from "./mapped-refusal-text.ts";
import type { MappedEvents, MappedRecord, MappingOutcome, RecordMapper } from "./mapper.ts";
import { RecordValues } from "./record-values.ts";
import { ValueTable } from "./value-table.ts";
import { replacementSteps } from "./values/replacements.ts";
import { ElementMapper } from "./writing/element-mapper.ts";

/**
 * Opens the mapper of a mapping. Throws `bad_request` for a format that only files have, for a table without columns, and for a schema file that
 * cannot be used.
 * @param registry where records of `avro` and `protobuf` have their schemas; not needed where the mapping has a schema file
 */
export function openMapper(mapping: Mapping, registry?: SchemaRegistry): RecordMapper {
  const { reader, values } = openReader(mapping, registry);
  return new FormatMapper(mapping, reader, values);
}

type OpenReader = { readonly reader: ElementReader; readonly values: ValueTable };

function openReader(mapping: Mapping, registry: SchemaRegistry | undefined): OpenReader {
  switch (mapping.format) {
    case undefined:
    case "json":
      return openJsonReader(mapping);
    case "json_schema": {
      const { reader, values } = openJsonReader(mapping);
      return { reader: new FramedJsonReader(reader), values };
    }
    case "csv": {
      // A column may differ in case, as in files.
      const { reader, values } = openJsonReader({ ...mapping, ignoresCase: true });
      return { reader: new CsvReader(reader, mapping), values };
    }
    case "avro":
    case "protobuf":
    case "msgpack": {
      const values = new ValueTable(mapping.references.length);
      return { reader: new TreeReader(mapping, values, openDecoder(mapping, registry)), values };
    }
    default: {
      const message = `the mapping ${mapping.name} has format ${mapping.format}, which single records do not have; use json`;
      throw new SwapstatsError("bad_request", message);
    }
  }
}

const FAILURE_CHARS_MAX = 200;
const FAILED = "this is an error of swapstats and not of the record: please report it with the record and its mapping";

class FormatMapper implements RecordMapper {
  readonly needsEnvelope: boolean;
  readonly #mapping: Mapping;
  readonly #reader: ElementReader;
  readonly #values: ValueTable;
  readonly #recordValues: RecordValues;
  readonly #elements: ElementMapper;
  /** Why the last record could not be mapped although nothing is known to be wrong with it. */
  #failure: string | undefined;

  constructor(mapping: Mapping, reader: ElementReader, values: ValueTable) {
    this.#mapping = mapping;
    this.#reader = reader;
    this.#values = values;
    this.#recordValues = new RecordValues(mapping);
    this.needsEnvelope = this.#recordValues.needsEnvelope;
    this.#elements = new ElementMapper(mapping, values);
  }

  /** No record is known that fails. If there is one, it must not stop a partition: it becomes a dead letter that says so. */
  map(record: MappedRecord, events: MappedEvents): MappingOutcome {
    this.#failure = undefined;
    try {
      return this.#map(record, events);
    } catch (error) {
      events.clear();
      this.#failure = error instanceof Error ? error.message : String(error);
      return "malformed_record";
    }
  }

  #map(record: MappedRecord, events: MappedEvents): MappingOutcome {
    events.clear();
    this.#values.clear();
    const outcome = this.#reader.read(record);
    if (outcome !== undefined) return outcome;
    this.#recordValues.fill(record, this.#values);
    const count = this.#reader.elementCount;
    const stepsMax = replacementSteps() + RECORD_REPLACE_STEPS_MAX;
    const textBytesMax = this.#elements.textBytes + RECORD_TEXT_BYTES_MAX;
    for (let element = 0; element < count; element++) {
      this.#reader.fill(element);
      const isWhole = this.#elements.map(record.bytes, events);
      const isAffordable = replacementSteps() <= stepsMax && this.#elements.textBytes <= textBytesMax;
      if (isWhole && (isAffordable || count === 1)) continue;
      events.clear();
      return "too_many_swaps";
    }
    return undefined;
  }

  loadSchema(signal: AbortSignal): Promise<void> {
    return this.#reader.loadSchema(signal);
  }

  refusalText(code: DeadLetterCode, record: MappedRecord, events: MappedEvents, index: number | undefined): string {
    if (this.#failure !== undefined) return `${printableCut(this.#failure, FAILURE_CHARS_MAX)}; ${FAILED}`;
    if (index === undefined) return this.#reader.refusalText(code, record);
    return mappedRefusalText(code, this.#mapping, events, index);
  }
}
