/** Applies a mapping to the first records of a file, and keeps what becomes of each. */
import type { DeadLetterCode } from "../../codecs/dead-letter-codes.ts";
import { SwapDecoder } from "../../codecs/swap-decoder.ts";
import type { RegistryConfig } from "../../config/build/ingest.ts";
import { SwapEvent } from "../../engine/swaps/swap-event.ts";
import type { Mapping } from "../../mapping/language.ts";
import { mappedRefusalText } from "../../mapping/mapped-refusal-text.ts";
import type { MappedEvents } from "../../mapping/mapper.ts";
import { bindColumns } from "../replay/columns.ts";
import { diagnose, eachHint } from "../replay/diagnosis.ts";
import { openRecords, type Source } from "../replay/formats.ts";
import { type InputFile, NO_COUNTER, readChunks, readStdin, STDIN } from "../replay/input.ts";
import { mapLines, mapRows } from "../replay/map-records.ts";
import type { RecordSink } from "../replay/record-sink.ts";
import type { RowFault } from "../replay/rows.ts";
import { isMessageFormat, mapMessage, readMessage } from "./message-file.ts";

type Refusal = {
  readonly code: string;
  /** Undefined when the fault is not in one field. */
  readonly field: string | undefined;
  readonly value: string;
  readonly message: string;
};

export type TestedRecord = {
  /** Row of a table, line of a text file, or number of a value in a document. */
  readonly row: number;
  /** JSON of the events that the service would accept. */
  readonly events: readonly string[];
  /** Index in `events` of each event that repeats the identity of an earlier one. */
  readonly copies: readonly number[];
  /** Swaps whose `when` did not hold. */
  readonly skipped: number;
  readonly refused: readonly Refusal[];
  /** The record as it is in the file. */
  readonly raw: string;
};

/** Where the schemas of messages are, and when to stop waiting for them. */
export type Schemas = { readonly registry: RegistryConfig | undefined; readonly signal: AbortSignal };

/**
 * Rejects with `bad_request` when the file cannot be read, or its columns do not fit the mapping. With a format of messages the file is
 * one message.
 */
export async function runMapping(
  source: Source & { readonly mapping: Mapping },
  input: InputFile,
  rows: number,
  { registry, signal }: Schemas,
): Promise<TestedRecord[]> {
  const { mapping } = source;
  if (isMessageFormat(mapping)) {
    const sink = new TestSink(mapping, 1);
    const counter = NO_COUNTER();
    const chunks = input.path === STDIN ? readStdin(source.stdin, counter) : readChunks(input, counter);
    await mapMessage(await readMessage(chunks, mapping, input.name), mapping, registry, sink, signal);
    return sink.records;
  }
  const records = await openRecords(source, input, 0, NO_COUNTER());
  const sink = new TestSink(mapping, rows);
  try {
    let pauses: AsyncIterable<void>;
    if (records.kind === "lines") {
      pauses = mapLines(records.batches, mapping, sink);
    } else {
      const columns = bindColumns(mapping, records.header, input.name);
      pauses = mapRows(records.rows(new Set(columns.filter((column) => column !== -1))), mapping, columns, sink);
    }
    for await (const _ of pauses) if (sink.isFull) break;
  } finally {
    await records.close();
  }
  return sink.records;
}

class TestSink implements RecordSink {
  readonly records: TestedRecord[] = [];
  readonly #mapping: Mapping;
  readonly #rows: number;
  readonly #decoder = new SwapDecoder();
  readonly #event = new SwapEvent();
  readonly #identities = new Set<string>();

  constructor(mapping: Mapping, rows: number) {
    this.#mapping = mapping;
    this.#rows = rows;
  }

  get isFull(): boolean {
    return this.records.length >= this.#rows;
  }

  take(row: number, events: MappedEvents, raw: () => string): void {
    const accepted: string[] = [];
    const copies: number[] = [];
    const refused: Refusal[] = [];
    let start = 0;
    for (let index = 0; index < events.count; index++) {
      const end = events.ends[index] as number;
      const text = Buffer.from(events.bytes.buffer, events.bytes.byteOffset + start, end - start).toString();
      const code = this.#decoder.decode(events.bytes, start, end, this.#event);
      start = end;
      if (code !== undefined) {
        refused.push(this.#refusal(code, events, index, text, raw));
        continue;
      }
      const identity = this.#identity();
      if (this.#identities.has(identity)) copies.push(accepted.length);
      this.#identities.add(identity);
      accepted.push(text);
    }
    this.records.push({ row, events: accepted, copies, skipped: events.skipped, refused, raw: raw() });
  }

  fault({ row, code, field, value, message, raw }: RowFault): void {
    const refused = [{ code, field, value, message }];
    this.records.push({ row, events: [], copies: [], skipped: 0, refused, raw });
  }

  #refusal(code: DeadLetterCode, events: MappedEvents, index: number, text: string, raw: () => string): Refusal {
    const found = diagnose(code, text);
    const { field, value } = found;
    const hint = code === "missing_field" && this.#mapping.each === undefined ? eachHint(raw()) : found.hint;
    const said = mappedRefusalText(code, this.#mapping, events, index);
    return { code, field, value, message: hint === undefined ? said : `${said}; ${hint}` };
  }

  /** The swap that was decoded last, and its inclusion. */
  #identity(): string {
    const event = this.#event;
    const text = (start: number, end: number): string =>
      Buffer.from(event.bytes.buffer, event.bytes.byteOffset + start, end - start).toString("latin1");
    const id =
      event.eventIdStart === event.eventIdEnd
        ? `${text(event.txHashStart, event.txHashEnd)} ${event.logIndex}`
        : text(event.eventIdStart, event.eventIdEnd);
    const token = text(event.tokenStart, event.tokenEnd);
    const block = text(event.blockHashStart, event.blockHashEnd) || `${event.blockNumber} ${event.eventTimeMs}`;
    return `${event.chainId} ${token} ${id} ${event.revision} ${block} ${event.removed}`;
  }
}
