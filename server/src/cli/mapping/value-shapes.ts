/** What the values of a member look like: times and their unit, sides, amounts and their spelling, addresses, hashes. */

export type Scalar = { readonly text: string; readonly kind: "text" | "number" | "boolean" };

const BUY_WORDS = ["buy", "b", "bid", "bought", "long"];
const SELL_WORDS = ["sell", "s", "a", "ask", "sold", "short"];
const INSERT_WORDS = [
  "insert",
  "inserted",
  "create",
  "created",
  "upsert",
  "update",
  "updated",
  "new",
  "i",
  "u",
  "c",
  "r",
];
const DELETE_WORDS = ["delete", "deleted", "remove", "removed", "revert", "reverted", "undo", "d"];
const TRUE_WORDS = ["true", "t", "1", "yes"];
const FALSE_WORDS = ["false", "f", "0", "no"];

export const CHAIN_IDS: Readonly<Record<string, number>> = {
  ethereum: 1,
  eth: 1,
  mainnet: 1,
  optimism: 10,
  bnb: 56,
  bsc: 56,
  polygon: 137,
  polygon_pos: 137,
  matic: 137,
  base: 8453,
  arbitrum: 42161,
  "arbitrum-one": 42161,
  avalanche: 43114,
  avalanche_c: 43114,
  avax: 43114,
  solana: 101,
};

/** Returns the table from values to `buy` and `sell` where they are not these already. Undefined: the values are no sides. */
export function sideTable(values: readonly Scalar[], words: readonly string[]): Record<string, string> | undefined {
  const distinct = distinctOf(values);
  const name = words.join("_");
  if (distinct.length === 0) return undefined;
  if (distinct.every((text) => isWord(text, TRUE_WORDS) || isWord(text, FALSE_WORDS))) {
    // Of an order book: when the buyer was the maker, the taker sold.
    const isMaker = /(buyer_is_maker|is_buyer_maker|(^|_)m)$/.test(name);
    if (!isMaker && !/buy/i.test(name)) return undefined;
    return Object.fromEntries(distinct.map((text) => [text, isWord(text, TRUE_WORDS) === isMaker ? "sell" : "buy"]));
  }
  if (/(^|_)(side|dir|direction)$/.test(name) && distinct.every((text) => text === "1" || text === "-1")) {
    return Object.fromEntries(distinct.map((text) => [text, text === "1" ? "buy" : "sell"]));
  }
  const table: Record<string, string> = {};
  for (const text of distinct) {
    if (isWord(text, BUY_WORDS)) table[text] = "buy";
    else if (isWord(text, SELL_WORDS)) table[text] = "sell";
  }
  // Other values are no trades, such as `Mint`.
  return Object.keys(table).length * 2 >= distinct.length && Object.keys(table).length > 0 ? table : undefined;
}

/** Returns the table from values to true and false. Undefined: the values say nothing about removal. */
export function removedTable(values: readonly Scalar[]): Record<string, boolean> | undefined {
  const distinct = distinctOf(values);
  const table: Record<string, boolean> = {};
  for (const text of distinct) {
    if (isWord(text, DELETE_WORDS) || isWord(text, TRUE_WORDS)) table[text] = true;
    else if (isWord(text, INSERT_WORDS) || isWord(text, FALSE_WORDS)) table[text] = false;
    else return undefined;
  }
  return distinct.length === 0 ? undefined : table;
}

/** Whether values of a removal are read without a table. */
export function isPlainBoolean(values: readonly Scalar[]): boolean {
  return distinctOf(values).every((text) => isWord(text, TRUE_WORDS) || isWord(text, FALSE_WORDS));
}

type TimeShape =
  | { readonly kind: "plain" }
  | { readonly kind: "form"; readonly form: string }
  | { readonly kind: "pattern"; readonly pattern: string }
  /** Seconds and other forms occur together. */
  | { readonly kind: "mixed" };

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/^\d{4}\/\d{2}\/\d{2} \d{2}:\d{2}:\d{2}$/, "yyyy/MM/dd HH:mm:ss"],
  [/^\d{2}\.\d{2}\.\d{4} \d{2}:\d{2}:\d{2}$/, "dd.MM.yyyy HH:mm:ss"],
  [/^\d{2}\.\d{2}\.\d{4} \d{2}:\d{2}:\d{2}\.\d{3}$/, "dd.MM.yyyy HH:mm:ss.SSS"],
  [/^\d{2}\/\d{2}\/\d{4} \d{2}:\d{2}:\d{2}$/, "MM/dd/yyyy HH:mm:ss"],
  [/^\d{4}-\d{2}-\d{2}$/, "yyyy-MM-dd"],
];

