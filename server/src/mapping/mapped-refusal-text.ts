/** Explains why an event that a mapping made was refused: the place in the mapping, its references, and the value. */
import type { DeadLetterCode } from "../codecs/dead-letter-codes.ts";
import { FIELDS_OF, REQUIRED_FIELDS, refusalText } from "../codecs/refusal-text.ts";
import { printableCut } from "../shared/printable-text.ts";
import type { Condition, Expression, FieldMapping, Mapping, SwapMapping } from "./language.ts";
import type { MappedEvents } from "./mapper.ts";

/** References that a message lists. */
const REFERENCES_SHOWN = 4;

/** Returns the sentence for event `index`, which the decoder refused with this code. */
export function mappedRefusalText(code: DeadLetterCode, mapping: Mapping, events: MappedEvents, index: number): string {
  const start = index === 0 ? 0 : events.ends[index - 1]!;
  const end = events.ends[index]!;
  const entry = events.swapIndexes[index]!;
  const swap = mapping.swaps[entry]!;
  const place = `swaps[${entry}]`;
  if (code === "missing_field") return missing(mapping, swap, place, membersOf(events.bytes, start, end));
  const text = refusalText(code, events.bytes, start, end);
  const field = fieldOf(code, swap, membersOf(events.bytes, start, end));
  if (field === undefined) return `${place}: ${text}`;
  const from = `${field.place}${fromText(field, mapping)}`;
  return text.startsWith(`${field.name} is `) ? `${from}${text.slice(field.name.length)}` : `${from}: ${text}`;
}

/** Returns the names of the members that have a value. The mapper wrote the event, so it is JSON. */
function membersOf(bytes: Uint8Array, start: number, end: number): ReadonlySet<string> {
  const event = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8")) as object;
  return new Set(Object.entries(event).flatMap(([name, value]) => (value === "" || value === null ? [] : [name])));
}

/** Returns the field that the decoder took for the code: the first of the names that has a value. */
function fieldOf(code: DeadLetterCode, swap: SwapMapping, members: ReadonlySet<string>): FieldMapping | undefined {
  const name = (FIELDS_OF[code] ?? []).find((candidate) => members.has(candidate));
  return swap.fields.find((field) => field.name === name);
}

function missing(mapping: Mapping, swap: SwapMapping, place: string, members: ReadonlySet<string>): string {
  const said = REQUIRED_FIELDS.filter((names) => !names.some((name) => members.has(name))).map((names) => {
    const fields = swap.fields.filter((field) => names.includes(field.name));
    if (fields.length === 0) return `${place} has no ${names.join(" or ")}`;
    return fields.map((field) => `${field.place}${fromText(field, mapping)} is absent`).join(", ");
  });
  return `${said.length === 1 ? "a required field is" : "required fields are"} missing: ${said.join("; ")}`;
}

/** ` from `type`` with the references of the field. */
function fromText({ expression }: FieldMapping, mapping: Mapping): string {
  const indexes = [...new Set(referencesOf(expression))];
  if (indexes.length === 0) return "";
  const names = indexes
    .slice(0, REFERENCES_SHOWN)
    .map((index) => `\`${printableCut(mapping.references[index]?.name ?? "")}\``);
  return ` from ${names.join(", ")}${indexes.length > REFERENCES_SHOWN ? ", ..." : ""}`;
}

function referencesOf({ source, scale }: Expression): number[] {
  const ofScale = scale?.of === "reference" ? [scale.reference] : [];
  switch (source.kind) {
    case "reference":
      return [source.reference, ...ofScale];
    case "constant":
      return ofScale;
    case "subtract":
    case "divide":
      return [...referencesOf(source.left), ...referencesOf(source.right), ...ofScale];
    case "sign":
      return [...referencesOf(source.of), ...ofScale];
    case "choose": {
      const cases = source.cases.flatMap(({ when, result }) => [
        ...referencesOfCondition(when),
        ...referencesOf(result),
      ]);
      return [...cases, ...(source.otherwise === undefined ? [] : referencesOf(source.otherwise)), ...ofScale];
    }
    default:
      return [...source.of.flatMap(referencesOf), ...ofScale];
  }
}

function referencesOfCondition(condition: Condition): number[] {
  switch (condition.kind) {
    case "all":
    case "any":
      return condition.of.flatMap(referencesOfCondition);
    case "not":
      return referencesOfCondition(condition.of);
    default:
      return [condition.reference];
  }
}
