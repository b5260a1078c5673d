/** Schemas of `POST /api/screener`: the query as clients write it, for documents and types, and the response. The parser checks queries. */
import { type Static, type TSchema, Type } from "typebox";
import { statsFields } from "../figures.ts";
import { screenerLimits } from "../limits.ts";
import { WindowFigures } from "../schemas/figures.ts";
import { pastTime } from "../schemas/requests.ts";
import { count, optional, refTo, split, stale, timeMs, tokenId } from "../schemas/values.ts";
import { needsWindow, type ScreenerField, screenerField, screenerFields } from "./fields.ts";
import { SparkRequest, SparkValues } from "./spark-values.ts";

const { cursorMax, leavesMax, rowsDefault, rowsMax, sortsMax, valueCharsMax, valuesMax } = screenerLimits;

const number = Type.Union([
  Type.Number(),
  Type.String({ pattern: "^-?[0-9]+(\\.[0-9]+)?$", maxLength: valueCharsMax }),
]);
const text = Type.String({ minLength: 1, maxLength: valueCharsMax });
const listOf = <S extends TSchema>(schema: S) => Type.Array(schema, { minItems: 1, maxItems: valuesMax });

const comparable = {
  gt: optional(number),
  gte: optional(number),
  lt: optional(number),
  lte: optional(number),
  eq: optional(number),
  ne: optional(number),
  in: optional(listOf(number)),
  between: optional(Type.Array(number, { minItems: 2, maxItems: 2, description: "The lowest and the highest value" })),
};

const fieldsWith = (isWanted: (field: ScreenerField) => boolean): string[] =>
  screenerFields.filter((name) => isWanted(screenerField(name) as ScreenerField));
const closed = { additionalProperties: false, minProperties: 2 };
const window = Type.String({ description: "Window of the figure" });

/** Comparisons of one field. All operators that are given must hold. */
const ofWindow = Type.Object(
  { field: Type.Enum(fieldsWith((field) => needsWindow(field) && field.value !== "flag")), window, ...comparable },
  { ...closed, minProperties: 3 },
);
const ofFlag = Type.Object(
  {
    field: Type.Enum(fieldsWith(({ value }) => value === "flag")),
    window,
    eq: optional(Type.Boolean()),
    ne: optional(Type.Boolean()),
  },
  { ...closed, minProperties: 3 },
);
const ofToken = Type.Object(
  { field: Type.Enum(fieldsWith((field) => !needsWindow(field) && field.value !== "text")), ...comparable },
  closed,
);
const ofText = Type.Object(
  {
    field: Type.Enum(fieldsWith(({ value }) => value === "text")),
    eq: optional(text),
    ne: optional(text),
    in: optional(listOf(text)),
    contains: optional(text),
    prefix: optional(text),
  },
  closed,
);

type Comparison = Static<typeof ofWindow> | Static<typeof ofFlag> | Static<typeof ofToken> | Static<typeof ofText>;
/** A filter as clients write it. */
export type FilterRequest = { and: FilterRequest[] } | { or: FilterRequest[] } | { not: FilterRequest } | Comparison;

const below = Type.Unsafe<FilterRequest>({ $ref: "#/components/schemas/ScreenerFilter" });
const parts = Type.Array(below, { minItems: 1, maxItems: leavesMax });

export const ScreenerFilter = Type.Unsafe<FilterRequest>(
  Type.Union(
    [
      Type.Object({ and: parts }, { additionalProperties: false }),
      Type.Object({ or: parts }, { additionalProperties: false }),
      Type.Object({ not: below }, { additionalProperties: false }),
      ...[ofWindow, ofFlag, ofToken, ofText],
    ],
    {
      description:
        `A comparison, or \`and\`, \`or\` and \`not\` of filters: at most ${leavesMax} comparisons, ${screenerLimits.depthMax} levels deep. ` +
        "A figure that a token does not have satisfies no comparison.",
    },
  ),
);

/** The body of `POST /api/screener` at a service with these windows. */
export const screenerBody = (windows: readonly string[]) =>
  Type.Object(
    {
      filter: optional(refTo("ScreenerFilter", ScreenerFilter)),
      sort: optional(
        Type.Array(
          Type.Object(
            {
              field: Type.Enum([...screenerFields]),
              window: optional(Type.Enum([...windows])),
              order: optional(Type.Enum(["asc", "desc"], { default: "desc" })),
            },
            { additionalProperties: false },
          ),
          { minItems: 1, maxItems: sortsMax, description: "By default volume_usd of 5m, or of the first window" },
        ),
      ),
      limit: optional(Type.Integer({ minimum: 1, maximum: rowsMax, default: rowsDefault })),
      windows: optional(
        Type.Array(Type.Enum([...windows]), {
          minItems: 1,
          maxItems: windows.length,
          description: "Windows of each row, by default those that filter and sort name",
        }),
      ),
      fields: optional(
        Type.Array(Type.Enum([...statsFields]), {
          minItems: 1,
          maxItems: statsFields.length,
          description: "Figures of each window, by default all. open_time, close_time and complete are always included",
        }),
      ),
      spark: optional(SparkRequest),
      cursor: optional(
        Type.String({
          minLength: 1,
          maxLength: cursorMax,
          description: "`next_cursor` of the previous response, with the same filter and sort",
        }),
      ),
      at: optional(pastTime()),
    },
    { additionalProperties: false },
  );
export type ScreenerRequest = Static<ReturnType<typeof screenerBody>>;

/** `POST /api/screener`. */
export const ScreenerResponse = Type.Object({
  as_of: timeMs("Time for which the figures are computed"),
  epoch: Type.String(),
  rev: count(),
  items: Type.Array(
    Type.Object({
      id: tokenId,
      symbol: optional(Type.String()),
      split,
      rev: count("Revision of the token"),
      windows: Type.Record(Type.String(), refTo("WindowFigures", WindowFigures)),
      spark: optional(SparkValues),
    }),
  ),
  next_cursor: optional(
    Type.String({ description: "Value of `cursor` for the following tokens, for 60 s. Absent at the end" }),
  ),
  stale,
});
export type ScreenerResponse = Static<typeof ScreenerResponse>;
