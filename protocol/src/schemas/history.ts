/** Responses as of a past instant, which `at` names, and of the audit. */
import { type Static, Type } from "typebox";
import { statsFields } from "../figures.ts";
import { SparkValues } from "../screener/spark-values.ts";
import { WindowFigures } from "./figures.ts";
import { TokenError } from "./tokens.ts";
import { chosen, count, decimal, historyComplete, nextCursor, optional, refTo, timeMs, tokenId } from "./values.ts";

const figuresRef = refTo("WindowFigures", WindowFigures);
const windowsByName = Type.Record(Type.String(), figuresRef);
const asOf = timeMs("The instant that `at` names");
const symbol = optional(Type.String({ description: "Symbol of the token at that instant" }));

/** `GET /api/tokens/{id}/stats?at=`. */
export const PastStats = Type.Object(
  { id: tokenId, symbol, as_of: asOf, chosen, history_complete: historyComplete, windows: windowsByName },
  { description: "Statistics of a token as of a past instant, with all swaps that count today" },
);
export type PastStats = Static<typeof PastStats>;

/** `POST /api/tokens/stats` with `at`. */
export const PastTokensStats = Type.Object({
  as_of: asOf,
  history_complete: historyComplete,
  items: Type.Array(Type.Union([refTo("PastStats", PastStats), refTo("TokenError", TokenError)])),
});
export type PastTokensStats = Static<typeof PastTokensStats>;

const pastRow = { id: tokenId, symbol, spark: optional(SparkValues) };

/** `GET /api/overview?at=`. */
export const PastOverview = Type.Object({
  as_of: asOf,
  history_complete: historyComplete,
  window: Type.String(),
  sort: Type.Enum([...statsFields]),
  order: Type.Enum(["asc", "desc"]),
  items: Type.Array(Type.Object({ ...pastRow, stats: optional(figuresRef), windows: optional(windowsByName) })),
  next_cursor: nextCursor,
});
export type PastOverview = Static<typeof PastOverview>;

/** `POST /api/screener` with `at`. */
export const PastScreener = Type.Object({
  as_of: asOf,
  history_complete: historyComplete,
  items: Type.Array(Type.Object({ ...pastRow, windows: windowsByName })),
  next_cursor: nextCursor,
});
export type PastScreener = Static<typeof PastScreener>;

const figureText = optional(Type.String({ description: "The figure as text. Absent: it has no value" }));

/** `GET /api/audit/{id}`. */
export const Audit = Type.Object({
  id: tokenId,
  symbol: optional(Type.String()),
  window: Type.String(),
  as_of: timeMs("Time for which both are computed"),
  from: timeMs("Start of the span that was read, inclusive: of the window, or of `previous` where that is served"),
  to: timeMs("End of that span, exclusive"),
  rows: count("Swaps that were added up"),
  history_complete: historyComplete,
  served: figuresRef,
  recomputed: figuresRef,
  differences: Type.Array(
    Type.Object({
      field: Type.String({ description: "Name of the figure; members of `previous` as `previous.<name>`" }),
      served: figureText,
      recomputed: figureText,
    }),
    { description: "Figures that differ. Empty: the audit has passed" },
  ),
  estimate_tolerance: optional(
    decimal(
      "Share by which estimated numbers of wallets may differ from the count; a multiple of `traders_error`. Present when they are estimated",
    ),
  ),
});
export type Audit = Static<typeof Audit>;
