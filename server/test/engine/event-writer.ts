import { SwapEvent } from "../../src/engine/swaps/swap-event.ts";
import type { Decimal } from "../model/decimal.ts";
import { defaultEventId, type ModelEvent } from "../model/model-event.ts";

const limbBase = 10n ** 15n;
const bytesMax = 2048;

/** Writes events of the model in the form in which the codecs pass them; like them, into one reused object. */
export class EventWriter {
  readonly #event = new SwapEvent();
  readonly #bytes = new Uint8Array(bytesMax);
  readonly #encoder = new TextEncoder();
  #used = 0;

  write(from: ModelEvent): SwapEvent {
    const event = this.#event;
    this.#used = 0;
    event.bytes = this.#bytes;
    event.chainId = from.chainId;
    event.logIndex = from.logIndex;
    event.txIndex = from.txIndex;
    event.symbolDropped = from.symbolDropped;
    event.isBuy = from.side === "buy";
    event.removed = from.removed;
    event.revision = from.revision;
    event.eventTimeMs = from.eventTimeMs;
    event.blockNumber = from.blockNumber ?? -1;
    event.usdMicro = Number(from.usd);
    event.amount0 = Number(from.amount % limbBase);
    event.amount1 = Number((from.amount / limbBase) % limbBase);
    event.amount2 = Number(from.amount / limbBase / limbBase);
    event.priceUsd = from.price === undefined ? Number.NaN : doubleOf(from.price);
    const isDefaultId = from.eventId === defaultEventId(from.chainId, from.txHash, from.logIndex);
    [event.tokenStart, event.tokenEnd] = this.#put(from.token);
    [event.txHashStart, event.txHashEnd] = this.#put(from.txHash);
    [event.eventIdStart, event.eventIdEnd] = this.#put(isDefaultId ? undefined : from.eventId);
    [event.whoStart, event.whoEnd] = this.#put(from.who);
    [event.poolStart, event.poolEnd] = this.#put(from.pool);
    [event.symbolStart, event.symbolEnd] = this.#put(from.symbol);
    [event.blockHashStart, event.blockHashEnd] = this.#put(from.blockHash);
    return event;
  }

  #put(text: string | undefined): [start: number, end: number] {
    const start = this.#used;
    if (text === undefined) return [start, start];
    const { written } = this.#encoder.encodeInto(text, this.#bytes.subarray(start));
    this.#used = start + written;
    return [start, this.#used];
  }
}

function doubleOf(price: Decimal): number {
  return Number(`${price.coefficient}e${price.exponent}`);
}
