/** Keys that name a place in a JSON text, such as `$.data.next`. */
import type { StructureRead } from "../../key.ts";

export type JsonPath = readonly (string | number)[];

const STEPS_MAX = 16;
const CHARS_MAX = 512;
const STEP = /\.([^.[\]'"*\s]+)|\[([0-9]{1,6})\]|\['([^'\\]+)'\]|\["([^"\\]+)"\]/y;

/** `[*]` at the end, for all elements of a list, is understood where a list is meant. */
export const JSON_PATH = { type: "structure", read: readPath, show: pathText } as const;

function readPath(raw: unknown): StructureRead<JsonPath> {
  const problem = `is no path; write one such as $.data.next, of at most ${STEPS_MAX} steps`;
  if (typeof raw !== "string" || raw.length > CHARS_MAX || !raw.startsWith("$")) return { problem };
  const text = raw.replace(/\[\*\]$/, "");
  const steps: (string | number)[] = [];
  STEP.lastIndex = 1;
  while (STEP.lastIndex < text.length) {
    const match = STEP.exec(text);
    if (match === null) return { problem };
    const [, name, index, single, double] = match;
    steps.push(index === undefined ? (name ?? single ?? double ?? "") : Number(index));
  }
  return steps.length > STEPS_MAX ? { problem } : { value: steps };
}

function pathText(steps: JsonPath): string {
  return `$${steps.map((step) => (typeof step === "number" ? `[${step}]` : `['${step}']`)).join("")}`;
}
