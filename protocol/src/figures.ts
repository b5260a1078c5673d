/**
 * The figures of a token in a window. Each is declared here once. The parameters `fields` and `sort`, the schemas, the order and form of
 * JSON, rankings, terminal formats and the table in docs/http-api.md follow from this table. A new figure needs a row here and its
 * computation in the engine. The type check fails until both exist.
 */

/** The form of a value in JSON, and its largest number of decimal places. Undefined: the value has at most 15 significant digits. */
type Kind = { readonly form: "boolean" | "true" | "number" | "text" | "object"; readonly places: number | undefined };

export const figureKinds = {
  flag: { form: "boolean", places: undefined },
  /** True, or absent. */
  mark: { form: "true", places: undefined },
  /** Milliseconds since 1970. */
  time: { form: "number", places: undefined },
  count: { form: "number", places: undefined },
  /** An amount of dollars. */
  usd: { form: "text", places: 6 },
  /** An amount of the token. */
  amount: { form: "text", places: 18 },
  /** Dollars for one token. */
  price: { form: "text", places: undefined },
  percent: { form: "text", places: 6 },
  share: { form: "text", places: undefined },
  /** The figures with `inPrevious`, of another span. */
  span: { form: "object", places: undefined },
} as const satisfies Record<string, Kind>;

export type FigureKind = keyof typeof figureKinds;

type Figure = {
  readonly kind: FigureKind;
  /** Number of the field in protobuf: below 16 for figures that change most. A number never changes, and is never given again. */
  readonly number: number;
  /** True: every response has it, whatever `fields` says. */
  readonly isEdge?: true;
  /** True: tokens can be ranked by its served value. */
  readonly sorts?: true;
  /** True: `previous` also has it. */
  readonly inPrevious?: true;
  /** Figures that it accompanies: a response with one of them has it. */
  readonly goesWith?: readonly string[];
  /** Title in terminal views. Absent: the name. */
  readonly label?: string;
  /** Value in the example of the OpenAPI document. Absent: the example does not have the figure. */
  readonly example?: string | number | boolean;
  /** One line for the documents. */
  readonly doc: string;
};

const volume = { sorts: true, inPrevious: true } as const;

