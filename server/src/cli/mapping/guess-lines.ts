/** Writes the lines of a guessed mapping: expressions in YAML, with a note where the guess is unsure. */
import type { Leaf } from "./leaves.ts";
import {
  amountShape,
  CHAIN_IDS,
  distinctOf,
  isPlainBoolean,
  removedTable,
  sideTable,
  timeShape,
} from "./value-shapes.ts";

/** Integers of this many digits are amounts in base units. */
const RAW_DIGITS_MIN = 16;
const DECIMALS_USUAL = 18;

export type Line = {
  readonly field: string;
  /** Expression in YAML. */
  readonly text: string;
  /** Why a person should check the line. */
  readonly note?: string | undefined;
};

/** A table of texts in a mapping. */
type Table = Readonly<Record<string, string | number | boolean>>;

/** Returns a text as a YAML scalar. */
export function yamlText(text: string): string {
  const isPlain =
    /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n|\.inf|\.nan)$/i.test(text);
  return isPlain ? text : JSON.stringify(text);
}

/** Returns a condition as a YAML scalar. Undefined: the name cannot stand in a condition. */
export function conditionOf(reference: string, comparison: string): string | undefined {
  if (!/^[^=<>!'"[\]\s]+( [^=<>!'"[\]\s]+)*$/.test(reference) || / (in|not|exists|missing)\b/.test(reference)) {
    return undefined;
  }
  const text = `${reference} ${comparison}`;
  return /^[A-Za-z_][\w.]* (==|<) [\w.]+$/.test(text) ? text : JSON.stringify(text);
}

/** Returns a text as the literal of a condition. */
export function literalOf(text: string): string {
  return /^[^\s'",[\]][^'",[\]]*$/.test(text) ? text : `'${text.replaceAll("'", "''")}'`;
}

/** Returns an expression of the member, with modifiers such as `abs: true`. */
export function expressionOf(leaf: Leaf, modifiers: readonly string[] = []): string {
  const names = [leaf.reference, ...spellingsOf(leaf)].map(yamlText);
  if (names.length === 1 && modifiers.length === 0) return names[0] as string;
  const source = names.length === 1 ? `path: ${names[0]}` : `first: [${names.join(", ")}]`;
  return `{ ${[source, ...modifiers].join(", ")} }`;
}

/** Returns the other names of the member that differ in more than case. */
export function spellingsOf({ reference, others }: Leaf): string[] {
  const known = new Set([reference.toLowerCase()]);
  return others.filter((other) => {
    const isNew = !known.has(other.toLowerCase());
    known.add(other.toLowerCase());
    return isNew;
  });
}

function tableOf(table: Table): string {
  const entries = Object.entries(table).map(
    ([from, to]) => `${yamlText(from)}: ${typeof to === "string" ? yamlText(to) : to}`,
  );
  return `values: { ${entries.join(", ")} }`;
}

export function chainLine(leaf: Leaf | undefined): Line {
  if (leaf === undefined) {
    return { field: "chain_id", text: "1", note: "the records name no chain: write the number of yours" };
  }
  const names = distinctOf(leaf.values).filter((text) => !/^[0-9]+$/.test(text));
  if (names.length === 0) return { field: "chain_id", text: expressionOf(leaf) };
  const known = names.filter((name) => Object.hasOwn(CHAIN_IDS, name.toLowerCase()));
  const table = Object.fromEntries(known.map((name) => [name, CHAIN_IDS[name.toLowerCase()] as number]));
  const unknown = names.filter((name) => !known.includes(name));
  const note =
    unknown.length === 0 ? "add the other chains of your feed" : `add the numbers of ${unknown.slice(0, 5).join(", ")}`;
  return { field: "chain_id", text: expressionOf(leaf, known.length === 0 ? [] : [tableOf(table)]), note };
}

export function sideLine(leaf: Leaf): Line {
  const found = sideTable(leaf.values, leaf.words) ?? {};
  const isLower = Object.entries(found).every(([from, to]) => from.toLowerCase() === to);
  if (isLower) {
    const isPlain = Object.entries(found).every(([from, to]) => from === to);
    return { field: "side", text: expressionOf(leaf, isPlain ? [] : ["lower: true"]) };
  }
  const changed = Object.fromEntries(Object.entries(found).filter(([from, to]) => from !== to));
  const isMaker = leaf.words.includes("maker") || leaf.words.at(-1) === "m";
  const note = isMaker
    ? "true is taken for: the buyer was the maker, so the taker sold"
    : Object.keys(found).every((text) => text.length > 1) && !("0" in found)
      ? undefined
      : "check which value stands for buy";
  return { field: "side", text: expressionOf(leaf, [tableOf(changed)]), note };
}

/** Returns the words of the member that stand for a buy. */
export function buyWords(leaf: Leaf): string[] {
  const found = sideTable(leaf.values, leaf.words) ?? {};
  return Object.keys(found).filter((text) => found[text] === "buy");
}

/** Returns the modifiers of an amount, and why they are unsure. */
export function amountModifiers(leaf: Leaf, leaves: readonly Leaf[]): { modifiers: string[]; note?: string } {
  const shape = amountShape(leaf.values);
  if (shape === undefined) return { modifiers: [] };
  const modifiers = shape.isSigned ? ["abs: true"] : [];
  if (shape.integerDigits === undefined || shape.integerDigits < RAW_DIGITS_MIN) return { modifiers };
  const decimals = decimalsFor(leaf, leaves);
  if (decimals !== undefined) return { modifiers: [`scale: ${yamlText(decimals.reference)}`, ...modifiers] };
  return {
    modifiers: [`scale: ${DECIMALS_USUAL}`, ...modifiers],
    note: `the amounts look like base units: write the decimals of the token`,
  };
}

/** Returns the member with the decimals: the one that shares most of its path with the amount. */
function decimalsFor(amount: Leaf, leaves: readonly Leaf[]): Leaf | undefined {
  let found: Leaf | undefined;
  let most = -1;
  for (const leaf of leaves) {
    if (leaf.words.at(-1) !== "decimals" || leaf.values.length === 0) continue;
    const shared = leaf.words.filter((word) => amount.words.includes(word)).length;
    if (shared <= most) continue;
    found = leaf;
    most = shared;
  }
  return found;
}

export function amountLine(field: string, leaf: Leaf, leaves: readonly Leaf[]): Line {
  const { modifiers, note } = amountModifiers(leaf, leaves);
  return { field, text: expressionOf(leaf, modifiers), note };
}

/** `second`: another time for elements without the first. */
export function timeLine(leaf: Leaf, second: Leaf | undefined): Line {
  const shape = timeShape(leaf.values);
  if (shape?.kind === "form") return { field: "event_time", text: expressionOf(leaf, [`time: ${shape.form}`]) };
  if (shape?.kind === "pattern") {
    const note = "the zone is taken for UTC, and the order of day and month is a guess";
    return { field: "event_time", text: expressionOf(leaf, [`time: ${yamlText(shape.pattern)}`]), note };
  }
  if (shape?.kind === "mixed") {
    const cases = [leaf.reference, ...spellingsOf(leaf)].flatMap((name) => {
      const when = conditionOf(name, "< 100000000000");
      return when === undefined ? [] : [`{ when: ${when}, then: { path: ${yamlText(name)}, time: seconds } }`];
    });
    return { field: "event_time", text: `{ choose: [${cases.join(", ")}, { else: ${expressionOf(leaf)} }] }` };
  }
  if (second === undefined || spellingsOf(leaf).length > 0) return { field: "event_time", text: expressionOf(leaf) };
  return { field: "event_time", text: `{ first: [${yamlText(leaf.reference)}, ${yamlText(second.reference)}] }` };
}

export function removedLine(leaf: Leaf): Line {
  if (isPlainBoolean(leaf.values)) return { field: "removed", text: expressionOf(leaf) };
  const table = removedTable(leaf.values) ?? {};
  const note = Object.values(table).includes(true) ? undefined : "add the value that stands for a removal: true";
  return { field: "removed", text: expressionOf(leaf, [tableOf(table)]), note };
}
