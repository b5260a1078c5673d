/** Messages of the screener. */
import { Type } from "typebox";
import { optional, refTo, uint32 } from "../schemas/values.ts";
import { ScreenerResponse } from "../screener/schema.ts";
import { choiceOf, messageOf, oneOf, withPast } from "./message.ts";

const text = (description: string) => optional(Type.String({ description }));
const texts = (description: string) => optional(Type.Array(Type.String(), { description }));
const filterRef = refTo("Filter", Type.Object({}));

const Condition = Type.Object({
  field: Type.String({ description: "A figure, `previous.<figure>`, `change.<figure>`, or a property of the token" }),
  window: text("Window of a figure"),
  ...{ gt: text(""), gte: text(""), lt: text(""), lte: text(""), eq: text(""), ne: text("") },
  in: texts("Any of these values"),
  between: texts("Lowest and highest value, both inclusive"),
  contains: text("Part of a text, without case"),
  prefix: text("Beginning of a text, without case"),
});
const Sort = Type.Object({ field: Type.String(), window: text("Window of a figure"), order: text("`asc` or `desc`") });
const Spark = Type.Object({ field: Type.String(), window: Type.String(), points: uint32 });

export const screenerMessages = [
  messageOf(
    "ScreenRequest",
    "Asks for the tokens that match a filter.",
    Type.Object({
      filter: optional(filterRef),
      sort: optional(Type.Array(refTo("ScreenSort", Sort))),
      ...{ limit: optional(uint32), windows: texts("Windows of each row"), fields: texts("Figures of each row") },
      ...{ spark: optional(refTo("SparkRequest", Spark)), cursor: text("`next_cursor` of the previous response") },
      at: optional(
        Type.Integer({ minimum: 0, description: "A past instant, in ms since 1970; needs a history. Not in channels" }),
      ),
    }),
    { filter: 1, sort: 2, limit: 3, windows: 4, fields: 5, spark: 6, cursor: 7, at: 8 },
  ),
  oneOf("Filter", "A tree of conditions.", [
    choiceOf("kind", "and", 1, "FilterList", "All of them match"),
    choiceOf("kind", "or", 2, "FilterList", "At least one of them matches"),
    choiceOf("kind", "not", 3, "Filter", "It does not match"),
    choiceOf("kind", "condition", 4, "Condition"),
  ]),
  messageOf("FilterList", "Several filters.", Type.Object({ filters: Type.Array(filterRef) }), { filters: 1 }),
  messageOf("Condition", "Compares one value. An absent figure satisfies no comparison.", Condition, {
    ...{
      field: 1,
      window: 2,
      gt: 3,
      gte: 4,
      lt: 5,
      lte: 6,
      eq: 7,
      ne: 8,
      in: 9,
      between: 10,
      contains: 11,
      prefix: 12,
    },
  }),
  messageOf("ScreenSort", "An order of rows.", Sort, { field: 1, window: 2, order: 3 }),
  messageOf("SparkRequest", "A figure over slices of a window.", Spark, { field: 1, window: 2, points: 3 }),
  messageOf("ScreenRow", "A token that matches.", ScreenerResponse.properties.items.items, {
    ...{ id: 1, symbol: 2, split: 3, rev: 4, windows: { number: 5, doc: "Figures by window" } },
    spark: { number: 6, message: "SparkValue", doc: "A value for each slice, the oldest first" },
  }),
  messageOf(
    "SparkValue",
    "A value of a sparkline: a decimal or a count; neither where a slice has no value.",
    Type.Object({ decimal: text(""), count: optional(Type.Integer({ minimum: 0 })) }),
    { decimal: 1, count: 2 },
  ),
  messageOf("ScreenResponse", "Tokens that match, in the order of the sorts.", withPast(ScreenerResponse), {
    ...{
      as_of: 1,
      epoch: 2,
      rev: 3,
      items: { number: 4, message: "ScreenRow" },
      next_cursor: 5,
      stale: 6,
      history_complete: 7,
    },
  }),
];
