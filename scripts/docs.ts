/** Writes the parts of the documents that are made from tables in the code. A test compares them with the files. `npm run docs` */
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { type FigureKind, figures, type StatsField, statsFields } from "@swapstats/protocol/figures.ts";

export const FIGURES_DOCUMENT = resolve(import.meta.dirname, "../docs/http-api.md");
const BEGIN = "<!-- The table is made from protocol/src/figures.ts by `npm run docs`. -->\n";
const END = "<!-- End of the table. -->\n";

const KINDS: Readonly<Record<FigureKind, string>> = {
  flag: "true or false",
  mark: "`true`, or absent",
  time: "time",
  count: "count",
  usd: "dollars, 6 places",
  amount: "tokens, 18 places",
  price: "price, 15 digits",
  percent: "percent, 6 places",
  share: "share",
  span: "figures",
};

/** The text of docs/http-api.md with the table of figures as it is to be. */
export function withFiguresTable(text: string): string {
  const begin = text.indexOf(BEGIN) + BEGIN.length;
  const end = text.indexOf(END);
  if (begin < BEGIN.length || end < begin)
    throw new Error("docs/http-api.md: the marks of the table of figures are missing");
  return text.slice(0, begin) + figuresTable() + text.slice(end);
}

function figuresTable(): string {
  const rows = statsFields.map((name) => {
    const row: { readonly kind: FigureKind; readonly doc: string; readonly sorts?: true; readonly inPrevious?: true } =
      figures[name];
    return `| \`${name}\` | ${KINDS[row.kind]} | ${yes(row.sorts)} | ${yes(row.inPrevious)} | ${linked(row.doc)} |\n`;
  });
  return `| figure | form | ranks | in \`previous\` | what it says |\n|---|---|---|---|---|\n${rows.join("")}`;
}

const yes = (given: true | undefined): string => (given === true ? "yes" : "");
/** The line with the names of figures marked as code. */
const linked = (doc: string): string =>
  doc.replaceAll(/\b[a-z]+(?:_[a-z]+)+\b/g, (word) =>
    statsFields.includes(word as StatsField) ? `\`${word}\`` : word,
  );

if (import.meta.main) {
  writeFileSync(FIGURES_DOCUMENT, withFiguresTable(readFileSync(FIGURES_DOCUMENT, "utf8")));
}
