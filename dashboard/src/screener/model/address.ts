/**
 * The state of the view in the address, so that a link shows the same table: preset or query, columns, rows and search. What equals the
 * default is left out. An address that cannot be read gives the default, with a sentence about what is wrong.
 */

import { checkFilter } from "../filter/check.ts";
import { COLUMNS_MAX, type Column, columnsFor, DEFAULT_COLUMNS } from "./columns.ts";
import { findField } from "./fields.ts";
import { DEFAULT_PRESET, findPreset, type Preset, presetQuery } from "./presets.ts";
import { type Filter, queryLimits, type Sort } from "./query.ts";

export type ScreenerState = {
  /** Undefined: a query of the person's own. */
  readonly preset: Preset | undefined;
  readonly filter: Filter | undefined;
  readonly sort: readonly Sort[];
  /** Limits every query to tokens of these chains. Empty: all chains. */
  readonly chains: readonly number[];
  readonly columns: readonly Column[];
  readonly limit: number;
  readonly search: string;
};

/** Values of the parameters of the address; undefined removes one. */
export type AddressChanges = { readonly [name: string]: string | undefined };

/** Numbers of rows to choose from. */
export const rowLimits = [50, 100, 250, queryLimits.rowsMax] as const;
const ROWS_DEFAULT = 100;
const SEARCH_CHARS_MAX = 128;
const FILTER_CHARS_MAX = 16_384;

export function readAddress(
  params: URLSearchParams,
  windows: readonly string[],
): { readonly state: ScreenerState; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const own = readFilter(params.get("filter"), windows, problems);
  const sorts = readSorts(params.get("sort"), windows, problems);
  const isOwn = own !== undefined || sorts !== undefined || params.has("filter");
  const preset = isOwn ? undefined : readPreset(params.get("preset"), problems);
  const base = presetQuery(preset ?? DEFAULT_PRESET, windows);
  const state = {
    preset,
    filter: isOwn ? own : base.filter,
    sort: sorts ?? base.sort,
    chains: readChains(params.get("chains"), problems),
    columns: readColumns(params.get("columns"), windows, problems),
    limit: readLimit(params.get("rows"), problems),
    search: (params.get("search") ?? "").slice(0, SEARCH_CHARS_MAX),
  };
  return { state, problems };
}

function readPreset(text: string | null, problems: string[]): Preset {
  if (text === null) return DEFAULT_PRESET;
  const preset = findPreset(text);
  if (preset === undefined) problems.push(`There is no preset "${cut(text)}"; ${DEFAULT_PRESET.label} is shown.`);
  return preset ?? DEFAULT_PRESET;
}

function readFilter(text: string | null, windows: readonly string[], problems: string[]): Filter | undefined {
  if (text === null || text === "") return undefined;
  const checked = checkFilter(text.length > FILTER_CHARS_MAX ? undefined : parsed(text), windows);
  if ("problem" in checked) problems.push(`The filter of the address is left out: ${checked.problem}`);
  return "filter" in checked ? checked.filter : undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Reads `<field>:<window>:<order>,...`; fields of the token have no window. */
function readSorts(text: string | null, windows: readonly string[], problems: string[]): readonly Sort[] | undefined {
  if (text === null || text === "") return undefined;
  const sorts: Sort[] = [];
  for (const part of text.split(",").slice(0, queryLimits.sortsMax)) {
    const [name = "", ...rest] = part.split(":");
    const field = findField(name);
    const window = field?.isOfWindow ? rest.shift() : undefined;
    const [order = "desc"] = rest;
    const isRead = field !== undefined && (!field.isOfWindow || windows.includes(window ?? ""));
    if (!isRead || (order !== "asc" && order !== "desc")) {
      problems.push(`The order "${cut(part)}" is left out: it must be <figure>:<window>:asc or desc.`);
    } else sorts.push({ field: name, ...(window === undefined ? {} : { window }), order });
  }
  return sorts.length > 0 ? sorts : undefined;
}

/** Stands for a table without columns of figures, because an empty parameter is no parameter. */
const NO_COLUMNS = "none";

/** Reads `<figure>:<window>.<window>,...`. */
function readColumns(text: string | null, windows: readonly string[], problems: string[]): readonly Column[] {
  if (text === null) return columnsFor(DEFAULT_COLUMNS, windows);
  if (text === NO_COLUMNS) return [];
  const columns = new Map<string, Column>();
  for (const part of text.split(",").filter((one) => one !== "")) {
    const [name = "", names = ""] = part.split(":");
    const field = findField(name);
    for (const window of names.split(".")) {
      if (field?.isColumn && windows.includes(window)) columns.set(`${name}:${window}`, { field, window });
      else problems.push(`The column "${cut(`${name}:${window}`)}" is left out: the service does not have it.`);
    }
  }
  return [...columns.values()].slice(0, COLUMNS_MAX);
}

function readChains(text: string | null, problems: string[]): readonly number[] {
  const chains: number[] = [];
  for (const part of (text ?? "").split(",").filter((one) => one !== "")) {
    if (/^[0-9]{1,10}$/.test(part) && chains.length < queryLimits.valuesMax) chains.push(Number(part));
    else problems.push(`The chain "${cut(part)}" is left out: a chain is a number.`);
  }
  return [...new Set(chains)];
}

function readLimit(text: string | null, problems: string[]): number {
  if (text === null) return ROWS_DEFAULT;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= queryLimits.rowsMax) return limit;
  problems.push(`"${cut(text)}" is no number of rows from 1 to ${queryLimits.rowsMax}; ${ROWS_DEFAULT} are shown.`);
  return ROWS_DEFAULT;
}

