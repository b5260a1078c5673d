/**
 * Makes events of bodies that hold a producer's own records (`POST /api/swaps?mapping=NAME`), in the log thread. The mapping's format decides how a
 * body is cut into records. All records are mapped before the first event is taken, because a body with too many events is refused as a
 * whole. A body whose schema must be loaded waits for it, and other bodies go on.
 */
import type { EventRanges } from "../../codecs/body-splitter.ts";
import type { DeadLetterCode } from "../../codecs/dead-letter-codes.ts";
import { MappedEvents, type MappedRecord, type RecordMapper } from "../../mapping/mapper.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { freeMemory } from "../../shared/free-memory.ts";
import { toWire, type WireError } from "../../shared/wire-error.ts";
import { type BodyMappings, MappingOpener, type OpenedMapping } from "../mappings.ts";
import { type BodyTable, recordsOf } from "./body-records.ts";
import type { BodyEvents } from "./log-service.ts";

/** Bytes of the events of one body. Records may make many events, with texts that they have in common. */
export const MAPPED_BYTES_MAX = 64 * 1024 * 1024;
/** Schemas that are loaded for one body. */
const SCHEMAS_MAX = 16;

type MappedBodiesOptions = {
  readonly mappings: BodyMappings;
  /** Records of a body, and events that they make. */
  readonly eventsMax: number;
  readonly nowMs: () => number;
  /** Takes the events of a body. */
  readonly take: (id: number, events: BodyEvents) => void;
  readonly refuse: (id: number, error: WireError) => void;
};

export class MappedBodies {
  readonly #options: MappedBodiesOptions;
  readonly #opener: MappingOpener;
  readonly #opened = new Map<string, OpenedMapping>();
  /** The mapper of the last form of table of each mapping. */
  readonly #tables = new Map<OpenedMapping, { readonly form: string; readonly mapper: RecordMapper }>();
  /** Bodies that wait for a schema. */
  readonly #waiting = new Map<number, Uint8Array>();
  readonly #stop = new AbortController();

  /** Opens all mappings. Throws as `MappingOpener` does. */
  constructor(options: MappedBodiesOptions) {
    this.#options = options;
    this.#opener = new MappingOpener(options.mappings.registry);
    for (const [name, text] of options.mappings.texts) this.#opened.set(name, this.#opener.open(text, true));
  }

  /** Takes a body, whose buffer is detached. Calls `take` or `refuse` once, at once or when its schema is loaded. */
  ingest(id: number, body: Uint8Array, name: string): void {
    const opened = this.#opened.get(name);
    if (opened === undefined) {
      freeMemory(body);
      this.#options.refuse(id, { code: "not_found", message: `There is no mapping ${name}.`, retryable: false });
      return;
    }
    void this.#ingest(id, body, opened);
  }

  /** Refuses the bodies that wait for a schema. */
  close(): void {
    this.#stop.abort();
    const error: WireError = { code: "unavailable", message: "The service is stopping.", retryable: true };
    for (const [id, body] of this.#waiting) {
      freeMemory(body);
      this.#options.refuse(id, error);
    }
    this.#waiting.clear();
  }

  /** Never rejects. */
  async #ingest(id: number, body: Uint8Array, opened: OpenedMapping): Promise<void> {
    const { eventsMax, nowMs, take, refuse } = this.#options;
    try {
      const { ranges, table } = recordsOf(body, opened.mapping, eventsMax);
      const mapper = table === undefined ? opened.mapper : this.#mapperOf(opened, table);
      const mapped = new MappedBody(body, ranges, mapper, eventsMax, nowMs());
      for (let schemas = 0; !mapped.map(); schemas++) {
        if (schemas === SCHEMAS_MAX) throw tooLarge(`the records of the body need more than ${SCHEMAS_MAX} schemas`);
        this.#waiting.set(id, body);
        await mapper.loadSchema(this.#stop.signal);
        if (!this.#waiting.delete(id)) return;
      }
      take(id, mapped);
    } catch (error) {
      // A body that is not there any more was refused by `close`.
      if (this.#stop.signal.aborted && body.byteLength === 0) return;
      this.#waiting.delete(id);
      refuse(id, toWire(error));
    }
    freeMemory(body);
  }

  /** Returns the mapper of a table of this form. Senders usually repeat theirs. */
  #mapperOf(opened: OpenedMapping, table: BodyTable): RecordMapper {
    const form = JSON.stringify(table);
    const last = this.#tables.get(opened);
    if (last?.form === form) return last.mapper;
    const mapper = this.#opener.openTable(opened.mapping, table);
    this.#tables.set(opened, { form, mapper });
    return mapper;
  }
}

/** The records of one body, and the events that were made of them. */
class MappedBody implements BodyEvents {
  bytes = new Uint8Array(0);
  starts = new Uint32Array(64);
  ends = new Uint32Array(64);
  count = 0;
  readonly mapped = { records: 0, skipped: 0, rejected: [] as ReturnType<BodyEvents["rejection"]>[] };
  readonly #body: Uint8Array;
  readonly #ranges: EventRanges;
  readonly #mapper: RecordMapper;
  readonly #eventsMax: number;
  readonly #arrivalMs: number;
  readonly #events = new MappedEvents();
  /** Record of event i, and its index within the record. */
  #records = new Uint32Array(64);
  #indexes = new Uint32Array(64);
  #length = 0;
  /** Next record to map. */
  #next = 0;

