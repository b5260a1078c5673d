/** Node passes the source of each value to the reviver. The types do not have it yet. */
const asWritten = ((_name: string, value: unknown, context?: { source?: string }): unknown =>
  typeof value === "number" ? (context?.source ?? value) : value) as (name: string, value: unknown) => unknown;

/** Returns the members of a canonical event. Numbers are texts, as they are written, so `5` and `"5"` of a decimal are the same. */
export function plainEvent(text: string): Record<string, unknown> {
  return JSON.parse(text, asWritten) as Record<string, unknown>;
}
