/**
 * Schemas for the parameters and bodies of HTTP requests. Some depend on the windows of the service. `x-expected` is the expected form in
 * an error message, `x-names` are the allowed names of a list, and `x-time` marks a time.
 */
import { type Static, type TEnum, type TObject, type TProperties, type TSchema, Type } from "typebox";
import { sortFields, statsFields } from "../figures.ts";
import { type CandleInterval, candleIntervals, requestLimits } from "../limits.ts";
import { optional } from "./values.ts";

/** Smallest time of a swap (March 1973). A smaller number is a time in seconds. */
const QUERY_TIME_MS_MIN = 100_000_000_000;

/** A query or path as a client writes it. */
export type QueryOf<Make extends (...args: never[]) => TProperties> = Static<TObject<ReturnType<Make>>>;

type WithDefault = { readonly default: unknown };
type DefaultedKey<P> = { [Key in keyof P]: P[Key] extends WithDefault ? Key : never }[keyof P];
type Checked<P extends TProperties> = {
  [Key in DefaultedKey<P>]: P[Key] extends TSchema ? Static<P[Key]> : never;
} & Static<TObject<Omit<P, DefaultedKey<P>>>>;
/** A query after the check, which fills in the defaults. */
export type CheckedQuery<Make extends (...args: never[]) => TProperties> = Checked<ReturnType<Make>>;

/** A token as people write it: id, address or symbol. */
function tokenText() {
  return Type.String({
    minLength: 1,
    maxLength: requestLimits.tokenTextMax,
    description: "`<chain_id>:<token>`, a token's address on any chain, or a symbol",
  });
}

/** The choice for a name that stands for several tokens. */
function preference() {
  return optional(
    oneOf(
      ["refuse", "largest"],
      "How to handle a name that stands for several tokens. `refuse`: 409 with the candidates. `largest`: the token with the most volume. The default is the setting `api.symbols`",
    ),
  );
}

/** The path of a call about one token. */
export const tokenPath = () => ({ id: tokenText() });

/** Of `GET /api/tokens/{id}/stats`. */
export const selectionQuery = (windows: readonly string[]) => ({
  windows: optional(nameList(windows, "Windows of the response, by default all")),
  fields: optional(
    nameList(
      statsFields,
      "Figures of the response, by default all. `open_time`, `close_time` and `complete` are always included",
    ),
  ),
  prefer: preference(),
});

/** Of `GET /stats`. */
export const shortStatsQuery = (windows: readonly string[]) => ({ token: tokenText(), ...selectionQuery(windows) });

/** `{"ids":[..],"windows":[..],"fields":[..]}` of `POST /api/tokens/stats`. */
export const tokensStatsBody = (windows: readonly string[]) =>
  Type.Object(
    {
      ids: Type.Array(tokenText(), { minItems: 1, maxItems: requestLimits.idsMax }),
      windows: optional(Type.Array(Type.Enum([...windows]), { maxItems: windows.length })),
      fields: optional(Type.Array(Type.Enum([...statsFields]), { maxItems: statsFields.length })),
      prefer: preference(),
    },
    { additionalProperties: false },
  );
export type TokensStatsRequest = Static<ReturnType<typeof tokensStatsBody>>;

/** Of `GET /api/tokens/{id}/candles`. */
export const candlesQuery = () => ({
  interval: optional(oneOf(Object.keys(candleIntervals) as CandleInterval[], "Length of a candle", "1m")),
  from: optional(queryTime("Start, inclusive")),
  to: optional(queryTime("End, exclusive")),
  limit: optional(integer(1, requestLimits.candlesMax, "Largest number of candles", requestLimits.candlesDefault)),
  prefer: preference(),
});

/** Of `GET /api/tokens/{id}/swaps`. */
export const swapsQuery = () => ({
  limit: optional(integer(1, requestLimits.swapsMax, "Largest number of swaps", requestLimits.swapsDefault)),
  prefer: preference(),
});

/** Of `GET /api/overview`. */
export const overviewQuery = (windows: readonly string[]) => ({
  window: optional(oneOf(windows, "Window of the figures", windows.includes("5m") ? "5m" : (windows[0] ?? ""))),
  windows: optional(
    nameList(
      windows,
      "Each row then has `windows`, with the figures of these windows and of `window`, instead of `stats`",
    ),
  ),
  fields: optional(
    nameList(
      statsFields,
      "Figures of each row, by default all. `open_time`, `close_time` and `complete` are always included",
    ),
  ),
  sort: optional(oneOf(sortFields, "Figure by which tokens are ranked", "volume_usd")),
  order: optional(oneOf(["asc", "desc"], "Order of the ranking", "desc")),
  limit: optional(integer(1, requestLimits.overviewMax, "Largest number of tokens", requestLimits.overviewDefault)),
  cursor: optional(
    Type.String({
      minLength: 1,
      maxLength: requestLimits.cursorMax,
      description: "`next_cursor` of the previous response; the response then has the following tokens",
    }),
  ),
});

/** Of `GET /api/dead-letters`. */
export const deadLettersQuery = () => ({
  limit: optional(
    integer(1, requestLimits.deadLettersMax, "Largest number of records", requestLimits.deadLettersDefault),
  ),
});

/** A list of the given names, separated by commas. */
function nameList(names: readonly string[], description: string) {
  const one = `(?:${names.join("|")})`;
  const expected = `names of ${names.join(", ")}, separated by commas`;
  return Type.String({
    pattern: `^${one}(?:,${one}){0,${2 * names.length}}$`,
    description: `${description}: ${expected}`,
    "x-expected": expected,
    "x-names": names,
  });
}

/** A time in a query: ms since 1970, or 0. Numbers that can only be times in seconds are refused. */
function queryTime(description: string) {
  const expected = "ms since 1970, such as 1760000000000, or 0";
  return Type.Integer({
    minimum: 0,
    maximum: Number.MAX_SAFE_INTEGER,
    not: { minimum: 1, maximum: QUERY_TIME_MS_MIN - 1 },
    description: `${description}: ${expected}`,
    "x-expected": expected,
    "x-time": true,
  });
}

function oneOf<Name extends string>(names: readonly Name[], description: string): TEnum<Name[]>;
function oneOf<Name extends string>(
  names: readonly Name[],
  description: string,
  byDefault: Name,
): TEnum<Name[]> & WithDefault;
function oneOf(names: readonly string[], description: string, byDefault?: string) {
  return Type.Enum([...names], {
    type: "string",
    description,
    "x-expected": `one of ${names.join(", ")}`,
    ...(byDefault === undefined ? {} : { default: byDefault }),
  });
}

function integer(minimum: number, maximum: number, description: string, byDefault: number) {
  const schema = Type.Integer({
    minimum,
    maximum,
    description,
    "x-expected": `an integer from ${minimum} to ${maximum}`,
    default: byDefault,
  });
  return schema as typeof schema & WithDefault;
}
