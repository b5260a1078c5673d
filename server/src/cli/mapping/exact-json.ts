/** Parses JSON with numbers as the texts that they are written in, so that nothing passes through a double. */

export class NumberText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export type ExactValue = null | boolean | string | NumberText | ExactValue[] | { [name: string]: ExactValue };

/** Node passes the source of each value to the reviver. The types do not have it yet. */
const keepNumbers = ((_key: string, value: unknown, context?: { source?: string }): unknown =>
  typeof value === "number" ? new NumberText(context?.source ?? String(value)) : value) as (
  key: string,
  value: unknown,
) => unknown;

/** Returns undefined for a text that is not JSON. */
export function parseExact(text: string): ExactValue | undefined {
  try {
    return JSON.parse(text, keepNumbers) as ExactValue;
  } catch {
    return undefined;
  }
}

export function isObject(value: ExactValue | undefined): value is { [name: string]: ExactValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof NumberText);
}
