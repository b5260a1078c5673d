/** The YAML document of a mapping: values by their nodes, and problems with line and place. Nothing of it becomes an object with a prototype. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
} from "yaml";
import { SwapstatsError } from "../../shared/errors.ts";
import { didYouMean } from "../../shared/nearest.ts";
import { printableCut, printableText } from "../../shared/printable-text.ts";
import { ALIASES_MAX, LIST_MAX, NODES_MAX, PROBLEMS_MAX } from "../limits.ts";

/** A value of the document. Its place is `swaps[0].side`. */
export type Value = { readonly node: unknown; readonly place: string };
/** An entry of a YAML mapping. */
export type Entry = Value & { readonly key: Scalar };

export class MappingDocument {
  readonly #name: string;
  readonly #document: Document.Parsed;
  readonly #lines = new LineCounter();
  readonly #problems: string[] = [];
  #problemCount = 0;
  readonly #targets = new Map<unknown, unknown>();
  #nodes = 0;

  /** Throws `bad_request` if the text is not YAML. */
  constructor(text: string, name: string) {
    this.#name = name;
    try {
      // Duplicate keys are found in `entries`: the library compares each key with all others. The cost of pretty errors is quadratic.
      const options = { lineCounter: this.#lines, version: "1.2", uniqueKeys: false, prettyErrors: false } as const;
      this.#document = parseDocument(text, { ...options, logLevel: "silent" });
    } catch {
      // The parser is recursive.
      throw this.#error(["  is nested too deeply"]);
    }
    for (const error of this.#document.errors.slice(0, PROBLEMS_MAX)) {
      const [why = ""] = error.message.split("\n");
      // The parser reports a stack that overflowed like an error of the text.
      const isDeep = why.includes("call stack");
      this.#add(error.pos[0], isDeep ? "is nested too deeply" : `is not valid YAML: ${printableText(why)}`);
    }
    this.finish();
  }

  get root(): Value {
    return { node: this.#resolve(this.#document.contents), place: "" };
  }

  /** Throws `bad_request` with all problems, if there are any. */
  finish(): void {
    if (this.#problemCount === 0) return;
    const rest = this.#problemCount - this.#problems.length;
    throw this.#error(rest > 0 ? [...this.#problems, `  and ${rest} more`] : this.#problems);
  }

  /** Adds a problem of the value, or of its entry if it has no node of its own. */
  problem(value: Value | Entry, message: string): void {
    const at = (value.node as Node | null)?.range?.[0] ?? ("key" in value ? value.key.range?.[0] : undefined);
    this.#add(at, value.place === "" ? message : `${value.place}: ${message}`);
  }

  /** Returns the entries of a mapping, or undefined after a problem that says what it `must` be. A key occurs once and is text. */
  entries(value: Value, must: string): Map<string, Entry> | undefined {
    if (!isMap(value.node)) {
      this.problem(value, `must be ${must}`);
      return undefined;
    }
    const entries = new Map<string, Entry>();
    for (const { key, value: child } of value.node.items) {
      if (!isScalar(key)) {
        this.problem(value, "has a key that is not text");
        continue;
      }
      const name = scalarText(key) ?? "";
      const place = value.place === "" ? printableCut(name) : `${value.place}.${printableCut(name)}`;
      const entry = { node: this.#resolve(child), key, place };
      if (entries.has(name)) this.problem({ node: key, place }, "occurs twice; keep one of them");
      else if (this.#isCounted(value)) entries.set(name, entry);
    }
    return entries;
  }

  /** Returns the elements of a list of `min` to `max` elements, or undefined after a problem. */
  list(value: Value, must: string, min = 1, max = LIST_MAX): Value[] | undefined {
    if (!isSeq(value.node)) {
      this.problem(value, `must be ${must}`);
      return undefined;
    }
    const { items } = value.node;
    if (items.length < min || items.length > max) {
      const range = min === max ? String(min) : `${min} to ${max}`;
      this.problem(value, `must have ${range} elements, and has ${items.length}`);
      return undefined;
    }
    const list: Value[] = [];
    for (const [index, item] of items.entries()) {
      if (this.#isCounted(value)) list.push({ node: this.#resolve(item), place: `${value.place}[${index}]` });
    }
    return list;
  }

  /** Adds a problem for each entry whose name is none of the known ones. */
  checkNames(entries: ReadonlyMap<string, Entry>, known: readonly string[], what: string): void {
    for (const [name, entry] of entries) {
      if (known.includes(name)) continue;
      this.problem({ node: entry.key, place: entry.place }, `is not ${what}${didYouMean(name, known)}`);
    }
  }

  #resolve(node: unknown): unknown {
    if (!isAlias(node)) return node;
    if (!this.#targets.has(node)) {
      if (this.#targets.size >= ALIASES_MAX) {
        this.#add(node.range?.[0], `has more than ${ALIASES_MAX} aliases; write the values out`);
        return null;
      }
      this.#targets.set(node, node.resolve(this.#document));
    }
    return this.#targets.get(node);
  }

  /** Returns false beyond NODES_MAX. The values of an alias are read again for each use, and can refer to themselves. */
  #isCounted(value: Value): boolean {
    if (this.#nodes === NODES_MAX)
      this.problem(value, `the mapping has more than ${NODES_MAX} values; aliases count at each use`);
    return this.#nodes++ < NODES_MAX;
  }

  #add(position: number | undefined, message: string): void {
    this.#problemCount++;
    if (this.#problems.length >= PROBLEMS_MAX) return;
    const line = position === undefined ? "" : `line ${this.#lines.linePos(position).line}: `;
    this.#problems.push(`  ${line}${printableCut(message, 300)}`);
  }

  #error(lines: readonly string[]): SwapstatsError {
    const message = `the mapping ${this.#name} cannot be used (docs/mapping.md describes it):\n${lines.join("\n")}`;
    return new SwapstatsError("bad_request", message);
  }
}

/** Returns the scalar as it is written: numbers keep all of their digits, and `True` its letters. Undefined for other values. */
export function scalarText(node: unknown): string | undefined {
  if (!isScalar(node)) return undefined;
  return typeof node.value === "string" ? node.value : (node.source ?? String(node.value ?? ""));
}

/** Returns the text of a YAML string. */
export function textOf(node: unknown): string | undefined {
  return isScalar(node) && typeof node.value === "string" ? node.value : undefined;
}

/** Returns the value of `true` or `false`. */
export function booleanOf(node: unknown): boolean | undefined {
  return isScalar(node) && typeof node.value === "boolean" ? node.value : undefined;
}
