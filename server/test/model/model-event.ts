import type { Decimal } from "./decimal.ts";

/** One decoded swap event of the model: canonical strings, exact numbers; undefined is an absent value. */
export type ModelEvent = {
  readonly chainId: number;
  readonly txHash: string;
  readonly logIndex: number;
  /** 0 when the event has none. */
  readonly txIndex: number;
  /** Given or default. */
  readonly eventId: string;
  readonly token: string;
  readonly symbol: string | undefined;
  /** The given symbol was too long and was dropped. */
  readonly symbolDropped: boolean;
  readonly pool: string | undefined;
  readonly who: string | undefined;
  readonly side: "buy" | "sell";
  /** amount_token x 10^18. */
  readonly amount: bigint;
  /** amount_usd x 10^6. */
  readonly usd: bigint;
  /** Given price, 15 significant digits. */
  readonly price: Decimal | undefined;
  readonly eventTimeMs: number;
  readonly blockNumber: number | undefined;
  readonly blockHash: string | undefined;
  readonly removed: boolean;
  readonly revision: number;
};

export function defaultEventId(chainId: number, txHash: string, logIndex: number): string {
  return `${chainId}:${txHash}:${logIndex}`;
}

export function tokenIdOf(event: ModelEvent): string {
  return `${event.chainId}:${event.token}`;
}
