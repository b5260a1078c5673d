/** The figures of a window: their schemas and types follow from the table of figures. */
import {
  type Static,
  type TBoolean,
  type TInteger,
  type TLiteral,
  type TObject,
  type TOptional,
  type TSchema,
  type TString,
  Type,
} from "typebox";
import {
  type EdgeField,
  edgeFields,
  type FigureKind,
  type FigureKindOf,
  figures,
  type PreviousField,
  previousFields,
  type StatsField,
  statsFields,
} from "../figures.ts";
import { count, decimal, optional, timeMs } from "./values.ts";

type SchemaOfKind = {
  flag: TBoolean;
  mark: TLiteral<true>;
  time: TInteger;
  count: TInteger;
  usd: TString;
  amount: TString;
  price: TString;
  percent: TString;
  share: TString;
};
type SingleKind = keyof SchemaOfKind;

const schemaOfKind: { readonly [Kind in SingleKind]: (description: string) => SchemaOfKind[Kind] } = {
  flag: (description) => Type.Boolean({ description }),
  mark: (description) => Type.Literal(true, { description }),
  time: timeMs,
  count,
  usd: decimal,
  amount: decimal,
  price: decimal,
  percent: decimal,
  share: decimal,
};

type SchemaOf<Name extends StatsField> =
  FigureKindOf<Name> extends SingleKind ? SchemaOfKind[FigureKindOf<Name>] : typeof previousSchema;
type FigureProperties = { [Name in EdgeField]: SchemaOf<Name> } & {
  [Name in Exclude<StatsField, EdgeField>]: TOptional<SchemaOf<Name>>;
};

function schemaOf(name: StatsField): TSchema {
  const { doc } = figures[name];
  const kind: FigureKind = figures[name].kind;
  return kind === "span" ? volumesOf({ description: doc }) : schemaOfKind[kind](doc);
}

const volumesOf = (options: { readonly description?: string }) =>
  Type.Object(Object.fromEntries(previousFields.map((name) => [name, schemaOf(name)])), options) as unknown as TObject<{
    [Name in PreviousField]: SchemaOfKind[FigureKindOf<Name>];
  }>;

/** Counts and volumes of a span. */
export const previousSchema = volumesOf({});
export type Volumes = Static<typeof previousSchema>;

const isEdge = (name: StatsField): boolean => (edgeFields as readonly string[]).includes(name);
const propertyOf = (name: StatsField) => [name, isEdge(name) ? schemaOf(name) : optional(schemaOf(name))] as const;

/** Figures of a token in a window. */
export const WindowFigures = Type.Object(Object.fromEntries(statsFields.map(propertyOf)), {
  description:
    "Figures of a token in a window. Figures without a value and figures that were not requested are absent.",
}) as unknown as TObject<FigureProperties>;
export type WindowFigures = Static<typeof WindowFigures>;

type Bound = "open_time" | "close_time";
const BOUNDS: readonly string[] = ["open_time", "close_time"] satisfies Bound[];

/** Figures in a channel: without the bounds of the window, which follow from as_of and the window's step. */
export const ChannelFigures = Type.Object(
  Object.fromEntries(statsFields.filter((name) => !BOUNDS.includes(name)).map(propertyOf)),
) as unknown as TObject<Omit<FigureProperties, Bound>>;
export type ChannelFigures = Static<typeof ChannelFigures>;
