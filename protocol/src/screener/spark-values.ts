/** The schemas of a sparkline, which the screener and overviews share: what is asked for, and its values. */
import { Type } from "typebox";
import { screenerLimits } from "../limits.ts";
import { sparkFields } from "./fields.ts";

export const SparkRequest = Type.Object(
  {
    field: Type.Enum([...sparkFields]),
    window: Type.String(),
    points: Type.Integer({ minimum: screenerLimits.pointsMin, maximum: screenerLimits.pointsMax }),
  },
  { additionalProperties: false, description: "A sparkline of each row" },
);

/** A value of a sparkline is a decimal or a count; null: the slice has no trade. */
export const SparkValues = Type.Array(Type.Union([Type.String(), Type.Integer(), Type.Null()]), {
  description: "Values of the sparkline, the oldest first. null: the slice has none",
});
