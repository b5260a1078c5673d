/**
 * Schemas for the parameters and bodies of HTTP requests. Some depend on the windows of the service. `x-expected` is the expected form in
 * an error message, `x-names` are the allowed names of a list, `x-time` marks a time, and `x-past` is the pattern of the texts that a request with
 * `at` may have as well.
 */
import { type Static, type TEnum, type TObject, type TProperties, type TSchema, Type } from "typebox";
import { sortFields, statsFields } from "../figures.ts";
import { historyIntervals, messageLimits, requestLimits } from "../limits.ts";
import { optional } from "./values.ts";

const UINT32_MAX = 4_294_967_295;
/** Smallest time of a swap (March 1973). A smaller number is a time in seconds. */
const QUERY_TIME_MS_MIN = 100_000_000_000;
/** A window as a client writes it. */
const WINDOW = "[1-9][0-9]{0,6}[smhd]";
const PAST_WINDOWS = `^${WINDOW}(?:,${WINDOW}){0,${requestLimits.pastWindowsMax - 1}}$`;
const DATE_TIME =
  "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\\.[0-9]{1,9})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})";

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
export const statsQuery = (windows: readonly string[]) => ({
  ...selectionQuery(windows),
  windows: optional(
    nameList(windows, "Windows of the response, by default all; with `at` of any length, such as 7d,90s", PAST_WINDOWS),
  ),
  at: optional(pastInstant()),
});

/** A selection of present figures. */
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
      windows: optional(
        Type.Array(Type.Enum([...windows]), {
          maxItems: windows.length,
          description: "By default all; with `at` windows of any length",
          "x-past": `^${WINDOW}$`,
        }),
      ),
      fields: optional(Type.Array(Type.Enum([...statsFields]), { maxItems: statsFields.length })),
      prefer: preference(),
      at: optional(pastTime()),
    },
    { additionalProperties: false },
  );
export type TokensStatsRequest = Static<ReturnType<typeof tokensStatsBody>>;

/** Of `GET /api/tokens/{id}/candles`. */
export const candlesQuery = () => ({
  interval: optional(
    oneOf(historyIntervals, "Length of a candle. `1M` (a calendar month in UTC) needs a history", "1m"),
  ),
  from: optional(queryTime("Start, inclusive")),
  to: optional(queryTime("End, exclusive")),
  limit: optional(integer(1, requestLimits.candlesMax, "Largest number of candles", requestLimits.candlesDefault)),
  cursor: optional(cursorText("the response then has the candles before those")),
  prefer: preference(),
});

/** Of `GET /api/tokens/{id}/swaps`. */
export const swapsQuery = () => ({
  from: optional(queryTime("Start, inclusive; needs a history")),
  to: optional(queryTime("End, exclusive; needs a history")),
  order: optional(oneOf(["asc", "desc"], "Order of time, by default `desc`; needs a history")),
  limit: optional(
    integer(
      ...([1, requestLimits.swapsPageMax] as const),
      `Largest number of swaps; more than ${requestLimits.swapsMax} need a history`,
      requestLimits.swapsDefault,
    ),
  ),
  cursor: optional(cursorText("the response then has the following swaps")),
  prefer: preference(),
});

/** Of `GET /api/audit/{id}`. */
export const auditQuery = (windows: readonly string[]) => ({
  window: optional(auditWindow(windows)),
  at: optional(pastInstant()),
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
  spark: optional(
    Type.String({
      minLength: 1,
      maxLength: 64,
      description:
        "`<figure>:<window>:<points>`, such as `close:24h:24`: each row then has `spark`, values over that window",
    }),
  ),
  sort: optional(oneOf(sortFields, "Figure by which tokens are ranked", "volume_usd")),
  order: optional(oneOf(["asc", "desc"], "Order of the ranking", "desc")),
  limit: optional(integer(1, requestLimits.overviewMax, "Largest number of tokens", requestLimits.overviewDefault)),
  cursor: optional(cursorText("the response then has the following tokens")),
  at: optional(pastInstant()),
});

