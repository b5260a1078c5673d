/** The two orders of records: of swaps within a token, and of the inclusions of one swap. */
import { compareBytes } from "../memory/bytes.ts";
import type { Heap } from "../memory/heap.ts";
import type { Strings } from "../memory/strings.ts";
import { EVENT_ID_BYTES_MAX, writeEventId } from "./event-ids.ts";
import { RecordView } from "./record-view.ts";
import type { Records } from "./records.ts";

export class RecordOrder {
  readonly #heap: Heap;
  readonly #strings: Strings;
  readonly #records: Records;
  readonly #a = new RecordView();
  readonly #b = new RecordView();
  readonly #idA = new Uint8Array(EVENT_ID_BYTES_MAX);
  readonly #idB = new Uint8Array(EVENT_ID_BYTES_MAX);

  constructor(heap: Heap, strings: Strings, records: Records) {
    this.#heap = heap;
    this.#strings = strings;
    this.#records = records;
  }

  /** Order of open and close: (event_time, block_number or 0, tx_index or 0, log_index, event_id as bytes). */
  compare(a: number, b: number, chainId: number): number {
    const byTime = this.#records.timeMs(a) - this.#records.timeMs(b);
    if (byTime !== 0) return byTime;
    const va = this.#records.read(a, this.#a);
    const vb = this.#records.read(b, this.#b);
    const byBlock = Math.max(va.blockNumber, 0) - Math.max(vb.blockNumber, 0);
    if (byBlock !== 0) return byBlock;
    if (va.txIndex !== vb.txIndex) return va.txIndex - vb.txIndex;
    if (va.logIndex !== vb.logIndex) return va.logIndex - vb.logIndex;
    const areDefault = va.idStart === va.idEnd && vb.idStart === vb.idEnd;
    if (areDefault && va.txHex && vb.txHex && va.txEnd - va.txStart === vb.txEnd - vb.txStart) {
      // Default ids of one chain and log index differ only in their hashes, and packed hex sorts as its text does.
      const { u8 } = this.#heap;
      return compareBytes(u8, va.txStart, va.txEnd, u8, vb.txStart, vb.txEnd);
    }
    const aEnd = writeEventId(this.#heap, va, chainId, this.#idA);
    const bEnd = writeEventId(this.#heap, vb, chainId, this.#idB);
    return compareBytes(this.#idA, 0, aEnd, this.#idB, 0, bEnd);
  }

  /** Order of inclusions of one swap: (revision, block_number or 0, event_time, block_hash as bytes). */
  compareInclusions(a: number, b: number): number {
    const va = this.#records.read(a, this.#a);
    const vb = this.#records.read(b, this.#b);
    if (va.revision !== vb.revision) return va.revision - vb.revision;
    const byBlock = Math.max(va.blockNumber, 0) - Math.max(vb.blockNumber, 0);
    if (byBlock !== 0) return byBlock;
    const byTime = this.#records.timeMs(a) - this.#records.timeMs(b);
    if (byTime !== 0) return byTime;
    const ha = this.#records.blockHash(a);
    const hb = this.#records.blockHash(b);
    const s = this.#strings;
    const { u8 } = this.#heap;
    return compareBytes(
      u8,
      ha === 0 ? 0 : s.byteStart(ha),
      ha === 0 ? 0 : s.byteEnd(ha),
      u8,
      hb === 0 ? 0 : s.byteStart(hb),
      hb === 0 ? 0 : s.byteEnd(hb),
    );
  }
}
