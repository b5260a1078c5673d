/** Messages of figures. Their field numbers are in the table of figures. */
import { figures, type StatsField, statsFields } from "../figures.ts";
import { previousSchema, WindowFigures } from "../schemas/figures.ts";
import { dataMessageOf, type Numbers } from "./message.ts";

/** Numbers of the fields by figure. */
export const figureNumbers: Numbers = Object.fromEntries(
  statsFields.map((name) => {
    const { kind, number } = figures[name];
    return [name, kind === "span" ? { number, message: "PreviousFigures" } : number];
  }),
);

export const figureMessages = [
  dataMessageOf(
    "WindowFigures",
    "Figures of a token in a window. Decimals are strings. A figure without a value is absent.",
    WindowFigures,
    figureNumbers,
  ),
  dataMessageOf(
    "PreviousFigures",
    "Counts and volumes of the same span before open_time.",
    previousSchema,
    Object.fromEntries(
      Object.keys(previousSchema.properties).map((name) => [name, figures[name as StatsField].number]),
    ),
  ),
];
