/** Decodes one event after another and applies it to the engine. Every way by which events reach an engine uses it, also a restore. */
import type { DeadLetterCode } from "../codecs/dead-letter-codes.ts";
import type { OutcomeWatch } from "../codecs/raw-rows.ts";
import { SwapDecoder } from "../codecs/swap-decoder.ts";
import { SwapEvent } from "../engine/swaps/swap-event.ts";
import type { Outcome, TokenRef } from "../engine/types.ts";
import { type ChainAddresses, NO_CHAIN_ADDRESSES } from "../shared/token-id.ts";

/** The part of the engine that writes. */
export type AppliedEngine = {
  readonly touchedRef: TokenRef;
  readonly movedRefs: readonly TokenRef[];
  apply(event: SwapEvent, arrivalMs: number): Outcome;
  deadLetter(code: string): void;
};

/** Outcomes that produce a dead letter. Their names are its codes. */
const DEAD_LETTER_OUTCOMES: ReadonlySet<Outcome> = new Set<Outcome>([
  "quarantined",
  "too_many_inclusions",
  "too_many_tokens",
  "too_many_chains",
]);

export class EventApplier {
  readonly #engine: AppliedEngine;
  readonly #onTouch: (token: TokenRef) => void;
  readonly #decoder: SwapDecoder;
  readonly #event = new SwapEvent();
  readonly #watch: OutcomeWatch | undefined;

  /**
   * Calls `onTouch` for each token that an event changed, which invalidates feeds and cached responses (`ServedPartition.touch`). `chains` says how the addresses of each chain are written.
   * `watch` is told what became of each event that could be decoded.
   */
  constructor(
    engine: AppliedEngine,
    onTouch: (token: TokenRef) => void,
    chains: ChainAddresses = NO_CHAIN_ADDRESSES,
    watch?: OutcomeWatch,
  ) {
    this.#engine = engine;
    this.#onTouch = onTouch;
    this.#decoder = new SwapDecoder(chains);
    this.#watch = watch;
  }

  /** Number of events on which the decoder failed and that the reference decoder read. */
  get decoderFallbacks(): number {
    return this.#decoder.fallbacks;
  }

  /**
   * Applies the event in bytes[start, end), the one of this index within the record at this offset. Returns the code of its dead letter, or undefined without one.
   */
  apply(
    bytes: Uint8Array,
    start: number,
    end: number,
    arrivalMs: number,
    offset: number,
    index: number,
  ): DeadLetterCode | undefined {
    const code = this.#decoder.decode(bytes, start, end, this.#event);
    if (code !== undefined) {
      this.#engine.deadLetter(code);
      return code;
    }
    const outcome = this.#engine.apply(this.#event, arrivalMs);
    if (this.#watch !== undefined) this.#watch.applied(bytes, start, end, arrivalMs, offset, index, outcome);
    const token = this.#engine.touchedRef;
    if (token !== -1) this.#onTouch(token);
    for (const moved of this.#engine.movedRefs) this.#onTouch(moved);
    return DEAD_LETTER_OUTCOMES.has(outcome) ? (outcome as DeadLetterCode) : undefined;
  }

  /** Must be called before the bytes of the events since the last call change. */
  release(): void {
    if (this.#watch !== undefined) this.#watch.release();
  }

  /** Counts a record that cannot be read at all. */
  deadLetter(code: DeadLetterCode): void {
    this.#engine.deadLetter(code);
  }
}
