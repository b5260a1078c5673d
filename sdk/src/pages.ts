/** Lists that are longer than one response, read page by page. */
import type { CallOptions } from "./call-options.ts";
import type { CandlesQuery, HttpCalls, SwapsQuery } from "./wire/operations.ts";
import type { Candle, Swap } from "./wire/tokens.ts";

/** Items of a page, by default: the most that the service sends. */
const SWAPS_PAGE = 1_000;
const CANDLES_PAGE = 5_000;

/**
 * Yields the swaps of a token, the newest first, or with `order: "asc"` the oldest first. `limit` is the size of a page; a loop that is left asks for no
 * further page. Rejects with ClientError, with the code `history_off` where the service keeps no history.
 */
export async function* allSwaps(
  http: Pick<HttpCalls, "swaps">,
  id: string,
  query: Omit<SwapsQuery, "cursor"> = {},
  options: CallOptions = {},
): AsyncGenerator<Swap, void> {
  const first = { limit: SWAPS_PAGE, order: "desc", ...query } as const;
  for await (const page of pages((name, cursor) => http.swaps(name, { ...first, cursor }, options), id))
    yield* page.items;
}

/** Yields the candles of a token, the newest first. Otherwise as `allSwaps`. */
export async function* allCandles(
  http: Pick<HttpCalls, "candles">,
  id: string,
  query: Omit<CandlesQuery, "cursor"> = {},
  options: CallOptions = {},
): AsyncGenerator<Candle, void> {
  const first = { limit: CANDLES_PAGE, ...query };
  for await (const page of pages((name, cursor) => http.candles(name, { ...first, cursor }, options), id))
    yield* page.items.toReversed();
}

type Page = { readonly id: string; readonly next_cursor?: string };

async function* pages<P extends Page>(
  ask: (id: string, cursor: string | undefined) => Promise<P>,
  name: string,
): AsyncGenerator<P, void> {
  let id = name;
  let cursor: string | undefined;
  do {
    const page = await ask(id, cursor);
    yield page;
    // A symbol may come to stand for another token meanwhile.
    id = page.id;
    cursor = page.next_cursor;
  } while (cursor !== undefined);
}
