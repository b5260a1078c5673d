/** Swaps of a small market, for pages whose every figure a test knows. */
import type { RunningApp } from "../../../server/test/support/app-harness.ts";

let serial = 0;

type SwapOptions = {
  readonly usd?: string;
  readonly price?: string;
  readonly side?: "buy" | "sell";
  readonly chainId?: number;
  readonly who?: string;
};

export const addressOf = (symbol: string): string => `0x${Buffer.from(symbol).toString("hex").padStart(40, "0")}`;

/** A swap of now. By default $100 bought at a price of $2. */
export function swapOf(symbol: string, options: SwapOptions = {}): object {
  const { usd = "100", price = "2", side = "buy", chainId = 1, who = `0x${"1".repeat(40)}` } = options;
  serial += 1;
  return {
    ...{ chain_id: chainId, tx_hash: `0x${serial.toString(16).padStart(64, "0")}`, log_index: 0 },
    ...{ token: addressOf(symbol), token_symbol: symbol, who, side },
    ...{ amount_token: String(Number(usd) / Number(price)), amount_usd: usd, price_usd: price, event_time: Date.now() },
  };
}

/** Posts swaps, and waits until they are in the figures. */
export async function trade(app: RunningApp, ...swaps: readonly object[]): Promise<void> {
  await app.post(swaps);
  await app.caughtUp();
}
