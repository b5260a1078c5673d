/** The text of which checksums are made: members sorted by the code units of their names, no spaces. */
import type { Json, JsonObject } from "./json.ts";

/** Returns the canonical JSON text of a value, which is the same for equal values. */
export function canonicalJson(value: Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  const object = value as JsonObject;
  const members = Object.keys(object)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalJson(object[name] as Json)}`);
  return `{${members.join(",")}}`;
}
