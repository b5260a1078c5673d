/** Decodes the records of a batch and applies them to the engine, in slices of a few milliseconds. Each record is one canonical event. */
import type { DeadLetterCode } from "../codecs/dead-letter-codes.ts";
import type { OutcomeWatch } from "../codecs/raw-rows.ts";
import { refusalText } from "../codecs/refusal-text.ts";
import type { TokenRef } from "../engine/types.ts";
import type { RecordBatch } from "../ports/source.ts";
import type { ChainAddresses } from "../shared/token-id.ts";
import { arrivalOf } from "./arrivals.ts";
import type { DeadLetterBuffer } from "./dead-letter-buffer.ts";
import { type AppliedEngine, EventApplier } from "./event-applier.ts";

export type KeepLetter = DeadLetterBuffer["add"];

/** Records between two looks at the clock: some tens of microseconds. */
const RECORDS_PER_LOOK = 32;

export class BatchApplier {
  readonly #events: EventApplier;
  readonly #keepLetter: KeepLetter;

  /** See `EventApplier`. */
  constructor(
    engine: AppliedEngine,
    onTouch: (token: TokenRef) => void,
    keepLetter: KeepLetter,
    chains?: ChainAddresses,
    watch?: OutcomeWatch,
  ) {
    this.#events = new EventApplier(engine, onTouch, chains, watch);
    this.#keepLetter = keepLetter;
  }

  /** See `EventApplier`. */
  get decoderFallbacks(): number {
    return this.#events.decoderFallbacks;
  }

  /** The redo takes whole batches. */
  readonly isKeepDue = false;

  /** Applies records from index `from` on for about `sliceMs`. Returns the index behind the last one. */
  applySlice(batch: RecordBatch, from: number, sliceMs: number): number {
    const next = this.#applyFrom(batch, from, sliceMs);
    this.#events.release();
    return next;
  }

  #applyFrom(batch: RecordBatch, from: number, sliceMs: number): number {
    const { payload, ends, count } = batch;
    const endMs = performance.now() + sliceMs;
    let start = from === 0 ? 0 : (ends[from - 1] as number);
    for (let i = from; i < count; i++) {
      const end = ends[i] as number;
      const code = this.#events.apply(payload, start, end, arrivalOf(batch, i), batch.baseOffset + i, 0);
      if (code !== undefined) this.#keepAsLetter(batch, i, code, start, end);
      start = end;
      if ((i - from) % RECORDS_PER_LOOK === RECORDS_PER_LOOK - 1 && performance.now() >= endMs) return i + 1;
    }
    return count;
  }

  #keepAsLetter(batch: RecordBatch, index: number, code: DeadLetterCode, start: number, end: number): void {
    const { partition, baseOffset, payload } = batch;
    const arrival = arrivalOf(batch, index);
    const message = refusalText(code, payload, start, end, arrival);
    const letter = { code, message, partition, offset: baseOffset + index, arrival };
    this.#keepLetter(letter, payload, start, end);
  }
}
