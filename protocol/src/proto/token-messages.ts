/** Messages of tokens, as HTTP answers them: statistics, rankings, candles, swaps. */
import { Ingested } from "../schemas/ingest.ts";
import { Candidate, EventError } from "../schemas/problems.ts";
import { Candle, Candles, Overview, Swap, Swaps, TokenError, TokenStats } from "../schemas/tokens.ts";
import { Chosen } from "../schemas/values.ts";
import { dataMessageOf, messageOf, withPast } from "./message.ts";

const standing = { as_of: 4, watermark: 5, epoch: 6, rev: 7, lag_ms: 8, stale: 9 } as const;
const chosenField = { number: 10, message: "Chosen" } as const;
const counters = { late: 11, removed: 12, unresolved: 13, replaced: 14, removals_unmatched: 15 } as const;

/** Numbers of the fields of a swap. */
export const swapNumbers = {
  ...{ chain_id: 1, tx_hash: 2, log_index: 3, tx_index: 4, event_id: 5, token: 6, token_symbol: 7, pool: 8, who: 9 },
  ...{ side: 10, amount_token: 11, amount_usd: 12, price_usd: 13, event_time: 14, block_number: 15 },
  ...{ block_hash: 16, revision: 17 },
} as const;

export const tokenMessages = [
  messageOf(
    "TokenStats",
    "Statistics of a token. Of a past instant, it has no standing and no counters.",
    withPast(TokenStats),
    {
      ...{ id: 1, symbol: 2, split: 3, ...standing, chosen: chosenField, ...counters },
      windows: { number: 16, message: "WindowFigures", doc: "Figures by window" },
      history_complete: 17,
    },
  ),
  messageOf("Chosen", "How the token was chosen among several with the same name.", Chosen, { by: 1, of: 2 }),
  messageOf("TokenError", "A token without figures, with the reason.", TokenError, {
    id: 1,
    error: { number: 2, message: "LookUpError" },
  }),
  messageOf("LookUpError", "Why a token has no figures.", TokenError.properties.error, {
    ...{ code: 1, message: 2, candidates: 3, more: 4 },
  }),
  messageOf("Candidate", "One of the tokens that have a name in common.", Candidate, {
    ...{ id: 1, symbol: 2, chain_id: 3, volume_usd: 4, window: 5 },
  }),
  messageOf("OverviewRow", "A token in a ranking.", Overview.properties.items.items, {
    ...{ id: 1, symbol: 2, split: 3, rev: 4, stats: 5 },
    windows: { number: 6, message: "WindowFigures", doc: "Figures by window, instead of stats" },
    spark: { number: 7, message: "SparkValue", doc: "A value for each slice, the oldest first" },
  }),
  dataMessageOf("Candle", "A candle. Prices are absent when no swap has one.", Candle, {
    ...{ open_time: 1, open: 2, high: 3, low: 4, close: 5, volume_usd: 6, volume_token: 7 },
    ...{ trades: 8, buys: 9, sells: 10, complete: 11 },
  }),
  dataMessageOf("Swap", "A swap that counts in the figures.", Swap, swapNumbers),
  messageOf("EventError", "A swap that was rejected.", EventError, { index: 1, code: 2, message: 3 }),
  messageOf("GetOverviewResponse", "A ranking of tokens.", withPast(Overview), {
    ...{ as_of: 1, epoch: 2, rev: 3, window: 4, sort: 5, order: 6 },
    ...{ items: { number: 7, message: "OverviewRow" }, next_cursor: 8, stale: 9, history_complete: 10 },
  }),
  messageOf("GetCandlesResponse", "Candles of a token, oldest first.", Candles, {
    ...{ id: 1, interval: 2, split: 3, available_from: 4, chosen: { number: 5, message: "Chosen" }, note: 6, stale: 7 },
    ...{ items: 8, history_complete: 9, next_cursor: 10 },
  }),
  messageOf("ListSwapsResponse", "Swaps of a token that count, newest first unless asked otherwise.", Swaps, {
    ...{ id: 1, split: 2, available_from: 3, chosen: { number: 4, message: "Chosen" }, stale: 5, items: 6 },
    ...{ history_complete: 7, next_cursor: 8 },
  }),
  messageOf("Ingested", "What became of the swaps of one request.", Ingested, {
    ...{ accepted: 1, rejected: { number: 2, message: "EventError" }, late: 3, quarantined: 4 },
    ...{ records: 5, skipped: 6 },
  }),
];
