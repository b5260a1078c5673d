/** A value as formatted JSON, in lines, with the places marked that differ from the value before. */
import type { Json, JsonObject } from "@swapstats/client";
import { escapeUnseen } from "./unseen.ts";

type Mark = "changed" | "added" | "removed";

export type JsonLine = {
  readonly depth: number;
  /** Name of the member, as JSON. Undefined within an array, and at the end of an object. */
  readonly key?: string;
  /** The value, or its opening or closing bracket, with the comma behind it. */
  readonly text: string;
  readonly mark?: Mark;
  /** The value before, as JSON. */
  readonly was?: string;
};

/** Lines that are made at most. */
export const LINES_MAX = 20_000;
/** Characters of a text that are shown. */
const TEXT_CHARS_MAX = 2_000;

function shown(value: Json): string {
  const text = JSON.stringify(value);
  const cut = text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text;
  return escapeUnseen(cut);
}

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);
const memberOf = (object: JsonObject, key: string): Json | undefined =>
  Object.hasOwn(object, key) ? object[key] : undefined;

type Options = {
  /** The value before. Undefined: nothing is marked. */
  readonly before?: Json | undefined;
  /** Whether the value is a merge patch over `before`: null removes a member, and a member that is absent did not change. */
  readonly isPatch?: boolean;
  /** Whether lines that did not change are left out, apart from the objects around a change. */
  readonly onlyChanges?: boolean;
};

/** Returns at most `LINES_MAX` lines and one that says how many are left out. */
export function jsonLines(value: Json, { before, isPatch = false, onlyChanges = false }: Options = {}): JsonLine[] {
  const writer = new LineWriter(isPatch, onlyChanges && before !== undefined);
  writer.value(0, undefined, value, before, before !== undefined, "");
  return writer.finish();
}

class LineWriter {
  readonly #lines: JsonLine[] = [];
  readonly #isPatch: boolean;
  readonly #onlyChanges: boolean;
  #leftOut = 0;

  constructor(isPatch: boolean, onlyChanges: boolean) {
    this.#isPatch = isPatch;
    this.#onlyChanges = onlyChanges;
  }

  finish(): JsonLine[] {
    if (this.#leftOut > 0) this.#lines.push({ depth: 0, text: `… ${this.#leftOut} more lines` });
    return this.#lines;
  }

  #push(line: JsonLine): void {
    if (this.#lines.length < LINES_MAX) this.#lines.push(line);
    else this.#leftOut += 1;
  }

  /** `isCompared`: there is a value to compare with, which may be that the member did not exist. */
  value(
    depth: number,
    key: string | undefined,
    value: Json,
    before: Json | undefined,
    isCompared: boolean,
    comma: string,
  ): void {
    const name = key === undefined ? {} : { key: shown(key) };
    if (this.#onlyChanges && isCompared && before === value) return;
    if (isObject(value)) this.#members(depth, name, value, before, isCompared, comma);
    else if (isList(value) && value.length > 0) this.#items(depth, name, value, before, isCompared, comma);
    else this.#leaf(depth, name, value, before, isCompared, comma);
  }

  #leaf(depth: number, name: object, value: Json, before: Json | undefined, isCompared: boolean, comma: string): void {
    const text = isList(value) ? "[]" : shown(value);
    const mark = isCompared ? this.#markOf(value, before) : undefined;
    if (this.#onlyChanges && mark === undefined) return;
    const was = mark === undefined || before === undefined ? {} : { was: brief(before) };
    this.#push({ depth, ...name, text: text + comma, ...(mark === undefined ? {} : { mark }), ...was });
  }

  #markOf(value: Json, before: Json | undefined): Mark | undefined {
    if (this.#isPatch && value === null) return "removed";
    if (before === undefined) return "added";
    return sameJson(value, before) ? undefined : "changed";
  }

  #members(
    depth: number,
    name: object,
    value: JsonObject,
    before: Json | undefined,
    isCompared: boolean,
    comma: string,
  ): void {
    const old = isObject(before) ? before : undefined;
    const keys = Object.keys(value);
    const gone =
      isCompared && !this.#isPatch && old !== undefined
        ? Object.keys(old).filter((key) => !Object.hasOwn(value, key))
        : [];
    const mark = isCompared && before === undefined && depth > 0 ? ({ mark: "added" } as const) : {};
    if (keys.length === 0 && gone.length === 0) {
      if (!this.#onlyChanges || isCompared === false || before === undefined)
        this.#push({ depth, ...name, text: `{}${comma}`, ...mark });
      return;
    }
    const at = this.#lines.length;
    this.#push({ depth, ...name, text: "{", ...mark });
    for (const [i, key] of keys.entries()) {
      const inner = old === undefined ? undefined : memberOf(old, key);
      this.value(depth + 1, key, value[key] as Json, inner, isCompared, i === keys.length - 1 ? "" : ",");
    }
    for (const key of gone) {
      const text = brief(memberOf(old as JsonObject, key) as Json);
      this.#push({ depth: depth + 1, key: shown(key), text, mark: "removed" });
    }
    this.#close(at, depth, `}${comma}`);
  }

  /** Items of an array are compared by their places: merge patches replace arrays whole. */
  #items(
    depth: number,
    name: object,
    value: readonly Json[],
    before: Json | undefined,
    isCompared: boolean,
    comma: string,
  ): void {
    const old = isList(before) ? before : undefined;
    const at = this.#lines.length;
    this.#push({ depth, ...name, text: "[" });
    for (const [i, item] of value.entries()) {
      this.value(depth + 1, undefined, item, old?.[i], isCompared, i === value.length - 1 ? "" : ",");
    }
    this.#close(at, depth, `]${comma}`);
  }

  /** Writes the closing bracket, or takes the opening one back if nothing is between them. */
  #close(at: number, depth: number, text: string): void {
    if (this.#onlyChanges && this.#lines.length === at + 1) this.#lines.pop();
    else this.#push({ depth, text });
  }
}

/** A value in one line. */
function brief(value: Json): string {
  if (isObject(value)) return Object.keys(value).length === 0 ? "{}" : "{…}";
  if (isList(value)) return value.length === 0 ? "[]" : `[… ${value.length}]`;
  return shown(value);
}

function sameJson(a: Json, b: Json): boolean {
  if (a === b) return true;
  return isList(a) && isList(b) ? a.length === b.length && a.every((item, i) => sameJson(item, b[i] as Json)) : false;
}