/** Returns how the values are read as times. Undefined: they are no times. */
export function timeShape(values: readonly Scalar[]): TimeShape | undefined {
  const shapes = new Set(distinctOf(values).map(timeOf));
  if (shapes.size === 0 || shapes.has(undefined)) return undefined;
  if (shapes.size === 1) {
    const [shape] = shapes as Set<string>;
    if (shape === "plain") return { kind: "plain" };
    return /[yM]/.test(shape as string)
      ? { kind: "pattern", pattern: shape as string }
      : { kind: "form", form: shape as string };
  }
  return shapes.size === 2 && shapes.has("seconds") && shapes.has("plain") ? { kind: "mixed" } : undefined;
}

function timeOf(text: string): string | undefined {
  if (/^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/.test(text)) return "plain";
  if (/^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d+)? ?(UTC|GMT|Z|\+00(:?00)?)?$/.test(text)) return "utc";
  const pattern = PATTERNS.find(([shape]) => shape.test(text))?.[1];
  if (pattern !== undefined) return pattern;
  if (!/^\d+(\.\d+)?$/.test(text)) return undefined;
  const value = Number(text);
  if (value < 1e8) return undefined;
  if (value < 1e11) return "seconds";
  if (value < 1e14) return "plain";
  return value < 1e17 ? "microseconds" : "nanoseconds";
}

type AmountShape = {
  readonly isSigned: boolean;
  /** Digits of the longest integer, if all values are integers. */
  readonly integerDigits: number | undefined;
  readonly hasComma: boolean;
};

/** Returns undefined when a value is no number. */
export function amountShape(values: readonly Scalar[]): AmountShape | undefined {
  const distinct = distinctOf(values);
  if (distinct.length === 0) return undefined;
  const hasComma = distinct.some((text) => /^-?[0-9.' ]*[0-9],[0-9]+$/.test(text));
  const plain = hasComma ? distinct.map((text) => text.replaceAll(/[.' ]/g, "").replace(",", ".")) : distinct;
  if (!plain.every((text) => /^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$/.test(text))) return undefined;
  const areIntegers = plain.every((text) => /^-?[0-9]+$/.test(text));
  return {
    isSigned: plain.some((text) => text.startsWith("-")),
    integerDigits: areIntegers ? Math.max(...plain.map((text) => text.replace("-", "").length)) : undefined,
    hasComma,
  };
}

export function isInteger(values: readonly Scalar[]): boolean {
  const distinct = distinctOf(values);
  return distinct.length > 0 && distinct.every((text) => /^([0-9]{1,16}|0x[0-9a-fA-F]{1,13})$/.test(text));
}

/** An address, a hash, a signature or another name without spaces. */
export function isName(values: readonly Scalar[]): boolean {
  const distinct = distinctOf(values);
  return distinct.length > 0 && distinct.every((text) => text.length <= 128 && !/\s/.test(text));
}

export function isAddress(values: readonly Scalar[]): boolean {
  const distinct = distinctOf(values);
  return (
    distinct.length > 0 &&
    distinct.every((text) => /^0x[0-9a-fA-F]{1,64}(::\w+)*$/.test(text) || /^[1-9A-HJ-NP-Za-km-z]{32,44}$/.test(text))
  );
}

export function isHash(values: readonly Scalar[]): boolean {
  const distinct = distinctOf(values);
  return (
    distinct.length > 0 &&
    distinct.every((text) => /^(0x)?[0-9a-fA-F]{64}$/.test(text) || /^[1-9A-HJ-NP-Za-km-z]{43,90}$/.test(text))
  );
}

export function distinctOf(values: readonly Scalar[]): string[] {
  return [...new Set(values.map(({ text }) => text.trim()))];
}

function isWord(text: string, words: readonly string[]): boolean {
  return words.includes(text.toLowerCase());
}
