/**
 * Reads a query of the screener, from any door. It is the one check of queries: each mistake names its path in the query, and a query
 * without mistakes has all its defaults filled in. Equal results mean the same query.
 */
import { edgeFields, statsFields } from "../figures.ts";
import { screenerLimits } from "../limits.ts";
import { needsWindow, type ScreenerField, screenerField, screenerFields, sparkFields } from "./fields.ts";
import { FilterParser } from "./parse-filter.ts";
import {
  leavesOf,
  type QueryError,
  type ScreenerFilter,
  type ScreenerQuery,
  type ScreenerSort,
  type ServedWindow,
  type Spark,
} from "./query.ts";
import { joinPath, type Members, type QueryContext, QueryErrors, shown } from "./query-errors.ts";

const { cursorMax, pointsMin, pointsMax, rowsDefault, rowsMax, sortsMax } = screenerLimits;

const MEMBERS = ["filter", "sort", "limit", "windows", "fields", "spark", "cursor", "at"] as const;
/** Also the window of an overview without `window`. */
const DEFAULT_WINDOW = "5m";

export type ParsedQuery =
  | {
      readonly query: ScreenerQuery;
      readonly cursor: string | undefined;
      /** The past instant as the client wrote it. */
      readonly at: string | number | undefined;
    }
  | { readonly errors: readonly QueryError[] };

/** Returns the checked query, or every mistake, at most as many as a response lists. */
export function parseScreenerQuery(value: unknown, context: QueryContext): ParsedQuery {
  const errors = new QueryErrors();
  const members = errors.members(value, "");
  if (members === undefined) return { errors: errors.list };
  errors.checkNames(members, MEMBERS, "", context.hint);
  const filters = new FilterParser(context, errors);
  const filter = members.filter === undefined ? undefined : filters.parse(members.filter, "filter");
  const sort = parseSorts(members.sort, filters, context, errors);
  const limit = members.limit === undefined ? rowsDefault : errors.integer(members.limit, 1, rowsMax, "limit");
  const windows = parseWindows(members, filter, sort, context, errors);
  const fields = parseFields(members.fields, context, errors);
  const spark = members.spark === undefined ? undefined : parseSpark(members.spark, context, errors);
  const cursor = parseCursor(members.cursor, errors);
  const at = parseAt(members.at, errors);
  if (errors.list.length > 0 || limit === undefined) return { errors: errors.list };
  const query = {
    ...(filter === undefined ? {} : { filter }),
    ...{ sort, limit, windows, fields },
    ...(spark === undefined ? {} : { spark }),
  };
  return { query, cursor, at };
}

/** Returns the window that stands for one that a query does not name. */
function defaultWindow(windows: readonly ServedWindow[]): string {
  return (windows.find(({ name }) => name === DEFAULT_WINDOW) ?? windows[0])?.name ?? "";
}

function parseSorts(
  value: unknown,
  filters: FilterParser,
  context: QueryContext,
  errors: QueryErrors,
): readonly ScreenerSort[] {
  if (value === undefined) return [{ field: "volume_usd", window: defaultWindow(context.windows), order: "desc" }];
  if (!Array.isArray(value) || value.length === 0 || value.length > sortsMax) {
    errors.add("sort", `must be a list of 1 to ${sortsMax} sorts, not ${shown(value)}`);
    return [];
  }
  return value.flatMap((one, at) => parseSort(one, `sort[${at}]`, filters, context, errors) ?? []);
}

function parseSort(
  value: unknown,
  path: string,
  filters: FilterParser,
  { hint }: QueryContext,
  errors: QueryErrors,
): ScreenerSort | undefined {
  const members = errors.members(value, path);
  if (members === undefined) return undefined;
  const name = errors.name(members.field, screenerFields, joinPath(path, "field"), "a field", hint);
  if (name === undefined) return undefined;
  const isOfWindow = needsWindow(screenerField(name) as ScreenerField);
  errors.checkNames(members, isOfWindow ? ["field", "window", "order"] : ["field", "order"], path, hint);
  const window = isOfWindow ? filters.window(members.window, joinPath(path, "window"), name) : undefined;
  const order =
    members.order === undefined
      ? "desc"
      : errors.name(members.order, ["asc", "desc"], joinPath(path, "order"), "an order", hint);
  if (order === undefined) return undefined;
  return { field: name, ...(window === undefined ? {} : { window }), order };
}

