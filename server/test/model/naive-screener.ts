/**
 * The naive model of the screener: a fold over all tokens, whose figures are the texts that responses have. Decimals are compared as exact
 * fractions.
 */
import type { ScreenerFilter, ScreenerLeaf, ScreenerQuery } from "@swapstats/protocol/screener/query.ts";

type Figures = Readonly<Record<string, unknown>> & { readonly previous?: Readonly<Record<string, unknown>> };

/** A token as `GET .../stats` serves it, with all windows. */
export type ServedToken = {
  readonly id: string;
  readonly symbol?: string;
  readonly first_seen?: number | undefined;
  readonly late: number;
  readonly removed: number;
  readonly windows: Readonly<Record<string, Figures>>;
};

type Fraction = { readonly digits: bigint; readonly places: number };

function fractionOf(text: string): Fraction {
  const [whole = "", fraction = ""] = text.split(".");
  return { digits: BigInt(whole + fraction), places: fraction.length };
}

function compareTexts(a: string, b: string): number {
  const [x, y] = [fractionOf(a), fractionOf(b)];
  const places = Math.max(x.places, y.places);
  const order = x.digits * 10n ** BigInt(places - x.places) - y.digits * 10n ** BigInt(places - y.places);
  return order < 0n ? -1 : order > 0n ? 1 : 0;
}

/** Returns the change in percent of the size of `before`, to 6 places half to even. */
function changeText(now: string, before: string): string | undefined {
  const [x, y] = [fractionOf(now), fractionOf(before)];
  const places = Math.max(x.places, y.places);
  const to = x.digits * 10n ** BigInt(places - x.places);
  const from = y.digits * 10n ** BigInt(places - y.places);
  if (from === 0n) return undefined;
  const size = from < 0n ? -from : from;
  const scaled = (to - from) * 100_000_000n;
  let quotient = scaled / size;
  let rest = scaled % size;
  if (rest < 0n) {
    quotient -= 1n;
    rest += size;
  }
  const isUp = 2n * rest > size || (2n * rest === size && quotient % 2n !== 0n);
  const rounded = isUp ? quotient + 1n : quotient;
  const digits = String(rounded < 0n ? -rounded : rounded).padStart(7, "0");
  const text = `${digits.slice(0, -6)}.${digits.slice(-6)}`.replace(/\.?0+$/, "");
  return rounded < 0n ? `-${text}` : text;
}

const shown = (value: unknown): string | undefined =>
  value === undefined ? undefined : typeof value === "boolean" ? String(Number(value)) : String(value);

/** Returns the text of a field; undefined: the token has no such figure. */
export function screenedText(token: ServedToken, field: string, window: string | undefined): string | undefined {
  if (window === undefined) {
    if (field === "chain_id") return token.id.split(":")[0];
    if (field === "token") return token.id.slice(token.id.indexOf(":") + 1);
    return shown(token[field as "late"]);
  }
  const figures = token.windows[window] as Figures;
  if (field.startsWith("previous.")) return shown(figures.previous?.[field.slice("previous.".length)]);
  if (!field.startsWith("change.")) return shown(figures[field]);
  const name = field.slice("change.".length);
  const before = shown(figures.previous?.[name]);
  return before === undefined ? undefined : changeText(shown(figures[name]) as string, before);
}

function holds({ field, window, op, values }: ScreenerLeaf, token: ServedToken): boolean {
  const value = screenedText(token, field, window);
  if (value === undefined) return false;
  const [first = "", second = ""] = values;
  if (field === "token" || field === "symbol") {
    const isSame = (wanted: string): boolean =>
      value === wanted || (field === "token" && /^[0-9]+:/.test(wanted) && token.id === wanted);
    if (op === "contains") return value.toLowerCase().includes(first.toLowerCase());
    if (op === "prefix") return value.toLowerCase().startsWith(first.toLowerCase());
    if (op === "ne") return !isSame(first);
    return values.some(isSame);
  }
  const order = compareTexts(value, first);
  switch (op) {
    case "gt":
      return order > 0;
    case "gte":
      return order >= 0;
    case "lt":
      return order < 0;
    case "lte":
      return order <= 0;
    case "eq":
      return order === 0;
    case "ne":
      return order !== 0;
    case "between":
      return order >= 0 && compareTexts(value, second) <= 0;
    default:
      return values.some((wanted) => compareTexts(value, wanted) === 0);
  }
}

function matches(filter: ScreenerFilter, token: ServedToken): boolean {
  if ("and" in filter) return filter.and.every((part) => matches(part, token));
  if ("or" in filter) return filter.or.some((part) => matches(part, token));
  if ("not" in filter) return !matches(filter.not, token);
  return holds(filter, token);
}

/** Returns every match in order. */
export function naiveScreen(
  query: Pick<ScreenerQuery, "filter" | "sort">,
  tokens: readonly ServedToken[],
): ServedToken[] {
  const found = tokens.filter((token) => query.filter === undefined || matches(query.filter, token));
  return found.sort((a, b) => {
    for (const { field, window, order } of query.sort) {
      const [x, y] = [screenedText(a, field, window), screenedText(b, field, window)];
      if (x === y) continue;
      if (x === undefined || y === undefined) return x === undefined ? 1 : -1;
      const isText = field === "token" || field === "symbol";
      const byValue = isText ? (x < y ? -1 : 1) : compareTexts(x, y);
      if (byValue !== 0) return order === "desc" ? -byValue : byValue;
    }
    return a.id < b.id ? -1 : 1;
  });
}
