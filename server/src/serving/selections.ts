/**
 * Parses the texts `windows=` and `fields=` into selections. Equal selections are the same object, whatever the order and
 * repetition in the texts, so that the owner of the figures may key its cached responses by identity.
 */
import { edgeFields, type StatsField, statsFields } from "@swapstats/protocol/figures.ts";
import { LRUCache } from "lru-cache";
import type { Selection } from "../ports/stats-bus.ts";
import { didYouMean } from "../shared/nearest.ts";
import { printableCut } from "../shared/printable-text.ts";
import { ProblemError } from "./problems.ts";

/** Texts and selections that are remembered; at the limit the one that was used least recently is forgotten. */
export const SELECTIONS_MAX = 2_048;

export type NamedSelection = Selection & {
  /** The same for equal selections; part of the ETag. Letters, digits, `_`, `+` and `:` only. */
  readonly tag: string;
};

export class Selections {
  readonly #windows: readonly string[];
  readonly #byText = new LRUCache<string, NamedSelection>({ max: SELECTIONS_MAX });
  readonly #byTag = new LRUCache<string, NamedSelection>({ max: SELECTIONS_MAX });

  /** @param windows names of the configured windows, in their order */
  constructor(windows: readonly string[]) {
    this.#windows = windows;
  }

  /**
   * Absent or empty texts select all windows and all fields. Throws ProblemError `invalid_parameters` with every name that does not
   * exist.
   */
  parse(windowsText: string | undefined, fieldsText: string | undefined): NamedSelection {
    const key = fieldsText === undefined ? (windowsText ?? "") : `${windowsText ?? ""}&${fieldsText}`;
    const known = this.#byText.get(key);
    if (known !== undefined) return known;
    const selection = this.of(split(windowsText), split(fieldsText));
    this.#byText.set(key, selection);
    return selection;
  }

  /**
   * Returns the selection of the rows of a ranking by `window`: the figures of that window, or of the given windows and that one. The texts are those of
   * `parse`.
   */
  ofRows(window: string, windowsText: string | undefined, fieldsText: string | undefined): NamedSelection {
    const names = split(windowsText);
    const selection = this.of(names.length === 0 ? [window] : [window, ...names], split(fieldsText));
    return names.length === 0 ? { ...selection, windows: [] } : { ...selection, tag: `+${selection.tag}` };
  }

  /** The same from lists of names. */
  of(windowNames: readonly string[], fieldNames: readonly string[]): NamedSelection {
    const unknownWindows = windowNames.filter((name) => !this.#windows.includes(name));
    const unknownFields = fieldNames.filter((name) => !statsFields.includes(name as StatsField));
    if (unknownWindows.length > 0 || unknownFields.length > 0) throw this.#unknownNames(unknownWindows, unknownFields);

    const windows =
      windowNames.length === 0 ? this.#windows : this.#windows.filter((name) => windowNames.includes(name));
    const wanted = new Set<string>(fieldNames.length === 0 ? [] : [...fieldNames, ...edgeFields]);
    const fields = wanted.size === statsFields.length ? [] : statsFields.filter((name) => wanted.has(name));
    const tag = `${windows.join("+")}${fields.length === 0 ? "" : `:${fields.join("+")}`}`;
    const known = this.#byTag.get(tag);
    if (known !== undefined) return known;
    const selection: NamedSelection = { windows, fields, tag };
    this.#byTag.set(tag, selection);
    return selection;
  }

  #unknownNames(windows: readonly string[], fields: readonly string[]): ProblemError {
    const errors = [
      ...windows.map((name) => ({
        in: "query" as const,
        name: "windows",
        message: `${shown(name)} is not a window of this service; it has ${this.#windows.join(", ")}${didYouMean(name, this.#windows)}`,
      })),
      ...fields.map((name) => ({
        in: "query" as const,
        name: "fields",
        message: `${shown(name)} is not a figure; there are ${statsFields.join(", ")}${didYouMean(name, statsFields)}`,
      })),
    ];
    return new ProblemError("invalid_parameters", errors.map((error) => error.message).join("; "), { errors });
  }
}

function split(text: string | undefined): readonly string[] {
  return text === undefined || text === "" ? [] : text.split(",");
}

const NAME_CHARS_MAX = 64;
const shown = (name: string): string => JSON.stringify(printableCut(name, NAME_CHARS_MAX));