/** Without `windows`, rows have the windows that filter and sorts name; without any, the default one. */
function parseWindows(
  { windows }: Members,
  filter: ScreenerFilter | undefined,
  sort: readonly ScreenerSort[],
  context: QueryContext,
  errors: QueryErrors,
): readonly string[] {
  const names = context.windows.map(({ name }) => name);
  if (windows !== undefined) return errors.names(windows, names, "windows", "a window of this service", context.hint);
  const named = new Set([...leavesOf(filter), ...sort].map(({ window }) => window));
  const used = names.filter((name) => named.has(name));
  return used.length > 0 ? used : [defaultWindow(context.windows)];
}

function parseFields(value: unknown, { hint }: QueryContext, errors: QueryErrors): readonly string[] {
  if (value === undefined) return [];
  const given = errors.names(value, statsFields, "fields", "a figure", hint);
  const wanted = new Set<string>([...given, ...edgeFields]);
  return wanted.size === statsFields.length ? [] : statsFields.filter((name) => wanted.has(name));
}

/** Reads `{field, window, points}`. The slices of a sparkline are not shorter than the step of its window. */
function parseSpark(value: unknown, { windows, hint }: QueryContext, errors: QueryErrors): Spark | undefined {
  const members = errors.members(value, "spark");
  if (members === undefined) return undefined;
  errors.checkNames(members, ["field", "window", "points"], "spark", hint);
  const field = errors.name(members.field, sparkFields, "spark.field", "a figure of a sparkline", hint);
  const names = windows.map(({ name }) => name);
  const window = errors.name(members.window, names, "spark.window", "a window of this service", hint);
  const spec = windows.find(({ name }) => name === window);
  const most = spec === undefined ? pointsMax : Math.min(pointsMax, spec.lengthMs / spec.stepMs);
  const points = errors.integer(members.points, pointsMin, most, "spark.points");
  if (field === undefined || window === undefined || points === undefined) return undefined;
  return { field, window, points };
}

/** Reads a sparkline outside a query: `{field, window, points}`, or the short form `<field>:<window>:<points>`, such as `close:24h:24`. */
export function parseSparkOption(
  value: unknown,
  context: QueryContext,
): { spark: Spark } | { errors: readonly QueryError[] } {
  const errors = new QueryErrors();
  const members = typeof value === "string" ? membersOfText(value, errors) : value;
  const spark = errors.list.length > 0 ? undefined : parseSpark(members, context, errors);
  return spark === undefined || errors.list.length > 0 ? { errors: errors.list } : { spark };
}

function membersOfText(text: string, errors: QueryErrors): Members | undefined {
  const [field, window, points = "", ...more] = text.split(":");
  if (more.length === 0 && /^[0-9]{1,3}$/.test(points)) return { field, window, points: Number(points) };
  return errors.add("spark", `must be <field>:<window>:<points>, such as close:24h:24, not ${shown(text)}`);
}

/** Its value is checked with those of other calls. */
function parseAt(value: unknown, errors: QueryErrors): string | number | undefined {
  if (value === undefined || typeof value === "string" || typeof value === "number") return value;
  errors.add("at", `must be ms since 1970 or a time of RFC 3339, not ${shown(value)}`);
  return undefined;
}

function parseCursor(value: unknown, errors: QueryErrors): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && value !== "" && value.length <= cursorMax) return value;
  return errors.add("cursor", `must be the next_cursor of a response, a text of at most ${cursorMax} characters`);
}
