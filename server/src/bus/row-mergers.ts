/** How the rows of all partitions become the data of a channel: ranked, or added up. */
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { diffMergePatch } from "@swapstats/protocol/merge-patch.ts";
import type { ChannelSpec } from "../ports/stats-bus.ts";
import type { SpecOf } from "./channels.ts";
import { marketOf } from "./market-sums.ts";
import { type KeyOrder, mergeRanked, orderBySorts, orderByValue } from "./rank-order.ts";
import { type RankedRow, rowsText } from "./responses.ts";

/** Kinds of feeds to which all workers contribute. */
export type MergedChannel = Exclude<ChannelSpec, { readonly token: string }>;

export type RowMerger = {
  /** Whether the rows and patches of a worker that has all partitions are those of the channel. */
  readonly isPassedOn: boolean;
  /** Merges the rows of the partitions, which are in the order of their numbers. */
  merge(lists: readonly (readonly RankedRow[])[]): readonly RankedRow[];
  /** Returns the whole data of merged rows as JSON text. */
  text(rows: readonly RankedRow[]): string;
  /** Returns the merge patch between merged rows as JSON text; `{}` if nothing changed. */
  patch(before: readonly RankedRow[], after: readonly RankedRow[]): string;
};

export function mergerOf(spec: MergedChannel): RowMerger {
  if (spec.kind === "market") return marketMerger(spec);
  if (spec.kind === "screener") return rankingMerger(orderBySorts(spec.query.sort), spec.limit);
  return rankingMerger(orderByValue(spec.order ?? "desc"), spec.limit);
}

function rankingMerger(order: KeyOrder, limit: number): RowMerger {
  return {
    isPassedOn: true,
    merge: (lists) => mergeRanked(lists, order, limit),
    text: rowsText,
    patch: patchText,
  };
}

/** The sums are one row. */
function marketMerger({ windows }: SpecOf<"market">): RowMerger {
  const key = { value: undefined, id: "market" };
  const textOf = ([row]: readonly RankedRow[]): string => row?.json ?? "{}";
  return {
    isPassedOn: false,
    merge: (lists) => {
      const sums = marketOf(
        lists.flat().map(({ json }) => json),
        windows,
      );
      return [{ key, partition: 0, json: JSON.stringify(sums) }];
    },
    text: textOf,
    patch: (before, after) => rowPatch(textOf(before), textOf(after)),
  };
}

/** Returns the merge patch between two lists of rows, as text. */
export function patchText(before: readonly RankedRow[], after: readonly RankedRow[]): string {
  const sent = new Map(before.map((row) => [row.key.id, row.json]));
  const changes: string[] = [];
  for (const { key, json } of after) {
    const was = sent.get(key.id);
    sent.delete(key.id);
    if (was === json) continue;
    const change = was === undefined ? json : rowPatch(was, json);
    if (change !== "{}") changes.push(`${JSON.stringify(key.id)}:${change}`);
  }
  for (const id of sent.keys()) changes.push(`${JSON.stringify(id)}:null`);
  const isMoved = before.length !== after.length || after.some(({ key }, at) => key.id !== before[at]?.key.id);
  const members = [
    ...(isMoved ? [`"order":${JSON.stringify(after.map(({ key }) => key.id))}`] : []),
    ...(changes.length > 0 ? [`"rows":{${changes.join(",")}}`] : []),
  ];
  return `{${members.join(",")}}`;
}

function rowPatch(before: string, after: string): string {
  return JSON.stringify(diffMergePatch(JSON.parse(before) as JsonObject, JSON.parse(after) as JsonObject));
}
