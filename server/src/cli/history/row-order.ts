/** The order of swaps: of a token, and for equal places of different tokens by chain and token. */
import type { SettledRow } from "../../ports/history-store.ts";

export function compareRows(a: SettledRow, b: SettledRow): number {
  return (
    a.eventTimeMs - b.eventTimeMs ||
    (a.blockNumber ?? 0) - (b.blockNumber ?? 0) ||
    a.txIndex - b.txIndex ||
    a.logIndex - b.logIndex ||
    Buffer.compare(Buffer.from(a.eventId), Buffer.from(b.eventId)) ||
    a.chainId - b.chainId ||
    Buffer.compare(Buffer.from(a.token), Buffer.from(b.token))
  );
}
