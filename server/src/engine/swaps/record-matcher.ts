/** Compares the event at hand with stored records: is it the same swap, the same inclusion, the same content? */
import { ByteView } from "../memory/byte-view.ts";
import { equalBytes } from "../memory/bytes.ts";
import type { Heap } from "../memory/heap.ts";
import type { Strings } from "../memory/strings.ts";
import { EVENT_ID_BYTES_MAX, writeDefaultId, writeEventId } from "./event-ids.ts";
import { FLAG_BUY, RecordView } from "./record-view.ts";
import type { Records } from "./records.ts";
import type { SwapEvent } from "./swap-event.ts";
import type { SwapIdentity } from "./swap-identity.ts";

export class RecordMatcher {
  readonly #heap: Heap;
  readonly #strings: Strings;
  readonly #records: Records;
  readonly #identity: SwapIdentity;
  readonly #view = new RecordView();
  readonly #given = new ByteView();
  readonly #stored = new ByteView();
  readonly #storedId = new Uint8Array(EVENT_ID_BYTES_MAX);
  readonly #defaultId = new Uint8Array(EVENT_ID_BYTES_MAX);

  /** `identity` must have taken the event that the methods are given. */
  constructor(heap: Heap, strings: Strings, records: Records, identity: SwapIdentity) {
    this.#heap = heap;
    this.#strings = strings;
    this.#records = records;
    this.#identity = identity;
  }

  /** Whether the record is of the event's swap: same token and same event id. */
  sameSwap(ref: number, event: SwapEvent, tokenRef: number): boolean {
    if (this.#records.token(ref) !== tokenRef) return false;
    const view = this.#records.read(ref, this.#view);
    const hasId = event.eventIdStart !== event.eventIdEnd;
    if (hasId || view.idStart !== view.idEnd) {
      const storedEnd = writeEventId(this.#heap, view, event.chainId, this.#storedId);
      const [bytes, start, end] = hasId
        ? [event.bytes, event.eventIdStart, event.eventIdEnd]
        : [this.#defaultId, 0, writeDefaultId(event, this.#defaultId)];
      return (
        storedEnd === end - start &&
        equalBytes(this.#stored.of(this.#storedId), 0, this.#given.of(bytes), start, storedEnd)
      );
    }
    return view.logIndex === event.logIndex && this.#sameTx(view);
  }

  #sameTx(view: RecordView): boolean {
    const { tx, txHex, txLength } = this.#identity;
    return (
      view.txHex === txHex &&
      view.txEnd - view.txStart === txLength &&
      equalBytes(this.#heap.view, view.txStart, this.#given.of(tx), 0, txLength)
    );
  }

  /** Whether the record, which is of the event's swap, is of its inclusion: same revision and block. */
  sameInclusion(ref: number, event: SwapEvent): boolean {
    const view = this.#records.read(ref, this.#view);
    if (view.revision !== event.revision) return false;
    const blockHash = this.#records.blockHash(ref);
    if (event.blockHashStart === event.blockHashEnd) {
      return (
        blockHash === 0 &&
        Math.max(view.blockNumber, 0) === Math.max(event.blockNumber, 0) &&
        this.#records.timeMs(ref) === event.eventTimeMs
      );
    }
    return blockHash !== 0 && this.#strings.equals(blockHash, event.bytes, event.blockHashStart, event.blockHashEnd);
  }

  /** Whether record and event, of one inclusion, say the same in every field. */
  sameContent(ref: number, event: SwapEvent): boolean {
    const view = this.#records.read(ref, this.#view);
    const same = (stored: number, start: number, end: number): boolean =>
      stored === 0 ? start === end : this.#strings.equals(stored, event.bytes, start, end);
    return (
      view.logIndex === event.logIndex &&
      view.txIndex === event.txIndex &&
      view.blockNumber === event.blockNumber &&
      view.usdMicro === event.usdMicro &&
      view.amount0 === event.amount0 &&
      view.amount1 === event.amount1 &&
      view.amount2 === event.amount2 &&
      (view.flags & FLAG_BUY) === (event.isBuy ? FLAG_BUY : 0) &&
      Object.is(view.price, event.priceUsd) &&
      this.#records.timeMs(ref) === event.eventTimeMs &&
      same(this.#records.who(ref), event.whoStart, event.whoEnd) &&
      same(view.pool, event.poolStart, event.poolEnd) &&
      same(view.symbol, event.symbolStart, event.symbolEnd) &&
      this.#sameTx(view)
    );
  }
}
