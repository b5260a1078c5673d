/** Operations of RFC 6902 for merge patches. */
import type { Json, JsonObject } from "@swapstats/protocol/json.ts";

type PatchOperation =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: Json }
  | { readonly op: "remove"; readonly path: string };

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Returns operations that do to `base` what the merge patch does. */
export function operationsOf(patch: JsonObject, base: JsonObject): readonly PatchOperation[] {
  const operations: PatchOperation[] = [];
  addOperations(operations, "", patch, base);
  return operations;
}

function addOperations(operations: PatchOperation[], path: string, patch: JsonObject, base: JsonObject): void {
  for (const key of Object.keys(patch)) {
    const value = patch[key] as Json;
    const before = Object.hasOwn(base, key) ? base[key] : undefined;
    const place = `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    if (value === null) {
      if (before !== undefined) operations.push({ op: "remove", path: place });
    } else if (isObject(value) && isObject(before)) {
      addOperations(operations, place, value, before);
    } else {
      operations.push({ op: before === undefined ? "add" : "replace", path: place, value: withoutNulls(value) });
    }
  }
}

/** A null in an object that a merge patch adds sets no member. */
function withoutNulls(value: Json): Json {
  if (!isObject(value)) return value;
  const kept = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(kept.map(([key, member]) => [key, withoutNulls(member)]));
}