/** Returns the parameters of a preset, which replaces filter and order. */
export const presetChanges = (preset: Preset): AddressChanges => ({
  preset: preset === DEFAULT_PRESET ? undefined : preset.id,
  filter: undefined,
  sort: undefined,
});

/** Returns the parameters of a query of the person's own. */
export const queryChanges = (filter: Filter | undefined, sort: readonly Sort[]): AddressChanges => ({
  preset: undefined,
  filter: filter === undefined ? undefined : JSON.stringify(filter),
  sort: sort.map(({ field, window, order }) => [field, window, order].filter(Boolean).join(":")).join(","),
});

export function columnChanges(columns: readonly Column[], windows: readonly string[]): AddressChanges {
  const text = columnsText(columns);
  return { columns: text === columnsText(columnsFor(DEFAULT_COLUMNS, windows)) ? undefined : text };
}

function columnsText(columns: readonly Column[]): string {
  const names = [...new Set(columns.map(({ field }) => field.name))];
  const windowsOf = (name: string): string[] => columns.flatMap((one) => (one.field.name === name ? [one.window] : []));
  return names.map((name) => `${name}:${windowsOf(name).join(".")}`).join(",") || NO_COLUMNS;
}

export const chainChanges = (chains: readonly number[]): AddressChanges => ({
  chains: chains.length === 0 ? undefined : chains.join(","),
});

export const limitChanges = (limit: number): AddressChanges => ({
  rows: limit === ROWS_DEFAULT ? undefined : String(limit),
});

export const searchChanges = (text: string): AddressChanges => ({ search: text === "" ? undefined : text });

const SHOWN_CHARS_MAX = 60;
const cut = (text: string): string => (text.length > SHOWN_CHARS_MAX ? `${text.slice(0, SHOWN_CHARS_MAX)}...` : text);

/**
 * Returns the order after a press on the head of a column: by it alone, the highest first; a second press turns it around. With `isAdded`
 * it stands behind the other sorts, as far as the service allows.
 */
export function sortBy(
  sort: readonly Sort[],
  field: string,
  window: string | undefined,
  isAdded: boolean,
): readonly Sort[] {
  const at = sort.findIndex((one) => one.field === field && one.window === window);
  const turned: Sort = {
    field,
    ...(window === undefined ? {} : { window }),
    order: sort[at]?.order === "desc" ? "asc" : "desc",
  };
  if (!isAdded) return at === 0 && sort.length > 0 ? [turned] : [{ ...turned, order: "desc" }];
  if (at >= 0) return sort.with(at, turned);
  return [...sort, turned].slice(0, queryLimits.sortsMax);
}