  constructor(body: Uint8Array, ranges: EventRanges, mapper: RecordMapper, eventsMax: number, arrivalMs: number) {
    this.#body = body;
    this.#ranges = ranges;
    this.#mapper = mapper;
    this.#eventsMax = eventsMax;
    this.#arrivalMs = arrivalMs;
    this.mapped.records = ranges.count;
  }

  /** Maps the records, from the one that needed a schema on. Returns false when one needs a schema. Throws `too_large`. */
  map(): boolean {
    for (; this.#next < this.#ranges.count; this.#next++) {
      const record = this.#record(this.#next);
      const outcome = this.#mapper.map(record, this.#events);
      if (outcome === "schema_needed") return false;
      if (outcome === undefined) this.#add(this.#next, this.#events);
      else {
        const message = this.#mapper.refusalText(outcome, record, this.#events, undefined);
        this.mapped.rejected.push({ index: this.#next, code: outcome, message });
      }
    }
    return true;
  }

  /** Maps the record again, because its events were replaced by those of later records. */
  rejection(i: number, code: DeadLetterCode): ReturnType<BodyEvents["rejection"]> {
    const index = this.#records[i]!;
    const record = this.#record(index);
    this.#mapper.map(record, this.#events);
    return { index, code, message: this.#mapper.refusalText(code, record, this.#events, this.#indexes[i]) };
  }

  #record(index: number): MappedRecord {
    const start = this.#ranges.starts[index]!;
    const end = this.#ranges.ends[index]!;
    return { bytes: this.#body, start, end, timestampMs: this.#arrivalMs, row: index + 1 };
  }

  #add(record: number, { bytes, ends, count, skipped }: MappedEvents): void {
    this.mapped.skipped += skipped;
    if (count === 0) return;
    if (this.count + count > this.#eventsMax)
      throw tooLarge(`the records of the body make more than ${this.#eventsMax} swaps`);
    const length = ends[count - 1]!;
    if (this.#length + length > MAPPED_BYTES_MAX) {
      throw tooLarge(`the records of the body make more than ${MAPPED_BYTES_MAX} bytes of swaps`);
    }
    this.#reserve(length, count);
    this.bytes.set(bytes.subarray(0, length), this.#length);
    for (let i = 0; i < count; i++) {
      this.starts[this.count] = this.#length + (i === 0 ? 0 : ends[i - 1]!);
      this.ends[this.count] = this.#length + ends[i]!;
      this.#records[this.count] = record;
      this.#indexes[this.count] = i;
      this.count++;
    }
    this.#length += length;
  }

  #reserve(bytes: number, count: number): void {
    if (this.#length + bytes > this.bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length + bytes, 2 * this.bytes.length));
      grown.set(this.bytes);
      this.bytes = grown;
    }
    if (this.count + count <= this.ends.length) return;
    const room = Math.max(this.count + count, 2 * this.ends.length);
    this.starts = grown(this.starts, room);
    this.ends = grown(this.ends, room);
    this.#records = grown(this.#records, room);
    this.#indexes = grown(this.#indexes, room);
  }
}

function grown(values: Uint32Array<ArrayBuffer>, room: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(room);
  larger.set(values);
  return larger;
}

function tooLarge(what: string): SwapstatsError {
  return new SwapstatsError("too_large", `${what}; send them in several requests`);
}
