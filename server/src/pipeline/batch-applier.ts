/**
 * Decodes the records of a batch and applies them to the engine, in slices of a few milliseconds. Calls `onTouch` for each token that an event
 * changed, which invalidates feeds and cached responses (`ServedPartition.touch`).
 */
import type { DeadLetterCode } from "../codecs/dead-letter-codes.ts";
import { refusalText } from "../codecs/refusal-text.ts";
import { SwapDecoder } from "../codecs/swap-decoder.ts";
import { SwapEvent } from "../engine/swaps/swap-event.ts";
import type { Outcome, TokenRef } from "../engine/types.ts";
import type { RecordBatch } from "../ports/source.ts";
import { type ChainAddresses, NO_CHAIN_ADDRESSES } from "../shared/token-id.ts";
import type { DeadLetterBuffer } from "./dead-letter-buffer.ts";

type KeepLetter = DeadLetterBuffer["add"];

/** The part of the engine that writes. */
type AppliedEngine = {
  readonly touchedRef: TokenRef;
  readonly movedRefs: readonly TokenRef[];
  apply(event: SwapEvent, arrivalMs: number): Outcome;
  deadLetter(code: string): void;
};

/** Records between two looks at the clock: some tens of microseconds. */
const RECORDS_PER_LOOK = 32;

/** Outcomes that produce a dead letter. Their names are its codes. */
const DEAD_LETTER_OUTCOMES: ReadonlySet<Outcome> = new Set<Outcome>([
  "quarantined",
  "too_many_inclusions",
  "too_many_tokens",
  "too_many_chains",
]);

export class BatchApplier {
  readonly #engine: AppliedEngine;
  readonly #onTouch: (token: TokenRef) => void;
  readonly #keepLetter: KeepLetter;
  readonly #decoder: SwapDecoder;
  readonly #event = new SwapEvent();

  /** `chains` says how the addresses of each chain are written. */
  constructor(
    engine: AppliedEngine,
    onTouch: (token: TokenRef) => void,
    keepLetter: KeepLetter,
    chains: ChainAddresses = NO_CHAIN_ADDRESSES,
  ) {
    this.#engine = engine;
    this.#decoder = new SwapDecoder(chains);
    this.#onTouch = onTouch;
    this.#keepLetter = keepLetter;
  }

  /** Number of records on which the decoder failed and that the reference decoder read. */
  get decoderFallbacks(): number {
    return this.#decoder.fallbacks;
  }

  /** Applies records from index `from` on for about `sliceMs`. Returns the index behind the last one. */
  applySlice(batch: RecordBatch, from: number, sliceMs: number): number {
    const { payload, ends, count } = batch;
    const endMs = performance.now() + sliceMs;
    let start = from === 0 ? 0 : (ends[from - 1] as number);
    for (let i = from; i < count; i++) {
      const end = ends[i] as number;
      this.#applyRecord(batch, i, payload, start, end);
      start = end;
      if ((i - from) % RECORDS_PER_LOOK === RECORDS_PER_LOOK - 1 && performance.now() >= endMs) return i + 1;
    }
    return count;
  }

  #applyRecord(batch: RecordBatch, index: number, payload: Uint8Array, start: number, end: number): void {
    const arrivalMs = arrivalOf(batch, index);
    const code = this.#decoder.decode(payload, start, end, this.#event);
    if (code !== undefined) {
      this.#engine.deadLetter(code);
      this.#keep(batch, index, code, payload, start, end);
      return;
    }
    const outcome = this.#engine.apply(this.#event, arrivalMs);
    const token = this.#engine.touchedRef;
    if (token !== -1) this.#onTouch(token);
    for (const moved of this.#engine.movedRefs) this.#onTouch(moved);
    if (DEAD_LETTER_OUTCOMES.has(outcome)) this.#keep(batch, index, outcome as DeadLetterCode, payload, start, end);
  }

  #keep(
    batch: RecordBatch,
    index: number,
    code: DeadLetterCode,
    payload: Uint8Array,
    start: number,
    end: number,
  ): void {
    const { partition, baseOffset } = batch;
    const arrival = arrivalOf(batch, index);
    const message = refusalText(code, payload, start, end, arrival);
    const letter = { code, message, partition, offset: baseOffset + index, arrival };
    this.#keepLetter(letter, payload, start, end);
  }
}

export function arrivalOf(batch: RecordBatch, index: number): number {
  const { arrivalsMs } = batch;
  return typeof arrivalsMs === "number" ? arrivalsMs : (arrivalsMs[index] as number);
}
