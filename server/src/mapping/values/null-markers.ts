/** Texts that mean "no value" when a mapping does not list its own. */
export const DEFAULT_NULLS: readonly string[] = ["", "\\N", "NULL", "null", "None"];

/** Returns the trimmed text of a reference. Undefined if it is empty or one of the null markers. */
export function presentText(text: string | undefined, nulls: ReadonlySet<string>): string | undefined {
  if (text === undefined) return undefined;
  const trimmed = text.trim();
  return trimmed === "" || nulls.has(trimmed) ? undefined : trimmed;
}
