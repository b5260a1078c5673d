/** Tables of the contract that programs use at run time: how figures are shown, and what can be compared. */
import { figureKinds, figures, labelOf, statsFields } from "@swapstats/protocol/figures.ts";
import { candleIntervals } from "@swapstats/protocol/limits.ts";
import { screenerField, screenerFields } from "@swapstats/protocol/screener/fields.ts";
import { commentText, unionText } from "./type-text.ts";

/** Returns the table of figures. */
export function figureTable(): string {
  const rows = statsFields.map((name) => {
    const row: { readonly kind: string; readonly doc: string; readonly sorts?: true; readonly inPrevious?: true } =
      figures[name];
    const { kind, doc } = row;
    const flags = `${row.sorts ? ", sorts: true" : ""}${row.inPrevious ? ", inPrevious: true" : ""}`;
    return `  ${name}: { kind: "${kind}", label: ${JSON.stringify(labelOf(name))}${flags}, doc: ${JSON.stringify(doc)} },\n`;
  });
  const kinds = unionText(Object.keys(figureKinds).map((kind) => JSON.stringify(kind)));
  return (
    `${commentText("Form of a figure: `usd` has at most 6 decimal places, `amount` 18, `price` 15 significant digits, `percent` 6 places")}` +
    `export type FigureKind =${kinds.startsWith("\n") ? "" : " "}${kinds};\n\n` +
    `${commentText("What a program needs to show a figure")}` +
    "export type Figure = {\n  readonly kind: FigureKind;\n  /** Short title. */\n  readonly label: string;\n" +
    "  /** True: tokens can be ranked by it. */\n  readonly sorts?: true;\n  /** True: `previous` also has it. */\n  readonly inPrevious?: true;\n" +
    "  /** One line for people. */\n  readonly doc: string;\n};\n\n" +
    `${commentText("All figures, in the order in which they are served")}` +
    `export const figures: Readonly<Record<StatsField, Figure>> = {\n${rows.join("")}};\n`
  );
}

/** Returns the table of intervals. */
export function intervalTable(): string {
  const rows = Object.entries(candleIntervals).map(([name, lengthMs]) => `  "${name}": ${lengthMs},\n`);
  return (
    `${commentText("Lengths of candles in milliseconds. A service has those that its windows allow")}` +
    `export const candleIntervals: Readonly<Record<CandleInterval, number>> = {\n${rows.join("")}};\n`
  );
}

/** Returns the table of what a filter can compare. */
export function screenerTable(): string {
  const rows = screenerFields.map((name) => `  "${name}": "${screenerField(name)!.value}",\n`);
  return (
    `${commentText("Kind of the values of a field")}export type ValueKind = "decimal" | "integer" | "time" | "flag" | "text";\n\n` +
    `${commentText("What filters compare and sort by, with the kind of its values. All but the last six need a window")}` +
    `export const screenerFields: Readonly<Record<ScreenerField, ValueKind>> = {\n${rows.join("")}};\n`
  );
}
