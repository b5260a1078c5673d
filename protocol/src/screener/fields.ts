/**
 * What a filter of the screener can compare and sort by: the figures of a window, those of the span before it (`previous.<name>`), their
 * relative change (`change.<name>`), and what is known of the token itself. All follow from the table of figures.
 */
import { figureKinds, figures, type PreviousField, previousFields, type SortField, sortFields } from "../figures.ts";

/** Figures that are compared although no ranking sorts by them. */
const FLAGS = ["complete", "traders_estimated"] as const;
/** Members of a token, which need no window. */
const TOKEN_FIELDS = {
  chain_id: "integer",
  first_seen: "time",
  late: "integer",
  removed: "integer",
  token: "text",
  symbol: "text",
} as const satisfies Record<string, ValueKind>;

/** Decimal places of `change.<name>`, in percent. */
const CHANGE_PLACES = 6;

export type ScreenedFigure = SortField | (typeof FLAGS)[number] | "traders_error";
export type TokenField = keyof typeof TOKEN_FIELDS;
type ValueKind = "decimal" | "integer" | "time" | "flag" | "text";

/** Where the value of a field comes from. */
export type FieldSource =
  | { readonly of: "window"; readonly figure: ScreenedFigure }
  | { readonly of: "previous" | "change"; readonly figure: PreviousField }
  | { readonly of: "token"; readonly figure: TokenField };

export type ScreenerField = {
  readonly source: FieldSource;
  readonly value: ValueKind;
  /** Largest number of decimal places. Undefined: at most 15 significant digits. */
  readonly places: number | undefined;
};

const VALUE_KINDS = {
  flag: "flag",
  mark: "flag",
  time: "time",
  count: "integer",
  usd: "decimal",
  amount: "decimal",
  price: "decimal",
  percent: "decimal",
  share: "decimal",
} as const satisfies Record<string, ValueKind>;

function ofFigure(figure: ScreenedFigure | PreviousField): Pick<ScreenerField, "value" | "places"> {
  const { kind } = figures[figure];
  const value = VALUE_KINDS[kind];
  const isWhole = value === "flag" || value === "integer" || value === "time";
  return { value, places: isWhole ? 0 : figureKinds[kind].places };
}

const WINDOW_FIGURES: readonly ScreenedFigure[] = [...sortFields, ...FLAGS, "traders_error"];

const fields = new Map<string, ScreenerField>([
  ...WINDOW_FIGURES.map((figure) => [figure, { source: { of: "window", figure }, ...ofFigure(figure) }] as const),
  ...previousFields.map(
    (figure) => [`previous.${figure}`, { source: { of: "previous", figure }, ...ofFigure(figure) }] as const,
  ),
  ...previousFields.map((figure): readonly [string, ScreenerField] => [
    `change.${figure}`,
    { source: { of: "change", figure }, value: "decimal", places: CHANGE_PLACES },
  ]),
  ...Object.entries(TOKEN_FIELDS).map(([name, value]): readonly [string, ScreenerField] => [
    name,
    { source: { of: "token", figure: name as TokenField }, value, places: value === "text" ? undefined : 0 },
  ]),
]);

/** Every name of a field, in the order of the documents. */
export const screenerFields: readonly string[] = [...fields.keys()];

export const screenerField = (name: string): ScreenerField | undefined => fields.get(name);

/** Whether the field is of a window, and so needs one. */
export const needsWindow = ({ source }: ScreenerField): boolean => source.of !== "token";

/** Figures of which a sparkline can have the values: the price at the end of each slice, or a sum. */
export const sparkFields = ["close", ...previousFields] as const satisfies readonly string[];
export type SparkField = "close" | PreviousField;