/** Of `GET /api/stream`. */
export const streamQuery = (windows: readonly string[]) => ({
  channels: Type.String({
    minLength: 1,
    description: `Channels, separated by commas, at most ${messageLimits.streamChannelsMax}: those of the WebSocket. Or a list in JSON, as \`subscribe\` and \`resume\` of the WebSocket have it: each channel with options and a position of its own`,
  }),
  ...selectionQuery(windows),
  limit: optional(
    Type.Integer({
      ...{ minimum: 1, maximum: requestLimits.channelItemsMax },
      description: "Largest number of items of a channel",
    }),
  ),
  conflate_ms: optional(
    Type.Integer({
      ...{ minimum: 0, maximum: messageLimits.conflateMsMax },
      description: "Shortest time between two messages of a channel, in milliseconds",
    }),
  ),
  order: optional(oneOf(["asc", "desc"], "Order of rankings")),
  spark: optional(
    Type.String({
      minLength: 1,
      description: "Sparkline of each row of overviews and of the screener: `<figure>:<window>:<points>`",
    }),
  ),
  checksum: optional(oneOf(["true", "false"], "Whether heartbeats with checksums of the data are sent")),
  query: optional(
    Type.String({
      minLength: 2,
      description: "JSON of the query of the channel `screener`, as `POST /api/screener` has it",
    }),
  ),
  last_event_id: optional(
    Type.String({
      description:
        "`id` of the last event that the client has. The stream continues behind it. The header `Last-Event-ID`, which browsers send, goes before it",
    }),
  ),
});

/** Of `GET /api/tokens`. */
export const searchQuery = () => ({
  query: Type.String({
    minLength: 1,
    maxLength: requestLimits.searchTextMax,
    description: "The beginning of an id, an address or a symbol, or a part of a symbol, without case",
  }),
  chain_id: optional(
    Type.Integer({
      minimum: 0,
      maximum: UINT32_MAX,
      description: "Only tokens of this chain",
      "x-expected": `an integer from 0 to ${UINT32_MAX}`,
    }),
  ),
  limit: optional(integer(1, requestLimits.searchMax, "Largest number of tokens", requestLimits.searchDefault)),
});

/** Of `GET /api/market`. */
export const marketQuery = (windows: readonly string[]) => ({
  windows: optional(nameList(windows, "Windows of the response, by default all")),
});

/** Of `POST /api/swaps`. */
export const ingestQuery = () => ({
  mapping: optional(
    Type.String({
      pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
      description:
        "Name of a mapping of the service (`ingest.mappings`). The body then holds records in the mapping's format, whatever its media type",
      "x-expected": "the name of a mapping: letters, digits and . _ -, at most 64",
    }),
  ),
});

/** Of `GET /api/dead-letters`. */
export const deadLettersQuery = () => ({
  limit: optional(
    integer(1, requestLimits.deadLettersMax, "Largest number of records", requestLimits.deadLettersDefault),
  ),
});

/** A list of the given names, separated by commas. With `past`, a request with `at` may have a text of that pattern instead. */
function nameList(names: readonly string[], description: string, past?: string) {
  const one = `(?:${names.join("|")})`;
  const expected = `names of ${names.join(", ")}, separated by commas`;
  return Type.String({
    pattern: `^${one}(?:,${one}){0,${2 * names.length}}$`,
    description: `${description}: ${expected}`,
    "x-expected": expected,
    "x-names": names,
    ...(past === undefined ? {} : { "x-past": past }),
  });
}

function auditWindow(windows: readonly string[]) {
  const schema = Type.String({
    pattern: `^${WINDOW}$`,
    description: "Window that is computed again, of any length",
    "x-expected": "a window, such as 24h",
    default: windows.includes("24h") ? "24h" : (windows.at(-1) ?? ""),
  });
  return schema as typeof schema & WithDefault;
}

function cursorText(effect: string) {
  return Type.String({
    minLength: 1,
    maxLength: requestLimits.cursorMax,
    description: `\`next_cursor\` of the previous response; ${effect}`,
  });
}

const PAST = "A past instant: the response is the one of that instant, from the history";

/** An instant in a query. */
function pastInstant() {
  const expected = "ms since 1970 or a time of RFC 3339, such as 2026-01-31T12:00:00Z";
  return Type.String({
    pattern: `^(?:[0-9]{12,15}|${DATE_TIME})$`,
    description: `${PAST}: ${expected}`,
    "x-expected": expected,
  });
}

/** An instant in a body. */
export function pastTime() {
  return Type.Union(
    [
      Type.Integer({ minimum: QUERY_TIME_MS_MIN, maximum: Number.MAX_SAFE_INTEGER }),
      Type.String({ pattern: `^${DATE_TIME}$` }),
    ],
    { description: `${PAST}: ms since 1970, or a time of RFC 3339` },
  );
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
