/** The schemas that the OpenAPI document holds by name. */

import { ScreenerFilter, ScreenerResponse } from "../screener/schema.ts";
import { WindowFigures } from "./figures.ts";
import { Audit, PastOverview, PastScreener, PastStats } from "./history.ts";
import { DeadLetter, Ingested, SwapEvent } from "./ingest.ts";
import { Market } from "./market.ts";
import { Candidate, EventError, Problem } from "./problems.ts";
import { Status } from "./service.ts";
import { Candle, Overview, ShortStats, Swap, TokenError, TokenStats } from "./tokens.ts";

export const components = {
  WindowFigures,
  TokenStats,
  TokenError,
  ShortStats,
  Overview,
  Market,
  ScreenerFilter,
  ScreenerResponse,
  PastStats,
  PastOverview,
  PastScreener,
  Audit,
  Candle,
  Swap,
  SwapEvent,
  EventError,
  Candidate,
  Ingested,
  DeadLetter,
  Status,
  Problem,
};
