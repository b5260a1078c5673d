/** Random JSON records that a producer could write: one shape with changing values, and shapes that break the rules of good style. */
import type { Random } from "../../support/seed.ts";

const NAMES = [
  "a",
  "b",
  "c",
  "a.b",
  "A",
  "B",
  "Token",
  "token",
  "TOKEN",
  "list",
  "a_long_name_of_a_member",
  "__proto__",
  "ä",
  "",
];
const STRINGS = [
  "",
  "x",
  "buy",
  "0x12ab34cd56ef",
  "ümlaut",
  'quo"te',
  "back\\slash",
  "\u0000",
  "😀",
  "1.5",
  "a\nb",
  "null",
  " padded ",
];
const NUMBERS = [
  "0",
  "-0",
  "7",
  "12345678901234567890",
  "0.1",
  "1.25",
  "-3.75",
  "1e5",
  "1.5E-7",
  "100",
  "0.000000000000000001",
  "42e0",
];
const SPACES = ["", "", "", " ", "\n  ", "\t", " \r\n"];

type Shape =
  | { readonly kind: "leaf" }
  | { readonly kind: "object"; readonly members: readonly (readonly [name: string, value: Shape])[] }
  | { readonly kind: "array"; readonly items: readonly Shape[] };

export function randomShape(random: Random, depth: number): Shape {
  const kind = depth === 0 ? 0 : random.below(5);
  if (kind <= 1) return { kind: "leaf" };
  if (kind === 2)
    return { kind: "array", items: Array.from({ length: random.below(4) }, () => randomShape(random, depth - 1)) };
  return randomObject(random, depth);
}

export function randomObject(random: Random, depth: number): Shape {
  const members = Array.from(
    { length: random.below(8) },
    () => [random.pick(NAMES), randomShape(random, depth - 1)] as const,
  );
  return { kind: "object", members };
}

/** Style of a producer: white space behind a brace or comma, and behind a colon. */
type Style = { readonly gap: string; readonly colon: string };

export function randomStyle(random: Random): Style {
  return { gap: random.pick(SPACES), colon: random.pick(SPACES) };
}

export function writeShape(random: Random, shape: Shape, style: Style): string {
  if (shape.kind === "leaf" || random.chance(0.04)) return leaf(random);
  const gap = (): string => (random.chance(0.02) ? random.pick(SPACES) : style.gap);
  const parts =
    shape.kind === "array"
      ? shape.items.map((item) => writeShape(random, item, style))
      : shape.members
          .filter(() => !random.chance(0.05))
          .map(([name, value]) => `${quoted(random, name)}${gap()}:${style.colon}${writeShape(random, value, style)}`);
  const inside = parts.map((part) => `${gap()}${part}`).join(`${gap()},`);
  return shape.kind === "array" ? `[${inside}${gap()}]` : `{${inside}${gap()}}`;
}

function leaf(random: Random): string {
  const kind = random.below(8);
  if (kind === 0) return "null";
  if (kind === 1) return random.pick(["true", "false"]);
  if (kind === 2) return random.pick(["{}", "[]", '{"a":1}', "[1,[2]]"]);
  return kind <= 5 ? quoted(random, random.pick(STRINGS)) : random.pick(NUMBERS);
}

/** A string as JSON, at times with escapes that it does not need. */
function quoted(random: Random, text: string): string {
  if (!random.chance(0.05)) return JSON.stringify(text);
  const units = Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, "0")}`);
  return `"${units.join("")}"`;
}
