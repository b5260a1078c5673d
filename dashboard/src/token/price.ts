/** The one price of the view. */
import type { TokenData } from "@swapstats/client";
import { windowsInOrder } from "./comparison.ts";

/** Returns the price of the newest swap that counts: the close of the shortest window that has one. */
export function newestPrice(data: Pick<TokenData, "windows">): string | undefined {
  for (const name of windowsInOrder(data.windows)) {
    const close = data.windows[name]!.close;
    if (close !== undefined) return close;
  }
  return undefined;
}
