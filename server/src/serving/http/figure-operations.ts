/** The calls about figures: of tokens, candles, swaps, rankings and sums, and the stream. */

import { Audit, PastTokensStats } from "@swapstats/protocol/schemas/history.ts";
import {
  auditQuery,
  candlesQuery,
  marketQuery,
  overviewQuery,
  searchQuery,
  shortStatsQuery,
  statsQuery,
  streamQuery,
  swapsQuery,
  tokenPath,
  tokensStatsBody,
} from "@swapstats/protocol/schemas/requests.ts";
import { Candles, FoundTokens, Swaps, TokensStats } from "@swapstats/protocol/schemas/tokens.ts";
import { screenerBody } from "@swapstats/protocol/screener/schema.ts";
import { Type } from "typebox";
import {
  busProblems,
  EVENT_STREAM_TYPE,
  JSON_TYPE,
  json,
  lookUpProblems,
  type Operation,
  operation,
  ref,
} from "./operation.ts";

/** Returns the calls of a service with these windows. */
export function figureOperations(windows: readonly string[]): readonly Operation[] {
  return [
    ...tokenOperations(windows),
    ...rangeOperations(),
    auditOperation(windows),
    ...rankingOperations(windows),
    ...streamOperations(windows),
  ];
}

const byToken = { conditional: true, params: tokenPath(), problems: [...lookUpProblems, ...busProblems] };

function tokenOperations(windows: readonly string[]): Operation[] {
  return [
    operation({
      ...byToken,
      id: "tokenStats",
      path: "/api/tokens/{id}/stats",
      summary: "Statistics of a token",
      description:
        "With `at`, the response is the one of that instant, computed from the history with all swaps that count today. It has windows of any length, " +
        "and neither counters nor revision.",
      query: statsQuery(windows),
      response: json("The statistics", ref("TokenStats")),
      past: ref("PastStats"),
      problems: [...byToken.problems, "history_off"],
    }),
    operation({
      id: "tokensStats",
      method: "POST",
      path: "/api/tokens/stats",
      summary: "Statistics of up to 500 tokens",
      description:
        "The items are in the order of the requested tokens. An item of a token that was not found has an `error` instead of figures.",
      body: { [JSON_TYPE]: tokensStatsBody(windows) },
      response: json("One item for each token", TokensStats),
      past: PastTokensStats,
      problems: ["payload_too_large", "unsupported_media_type", "history_off", ...busProblems],
    }),
    operation({
      id: "shortStats",
      path: "/stats",
      summary: "Statistics of a token, in a shorter form",
      query: shortStatsQuery(windows),
      conditional: true,
      response: json("The statistics", ref("ShortStats")),
      problems: byToken.problems,
    }),
  ];
}

function rangeOperations(): Operation[] {
  return [
    operation({
      ...byToken,
      id: "candles",
      path: "/api/tokens/{id}/candles",
      summary: "Candles of a token",
      description:
        "The candles are in ascending order of time. Intervals without a trade are absent. `available_from` is the earliest time that the response can cover. " +
        "The steps of the configured windows determine the available intervals. A request for another interval is refused with a list of them. With a history, " +
        "all intervals are available, and the candles reach back as far as it does. A page has the newest candles of the range; `next_cursor` continues with those before.",
      query: candlesQuery(),
      response: json("The candles", Candles),
      problems: [...byToken.problems, "history_off"],
    }),
    operation({
      ...byToken,
      id: "swaps",
      path: "/api/tokens/{id}/swaps",
      summary: "Swaps of a token",
      description:
        "The swaps that count in the figures, newest first. `available_from` is the earliest time that the response can cover. With a history, `from`, `to`, `order` " +
        "and `cursor` reach all swaps that ever counted, and a page has up to 1,000 of them.",
      query: swapsQuery(),
      response: json("The swaps", Swaps),
      problems: [...byToken.problems, "history_off"],
    }),
  ];
}

function auditOperation(windows: readonly string[]): Operation {
  return operation({
    id: "audit",
    path: "/api/audit/{id}",
    summary: "A window of a token, added up again from its swaps",
    description:
      "Every figure of the window is recomputed from the swaps of history and memory, by another way than the served one, and compared. Without `at` the live " +
      "figures are audited. The figures of a very busy token may change faster than that: name an instant then.",
    params: tokenPath(),
    query: auditQuery(windows),
    response: json("Both results, and where they differ", Audit),
    problems: ["history_off", ...lookUpProblems, ...busProblems],
  });
}

function rankingOperations(windows: readonly string[]): Operation[] {
  return [
    operation({
      id: "overview",
      path: "/api/overview",
      summary: "All tokens, ranked by a figure",
      description: "Tokens without the figure come last in both orders. Tokens with equal figures are ordered by id.",
      query: overviewQuery(windows),
      conditional: true,
      response: json("The ranking", ref("Overview")),
      past: ref("PastOverview"),
      problems: ["bad_request", "history_off", ...busProblems],
    }),
    operation({
      id: "screener",
      method: "POST",
      path: "/api/screener",
      summary: "Tokens that match a filter, in an order of your own",
      description:
        "A filter tree over the figures of all windows, up to 4 sorts, and pages. The pages behind the first have the order of the first request's " +
        "instant, with figures of now; they neither skip nor repeat a token. See docs/screener.md for examples.",
      body: { [JSON_TYPE]: screenerBody(windows) },
      response: json("The matching tokens", ref("ScreenerResponse")),
      past: ref("PastScreener"),
      problems: [
        ...(["bad_request", "cursor_expired", "history_off"] as const),
        ...(["payload_too_large", "unsupported_media_type"] as const),
        ...busProblems,
      ],
    }),
    operation({
      id: "search",
      path: "/api/tokens",
      summary: "Tokens by the beginning of their id, address or symbol, or by a part of their symbol",
      description:
        "Tokens of the overview are found. Those that begin with the text come before those whose symbol holds it elsewhere; in both, the most volume in 24 h (or the longest window below) comes first.",
      query: searchQuery(),
      response: json("The tokens", FoundTokens),
      problems: busProblems,
    }),
    operation({
      id: "market",
      path: "/api/market",
      summary: "Sums over all tokens, whole and by chain",
      description:
        "Every swap that counts is in the sums, also those of tokens that several partitions have. Traders are not summed, because a wallet that trades several tokens would count several times.",
      query: marketQuery(windows),
      conditional: true,
      response: json("The sums", ref("Market")),
      problems: busProblems,
    }),
  ];
}

/** Served by a door of its own; see `serving/sse/`. */
function streamOperations(windows: readonly string[]): Operation[] {
  return [
    operation({
      id: "stream",
      path: "/api/stream",
      summary: "Live data as server-sent events",
      description:
        "The messages are those of the WebSocket: `event` is their type, `data` the message. `id` is the position of the whole stream. A client that connects again with the last `id` " +
        "gets a patch for each channel, or a snapshot where the data before is no longer known.",
      query: streamQuery(windows),
      response: {
        status: 200,
        description: "A stream that does not end by itself",
        content: { [EVENT_STREAM_TYPE]: Type.String() },
      },
      problems: [
        "unknown_channel",
        "too_many_subscriptions",
        "too_many_connections",
        "shutting_down",
        ...lookUpProblems,
        ...busProblems,
      ],
    }),
  ];
}
