/** The schemas that the OpenAPI document holds by name. */

import { WindowFigures } from "./figures.ts";
import { DeadLetter, Ingested, SwapEvent } from "./ingest.ts";
import { Candidate, EventError, Problem } from "./problems.ts";
import { Status } from "./service.ts";
import { Candle, Overview, ShortStats, Swap, TokenError, TokenStats } from "./tokens.ts";

export const components = {
  WindowFigures,
  TokenStats,
  TokenError,
  ShortStats,
  Overview,
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
