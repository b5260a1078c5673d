import type { SwapEvent } from "../engine/swaps/swap-event.ts";
import { type ChainAddresses, NO_CHAIN_ADDRESSES } from "../shared/token-id.ts";
import { CarefulEvent } from "./careful-event.ts";
import type { DeadLetterCode } from "./dead-letter-codes.ts";
import { scanFields, scannedView, UNREADABLE } from "./field-scanner.ts";
import { RECORD_BYTES_MAX } from "./limits.ts";
import { fillPlainNumbers, fillPlainTexts } from "./plain-event.ts";
import { ReferenceDecoder } from "./reference-decoder.ts";
import { unreadableCode } from "./unreadable-code.ts";

/**
 * Decodes the bytes of one JSON record to a swap event. This is the hot path: a record in plain form creates no object, string
 * or BigInt.
 *
 * A first pass (field-scanner.ts) checks the whole record as JSON and notes where the value of each field is. The second
 * (plain-event.ts, for other forms careful-event.ts) reads the values that count: the last of a repeated name, the canonical
 * name before its aliases. Reading values in the first pass would need a
 * separate place for the value of every name. ReferenceDecoder gives the same results through JSON.parse; tests compare the
 * two.
 *
 * Pass records of the same buffer one after another: each new buffer costs a view.
 */
export class SwapDecoder {
  readonly #careful = new CarefulEvent();
  readonly #chains: ChainAddresses;
  /** By chain; undefined when no chain has a length of addresses, as is usual. */
  readonly #addressBytes: ReadonlyMap<number, number> | undefined;
  #fallbacks = 0;

  /** `chains` gives the form of each chain's addresses. */
  constructor(chains: ChainAddresses = NO_CHAIN_ADDRESSES) {
    this.#chains = chains;
    const lengths = [...chains].flatMap(([id, { addressBytes }]): [number, number][] =>
      addressBytes === undefined ? [] : [[id, addressBytes]],
    );
    this.#addressBytes = lengths.length === 0 ? undefined : new Map(lengths);
  }

  /**
   * Records that ReferenceDecoder decoded because this decoder failed with an exception. That would be a bug here. No such
   * record is known, but if there is one, it must not stop a partition.
   */
  get fallbacks(): number {
    return this.#fallbacks;
  }

  /**
   * Decodes buf[start, end) into `out`. Returns undefined when the event is valid, otherwise the reason why it is not; `out` is
   * then unusable. `out.bytes` is `buf`, or a buffer of the decoder that is valid until the next call.
   */
  decode(buf: Uint8Array, start: number, end: number, out: SwapEvent): DeadLetterCode | undefined {
    if (end - start > RECORD_BYTES_MAX) return "record_too_large";
    try {
      return this.#decode(buf, start, end, out);
    } catch {
      this.#fallbacks++;
      return new ReferenceDecoder(this.#chains).decode(buf, start, end, out);
    }
  }

  #decode(buf: Uint8Array, start: number, end: number, out: SwapEvent): DeadLetterCode | undefined {
    const set = scanFields(buf, start, end);
    if (set < 0) return set === UNREADABLE ? unreadableCode(buf, start, end) : "not_an_object";
    if (!fillPlainNumbers(buf, scannedView(), set, out)) {
      const code = this.#careful.fillNumbers(buf, set, out);
      if (code !== undefined) return code;
    }
    const addressBytes = this.#addressBytes === undefined ? 0 : (this.#addressBytes.get(out.chainId) ?? 0);
    if (addressBytes === 0 && fillPlainTexts(buf, set, out)) return undefined;
    return this.#careful.fillTexts(buf, set, out, addressBytes);
  }
}
