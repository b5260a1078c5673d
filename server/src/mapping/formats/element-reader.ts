import type { DeadLetterCode } from "../../codecs/dead-letter-codes.ts";
import type { MappedRecord, MappingOutcome } from "../mapper.ts";

/** Reads the records of one format into the value table that it was opened with. */
export type ElementReader = {
  /**
   * Reads a record, and sets the values of references that are named from its root (`$.a`); without `each` those of its one element as
   * well. The table was cleared before. References about the record (`@key`) are not the reader's.
   */
  read(record: MappedRecord): MappingOutcome;
  /** Elements of the record that was read last. */
  readonly elementCount: number;
  /**
   * With `each`: replaces the values of references that are named from an element, or from one around it, by those of this element. The
   * elements of a record are filled in order.
   */
  fill(element: number): void;
  /** As in RecordMapper. */
  loadSchema(signal: AbortSignal): Promise<void>;
  /** Explains the code that `read` returned for the record. */
  refusalText(code: DeadLetterCode, record: MappedRecord): string;
};
