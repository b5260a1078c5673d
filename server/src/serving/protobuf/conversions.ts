/**
 * The few places where messages of protobuf have another shape than JSON: figures that windows have in common, rankings by place, sparklines, and
 * filters of the screener.
 */
import type { Json, JsonObject } from "@swapstats/protocol/json.ts";
import { hexMembers } from "@swapstats/protocol/proto/channel-messages.ts";
import { screenerField } from "@swapstats/protocol/screener/fields.ts";

type Draft = { [member: string]: Json };

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Replaces a member, unless it is absent or null. */
function changed<V extends Json>(json: JsonObject, name: string, convert: (value: V) => Json): JsonObject {
  const value = json[name];
  return value === undefined || value === null ? json : { ...json, [name]: convert(value as V) };
}

/**
 * Groups the figures of windows, or the changes of them: each group has the figures that the same windows have in common. `names` are all windows of
 * the channel. Undefined if a window is not among them, or is removed.
 */
export function groupsOf(windows: JsonObject, names: readonly string[]): readonly JsonObject[] | undefined {
  // By figure and value, the windows that have it; then by windows, the figures.
  const holders = new Map<string, { readonly name: string; readonly value: Json; readonly places: number[] }>();
  const groups = new Map<string, Draft>();
  for (const window of Object.keys(windows)) {
    const place = names.indexOf(window);
    const figures = windows[window];
    if (place < 0 || !isObject(figures)) return undefined;
    for (const name of Object.keys(figures)) {
      const value = figures[name] as Json;
      const key = `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`;
      const holder = holders.get(key);
      if (holder === undefined) holders.set(key, { name, value, places: [place] });
      else holder.places.push(place);
    }
  }
  for (const { name, value, places } of holders.values()) {
    const key = places.join();
    const group = groups.get(key) ?? (places.length === names.length ? {} : { windows: places });
    group[name] = value;
    groups.set(key, group);
  }
  return [...groups.values()];
}

const HEX = /^0x(?:[0-9a-f]{2})+$/;

/** Returns a swap of a stream: hexadecimal members as bytes, and without an id that follows from the rest. */
export function swapToWire(swap: JsonObject): JsonObject {
  const wire: Draft = { ...swap };
  if (swap.event_id === `${swap.chain_id}:${swap.tx_hash}:${swap.log_index}`) delete wire.event_id;
  for (const name of hexMembers) {
    const value = swap[name];
    if (typeof value !== "string" || !HEX.test(value)) continue;
    wire[`${name}_bytes`] = value;
    delete wire[name];
  }
  return wire;
}

const sparkToWire = (values: readonly Json[]): Json =>
  values.map((value) => (value === null ? {} : typeof value === "number" ? { count: value } : { decimal: value }));

/** Returns a filter of protobuf as a filter of JSON. A filter without a condition becomes an empty object, which the parser refuses. */
function filterFromWire(filter: JsonObject): JsonObject {
  const { and, or, not, condition } = filter;
  const partsOf = (list: JsonObject): Json => (list.filters as readonly JsonObject[]).map(filterFromWire);
  if (isObject(and)) return { and: partsOf(and) };
  if (isObject(or)) return { or: partsOf(or) };
  if (isObject(not)) return { not: filterFromWire(not) };
  return isObject(condition) ? conditionFromWire(condition) : {};
}

function conditionFromWire(condition: JsonObject): JsonObject {
  const { field } = condition;
  if (typeof field !== "string" || screenerField(field)?.value !== "flag") return condition;
  const flag = (text: string): Json => (text === "true" ? true : text === "false" ? false : text);
  return changed(changed(condition, "eq", flag), "ne", flag);
}

/** Returns a query of the screener as JSON has it. */
export const queryFromWire = (query: JsonObject): JsonObject => changed(query, "filter", filterFromWire);

/** A row of the screener or of an overview. */
export const rowToWire = (row: JsonObject): JsonObject => changed(row, "spark", sparkToWire);

/** Returns the rows in the order of the ranking. */
export function rankingToWire({ order, rows }: JsonObject): JsonObject {
  const byId = rows as JsonObject;
  return { rows: (order as readonly string[]).map((id) => ({ id, ...rowToWire(byId[id] as JsonObject) })) };
}

/**
 * Returns the patch of a ranking by places. `before` is the order that the patch applies to. Undefined if the patch cannot be said so: a row without a
 * place, or an order without rows, which is not told from an order that did not change.
 */
export function rankingPatchToWire(patch: JsonObject, before: readonly string[]): JsonObject | undefined {
  const changedOrder = patch.order as readonly string[] | undefined;
  if (changedOrder?.length === 0) return undefined;
  const after = changedOrder ?? before;
  const placesBefore = new Map(before.map((id, place) => [id, place]));
  const placesAfter = changedOrder === undefined ? placesBefore : new Map(after.map((id, place) => [id, place]));
  const rows: Draft = {};
  const changedRows = (patch.rows ?? {}) as JsonObject;
  for (const id of Object.keys(changedRows)) {
    const row = changedRows[id] as Json;
    const place = placesAfter.get(id);
    // A row that is gone has no place, and every other row has one.
    if ((place === undefined) !== (row === null)) return undefined;
    if (place !== undefined && isObject(row))
      rows[place] = placesBefore.has(id) ? rowToWire(row) : { id, ...rowToWire(row) };
  }
  if (after.some((id, place) => !placesBefore.has(id) && rows[place] === undefined)) return undefined;
  return { order: (changedOrder ?? []).map((id) => (placesBefore.get(id) ?? -1) + 1), rows };
}
