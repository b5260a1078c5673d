/** Reads records of JSON behind the frame of a schema registry. The schema itself is not needed, because JSON names its members. */
import type { DeadLetterCode } from "../../codecs/dead-letter-codes.ts";
import type { MappedRecord, MappingOutcome } from "../mapper.ts";
import type { ElementReader } from "./element-reader.ts";
import { FRAME_BYTES, hasFrame } from "./framing.ts";

export class FramedJsonReader implements ElementReader {
  readonly #json: ElementReader;

  constructor(json: ElementReader) {
    this.#json = json;
  }

  get elementCount(): number {
    return this.#json.elementCount;
  }

  read(record: MappedRecord): MappingOutcome {
    return this.#json.read(behindFrame(record));
  }

  fill(element: number): void {
    this.#json.fill(element);
  }

  loadSchema(signal: AbortSignal): Promise<void> {
    return this.#json.loadSchema(signal);
  }

  refusalText(code: DeadLetterCode, record: MappedRecord): string {
    return this.#json.refusalText(code, behindFrame(record));
  }
}

/** No JSON begins with the byte 0, so a record without a frame is read as it is. */
function behindFrame(record: MappedRecord): MappedRecord {
  const { bytes, start, end } = record;
  return hasFrame(bytes, start, end) ? { ...record, start: start + FRAME_BYTES } : record;
}
