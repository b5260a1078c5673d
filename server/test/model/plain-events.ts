import type { LogItem } from "./log-builder.ts";
import { defaultEventId, type ModelEvent } from "./model-event.ts";

export type EventItem = LogItem & { readonly kind: "event" };

export const newYear2026 = Date.UTC(2026, 0, 1);

/** A plain buy of one token for one dollar at `eventTimeMs`, with the changes of a test. */
export function plainEvent(serial: number, eventTimeMs: number, change: Partial<ModelEvent> = {}): ModelEvent {
  const txHash = change.txHash ?? `0x${serial.toString(16).padStart(8, "0")}`;
  const chainId = change.chainId ?? 1;
  const logIndex = change.logIndex ?? 0;
  return {
    chainId,
    txHash,
    logIndex,
    txIndex: 0,
    eventId: defaultEventId(chainId, txHash, logIndex),
    token: "token",
    symbol: undefined,
    symbolDropped: false,
    pool: undefined,
    who: `wallet${serial}`,
    side: "buy",
    amount: 10n ** 18n,
    usd: 1_000_000n,
    price: undefined,
    eventTimeMs,
    blockNumber: undefined,
    blockHash: undefined,
    removed: false,
    revision: 0,
    ...change,
  };
}

/** An item whose arrival is its event time. */
export function itemOf(event: ModelEvent, arrivalMs = event.eventTimeMs): EventItem {
  return { kind: "event", event, arrivalMs };
}
