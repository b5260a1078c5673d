/**
 * Makes bodies for `IngestPort` of the records of an origin: maps each record to its events, or checks that it is an event, and puts the
 * events into NDJSON of a bounded size. A body remembers the record and the event behind each line, so that a refused line leads back to
 * the producer's own record.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type DeadLetterCode, isDeadLetterCode } from "../../codecs/dead-letter-codes.ts";
import { refusalText } from "../../codecs/refusal-text.ts";
import { SwapDecoder } from "../../codecs/swap-decoder.ts";
import { SwapEvent } from "../../engine/swaps/swap-event.ts";
import { MappedEvents, type MappedRecord, type RecordMapper } from "../../mapping/mapper.ts";
import type { ChainAddresses } from "../../shared/token-id.ts";

/** A body is handed over at this size; a single event may be larger. Small bodies keep the main thread free for requests in between. */
const BODY_BYTES_MAX = 512 * 1024;
const BODY_EVENTS_MAX = 1_000;
/** Records without events make no body, so the thread is freed after this many records, too. */
const RECORDS_PER_TURN = 1_000;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;

/** Index of the record within its batch, and of the event within the record. */
type LinePlace = { readonly record: number; readonly event: number };

export type EventBody = {
  /** NDJSON; valid until the next body is asked for. */
  readonly bytes: Uint8Array;
  /** One for each line. */
  readonly places: readonly LinePlace[];
};

/** A record that makes no swaps, or some of whose swaps were refused. */
type Refusal = { readonly code: string; readonly message: string };

type EventBodiesOptions = {
  /** Undefined: the records are canonical events. */
  readonly mapper: RecordMapper | undefined;
  readonly chains: ChainAddresses;
  /** Events that a body of the port may hold. */
  readonly bodyEventsMax: number;
  /** Resolves when the schema that the mapper needs is loaded. Rejects only when aborted. */
  readonly loadSchema: (mapper: RecordMapper) => Promise<void>;
};

export class EventBodies {
  /** Swaps of the batch that `when` left out. */
  skipped = 0;
  /** Refused records of the batch, by their index. A record with several refused events has the first of them. */
  readonly refusals = new Map<number, Refusal>();
  readonly #options: EventBodiesOptions;
  readonly #eventsMax: number;
  readonly #decoder: SwapDecoder;
  readonly #event = new SwapEvent();
  readonly #events = new MappedEvents();
  /** For a record that is mapped again, while the events of another one wait in `#events`. */
  readonly #repeated = new MappedEvents();
  #bytes = new Uint8Array(64 * 1024);
  #length = 0;
  #places: LinePlace[] = [];

  constructor(options: EventBodiesOptions) {
    this.#options = options;
    this.#eventsMax = Math.min(options.bodyEventsMax, BODY_EVENTS_MAX);
    this.#decoder = new SwapDecoder(options.chains);
  }

  /** Yields the bodies of a batch in order. `refusals` and `skipped` are those of this batch from now on. */
  async *of(records: readonly MappedRecord[]): AsyncGenerator<EventBody> {
    this.skipped = 0;
    this.refusals.clear();
    this.#clear();
    const { mapper } = this.#options;
    for (const [index, record] of records.entries()) {
      if (index % RECORDS_PER_TURN === RECORDS_PER_TURN - 1) await nextTurn();
      if (mapper === undefined) {
        // A line that is no event could change the meaning of the whole body, so only events are put into it.
        const { bytes, start, end } = record;
        const code = this.#decoder.decode(bytes, start, end, this.#event);
        if (code !== undefined) {
          this.refusals.set(index, { code, message: refusalText(code, bytes, start, end) });
          continue;
        }
        if (this.#isFull(end - start)) yield this.#body();
        this.#add(index, 0, bytes, start, end);
        continue;
      }
      const events = this.#events;
      const code = await this.#map(mapper, record, events);
      if (code !== undefined) {
        this.refusals.set(index, { code, message: mapper.refusalText(code, record, events, undefined) });
        continue;
      }
      this.skipped += events.skipped;
      for (let i = 0, start = 0; i < events.count; i++) {
        const end = events.ends[i]!;
        if (this.#isFull(end - start)) yield this.#body();
        this.#add(index, i, events.bytes, start, end);
        start = end;
      }
    }
    if (this.#places.length > 0) yield this.#body();
  }

  /**
   * Notes that the port refused a line of a body of this batch. A mapped record is mapped again, so that the message names the producer's
   * own field.
   */
  async refuse(record: MappedRecord, place: LinePlace, code: string, message: string): Promise<void> {
    if (this.refusals.has(place.record)) return;
    const { mapper } = this.#options;
    const events = this.#repeated;
    const isKnown =
      mapper !== undefined && isDeadLetterCode(code) && (await this.#map(mapper, record, events)) === undefined;
    const text = isKnown ? mapper.refusalText(code, record, events, place.event) : message;
    this.refusals.set(place.record, { code, message: text });
  }

  async #map(mapper: RecordMapper, record: MappedRecord, events: MappedEvents): Promise<DeadLetterCode | undefined> {
    for (;;) {
      const outcome = mapper.map(record, events);
      if (outcome !== "schema_needed") return outcome;
      await this.#options.loadSchema(mapper);
    }
  }

  #isFull(more: number): boolean {
    if (this.#places.length === 0) return false;
    return this.#places.length >= this.#eventsMax || this.#length + more + 1 > BODY_BYTES_MAX;
  }

  #add(record: number, event: number, bytes: Uint8Array, start: number, end: number): void {
    const needed = this.#length + end - start + 1;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    this.#bytes.set(bytes.subarray(start, end), this.#length);
    // Within an event a line break is white space, because texts in JSON have none.
    spaced(this.#bytes.subarray(this.#length, needed - 1), LINE_FEED);
    spaced(this.#bytes.subarray(this.#length, needed - 1), CARRIAGE_RETURN);
    this.#bytes[needed - 1] = LINE_FEED;
    this.#length = needed;
    this.#places.push({ record, event });
  }

  #body(): EventBody {
    const body = { bytes: this.#bytes.subarray(0, this.#length), places: this.#places };
    this.#clear();
    return body;
  }

  #clear(): void {
    this.#length = 0;
    this.#places = [];
  }
}

/** Replaces each of these bytes by a space. */
function spaced(bytes: Uint8Array, byte: number): void {
  for (let at = bytes.indexOf(byte); at !== -1; at = bytes.indexOf(byte, at + 1)) bytes[at] = SPACE;
}