/** In the order in which figures are served. */
export const figures = {
  open_time: {
    kind: "time",
    number: 25,
    isEdge: true,
    example: 1_759_999_705_000,
    doc: "Start of what the figures cover, inclusive",
  },
  close_time: {
    kind: "time",
    number: 26,
    isEdge: true,
    example: 1_760_000_005_000,
    doc: "End of what the figures cover, exclusive",
  },
  complete: {
    kind: "flag",
    number: 24,
    isEdge: true,
    example: true,
    doc: "Whether the service saw everything since open_time",
  },
  trades: { ...volume, kind: "count", number: 1, example: 2, doc: "Swaps" },
  buys: { ...volume, kind: "count", number: 2, example: 1, doc: "Swaps that bought the token" },
  sells: { ...volume, kind: "count", number: 3, example: 1, doc: "Swaps that sold the token" },
  volume_usd: { ...volume, kind: "usd", number: 4, label: "volume $", example: "4625.5", doc: "Dollars of all swaps" },
  buy_volume_usd: { ...volume, kind: "usd", number: 5, example: "2775.3", doc: "Dollars of the buys" },
  sell_volume_usd: { ...volume, kind: "usd", number: 6, example: "1850.2", doc: "Dollars of the sells" },
  net_volume_usd: {
    ...volume,
    kind: "usd",
    number: 7,
    label: "net $",
    example: "925.1",
    doc: "buy_volume_usd less sell_volume_usd",
  },
  volume_token: { ...volume, kind: "amount", number: 8, example: "2.5", doc: "Tokens of all swaps" },
  buy_volume_token: { ...volume, kind: "amount", number: 9, example: "1.5", doc: "Tokens of the buys" },
  sell_volume_token: { ...volume, kind: "amount", number: 10, example: "1", doc: "Tokens of the sells" },
  open: { kind: "price", number: 18, sorts: true, example: "1850.2", doc: "Price of the first swap" },
  high: { kind: "price", number: 19, sorts: true, example: "1850.2", doc: "Highest price" },
  low: { kind: "price", number: 20, sorts: true, example: "1850.2", doc: "Lowest price" },
  close: { kind: "price", number: 21, sorts: true, example: "1850.2", doc: "Price of the last swap" },
  price_change: { kind: "price", number: 11, sorts: true, example: "0", doc: "close less open" },
  price_change_pct: {
    kind: "percent",
    number: 12,
    sorts: true,
    label: "change",
    example: "0",
    doc: "price_change in percent of open",
  },
  vwap: { kind: "price", number: 13, sorts: true, example: "1850.2", doc: "volume_usd / volume_token" },
  avg_trade_usd: {
    kind: "usd",
    number: 14,
    sorts: true,
    example: "2312.75",
    doc: "volume_usd / trades, rounded half to even",
  },
  traders: { kind: "count", number: 15, sorts: true, example: 2, doc: "Unique wallets" },
  buyers: { kind: "count", number: 16, sorts: true, example: 1, doc: "Unique wallets that bought" },
  sellers: { kind: "count", number: 17, sorts: true, example: 1, doc: "Unique wallets that sold" },
  traders_estimated: {
    kind: "mark",
    number: 27,
    goesWith: ["traders", "buyers", "sellers"],
    doc: "Unique wallets are estimated, not counted",
  },
  traders_error: {
    kind: "share",
    number: 28,
    goesWith: ["traders", "buyers", "sellers"],
    doc: "Relative standard error of the estimate",
  },
  first_trade_time: {
    kind: "time",
    number: 22,
    sorts: true,
    example: 1_760_000_000_000,
    doc: "Time of the first swap",
  },
  last_trade_time: { kind: "time", number: 23, sorts: true, example: 1_760_000_002_000, doc: "Time of the last swap" },
  previous: { kind: "span", number: 29, doc: "The same span before open_time" },
} as const satisfies Record<string, Figure>;

type Figures = typeof figures;
type NamesWith<Property extends object> = {
  [Name in keyof Figures]: Figures[Name] extends Property ? Name : never;
}[keyof Figures];

export type StatsField = keyof Figures;
export type FigureKindOf<Name extends StatsField> = Figures[Name]["kind"];
export type EdgeField = NamesWith<{ isEdge: true }>;
/** A figure by which tokens can be ranked. */
export type SortField = NamesWith<{ sorts: true }>;
export type PreviousField = NamesWith<{ inPrevious: true }>;

const rowOf = (name: StatsField): Figure => figures[name];

/** Every figure of a window, in the order of responses. The values of the parameter `fields`. */
export const statsFields = Object.keys(figures) as readonly StatsField[];
/** Figures that every response has, whatever `fields` says. */
export const edgeFields = statsFields.filter((name) => rowOf(name).isEdge) as readonly EdgeField[];
export const sortFields = statsFields.filter((name) => rowOf(name).sorts) as readonly SortField[];
/** Figures of the window before, `[open_time - W, open_time)`. */
export const previousFields = statsFields.filter((name) => rowOf(name).inPrevious) as readonly PreviousField[];

/** Returns whether a response to these `fields` has the figure. An empty set selects all. */
export function isAskedFor(name: StatsField, fields: ReadonlySet<string>): boolean {
  const { isEdge, goesWith = [] } = rowOf(name);
  return fields.size === 0 || isEdge === true || fields.has(name) || goesWith.some((other) => fields.has(other));
}

/** Returns the title of the figure in terminal views. */
export const labelOf = (name: StatsField): string => rowOf(name).label ?? name;

/** Returns the largest number of decimal places. Undefined: the value has at most 15 significant digits. */
export const placesOf = (name: StatsField): number | undefined => figureKinds[rowOf(name).kind].places;
