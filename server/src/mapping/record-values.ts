import type { Mapping } from "./language.ts";
import type { MappedRecord } from "./mapper.ts";
import { VALUE, type ValueTable } from "./value-table.ts";

type About = (record: MappedRecord, values: ValueTable) => void;

/** Values of references about a record, such as `@key`. They are the same in every format. */
export class RecordValues {
  readonly needsEnvelope: boolean;
  readonly #fillers: readonly About[];

  constructor({ references }: Mapping) {
    this.needsEnvelope = references.some(({ of }) => of === "key" || of === "header");
    this.#fillers = references.flatMap((reference, index): About[] => {
      switch (reference.of) {
        case "key":
          return [({ key }, values) => setBytes(values, index, key)];
        case "header":
          return [({ header }, values) => setBytes(values, index, header?.(reference.header))];
        case "timestamp":
          return [({ timestampMs }, values) => setNumber(values, index, timestampMs)];
        case "partition":
          return [({ partition }, values) => setNumber(values, index, partition)];
        case "offset":
          return [({ offset }, values) => setNumber(values, index, offset)];
        case "row":
          return [({ row }, values) => setNumber(values, index, row)];
        default:
          return [];
      }
    });
  }

  fill(record: MappedRecord, values: ValueTable): void {
    for (const fill of this.#fillers) fill(record, values);
  }
}

function setBytes(values: ValueTable, reference: number, bytes: Uint8Array | undefined): void {
  if (bytes !== undefined) values.set(reference, VALUE.text, bytes, 0, bytes.length);
}

function setNumber(values: ValueTable, reference: number, number: number | undefined): void {
  if (number !== undefined) values.setOwn(reference, VALUE.number, String(number));
}
