/** Event ids and transaction hashes of records, as bytes and as texts. An id that was not given is `<chain_id>:<tx_hash>:<log_index>`. */
import { utf8ToString } from "../memory/bytes.ts";
import type { Heap } from "../memory/heap.ts";
import type { RecordView } from "./record-view.ts";
import type { SwapEvent } from "./swap-event.ts";

/** Room for the longest id. */
export const EVENT_ID_BYTES_MAX = 160;
const HEX_DIGIT = "0123456789abcdef";
const DIGIT_0 = 48;
const LETTER_X = 120;

/** Writes the event's default id into `out`, and returns its length. */
export function writeDefaultId(event: SwapEvent, out: Uint8Array): number {
  let n = 0;
  for (const char of `${event.chainId}:`) out[n++] = char.charCodeAt(0);
  for (let i = event.txHashStart; i < event.txHashEnd; i++) out[n++] = event.bytes[i];
  for (const char of `:${event.logIndex}`) out[n++] = char.charCodeAt(0);
  return n;
}

/** Writes the id of a record's swap into `out` (EVENT_ID_BYTES_MAX bytes suffice), and returns its length. */
export function writeEventId({ u8 }: Heap, view: RecordView, chainId: number, out: Uint8Array): number {
  if (view.idStart !== view.idEnd) {
    for (let i = view.idStart; i < view.idEnd; i++) out[i - view.idStart] = u8[i];
    return view.idEnd - view.idStart;
  }
  let n = 0;
  for (const char of `${chainId}:`) out[n++] = char.charCodeAt(0);
  if (view.txHex) {
    out[n++] = DIGIT_0;
    out[n++] = LETTER_X;
    for (let i = view.txStart; i < view.txEnd; i++) {
      out[n++] = HEX_DIGIT.charCodeAt(u8[i] >>> 4);
      out[n++] = HEX_DIGIT.charCodeAt(u8[i] & 15);
    }
  } else {
    for (let i = view.txStart; i < view.txEnd; i++) out[n++] = u8[i];
  }
  for (const char of `:${view.logIndex}`) out[n++] = char.charCodeAt(0);
  return n;
}

export function eventIdText(heap: Heap, view: RecordView, chainId: number): string {
  const bytes = new Uint8Array(EVENT_ID_BYTES_MAX);
  return utf8ToString(bytes, 0, writeEventId(heap, view, chainId, bytes));
}

export function txHashText({ u8 }: Heap, view: RecordView): string {
  if (!view.txHex) return utf8ToString(u8, view.txStart, view.txEnd);
  let text = "0x";
  for (let i = view.txStart; i < view.txEnd; i++) {
    const byte = u8[i];
    text += HEX_DIGIT.charAt(byte >>> 4) + HEX_DIGIT.charAt(byte & 15);
  }
  return text;
}
