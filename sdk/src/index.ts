/** The client of swapstats: typed calls, and live data that resumes. */

export type { CallOptions } from "./call-options.ts";
export { createClient } from "./client.ts";
export { ClientError } from "./client-error.ts";
export { createHttpCalls, type HttpOptions } from "./http.ts";
export { checksumOf } from "./live/checksum.ts";
export { mergePatch } from "./live/merge.ts";
export { allCandles, allSwaps } from "./pages.ts";
export type * from "./types.ts";
export type * from "./wire/client-messages.ts";
export type * from "./wire/data.ts";
export type * from "./wire/figures.ts";
export { figures } from "./wire/figures.ts";
export type { Json, JsonObject } from "./wire/json.ts";
export type * from "./wire/market.ts";
export type * from "./wire/operations.ts";
export type * from "./wire/problems.ts";
export type * from "./wire/screener.ts";
export { screenerFields } from "./wire/screener.ts";
export type * from "./wire/server-messages.ts";
export type * from "./wire/service.ts";
export type * from "./wire/tokens.ts";
export { candleIntervals } from "./wire/tokens.ts";
