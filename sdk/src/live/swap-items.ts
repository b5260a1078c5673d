/** The list of a token's newest swaps, as a store shows it. */
import type { LiveSwap, LiveSwapsData } from "../types.ts";
import type { SwapChange } from "../wire/server-messages.ts";
import type { Swap } from "../wire/tokens.ts";

/** Returns the swaps of a snapshot as items. Those that did not change keep their identity. */
export function itemsOfSnapshot(before: LiveSwapsData | undefined, swaps: readonly Swap[], seq: number): LiveSwapsData {
  const known = new Map(before?.items.map((item) => [item.event_id, item]));
  const items = swaps.map((swap): LiveSwap => {
    const item = known.get(swap.event_id);
    return item !== undefined && item.removed === undefined && item.revision === swap.revision
      ? item
      : { ...swap, seq };
  });
  const isSame = items.length === before?.items.length && items.every((item, i) => item === before.items[i]);
  return isSame ? before : { items };
}

/** Returns the list after the changes, of which the last has the number `seq`: at most `limit` items. */
export function applySwaps(
  data: LiveSwapsData,
  changes: readonly SwapChange[],
  seq: number,
  limit: number,
): LiveSwapsData {
  if (changes.length === 0) return data;
  const items = [...data.items];
  for (const [i, { action, ...swap }] of changes.entries()) {
    const at = items.findIndex(({ event_id }) => event_id === swap.event_id);
    if (action === "removed") {
      if (at >= 0) items[at] = { ...(items[at] as LiveSwap), removed: true };
      continue;
    }
    if (at >= 0) items.splice(at, 1);
    const place = items.findIndex((item) => compareOrder(item, swap) <= 0);
    items.splice(place < 0 ? items.length : place, 0, { ...swap, seq: seq - changes.length + 1 + i });
  }
  return { items: items.slice(0, limit) };
}

/** Compares by the order of open and close, as the service does. */
function compareOrder(a: Swap, b: Swap): number {
  return (
    a.event_time - b.event_time ||
    (a.block_number ?? 0) - (b.block_number ?? 0) ||
    (a.tx_index ?? 0) - (b.tx_index ?? 0) ||
    a.log_index - b.log_index ||
    (a.event_id < b.event_id ? -1 : 1)
  );
}
