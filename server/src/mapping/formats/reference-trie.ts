/** The references of a mapping as a trie of names and indexes, which directs the scan of a JSON record. */
import { ALL_ELEMENTS, type Mapping, type PathStep } from "../language.ts";
import { type NameMatches, NameTable } from "./name-table.ts";
import { COMPLEX, PlainMembers } from "./plain-members.ts";

/** Kinds of objects that have a table of joints, of 36 KiB each. The members of others are parsed. */
const TABLES_MAX = 64;

/** A place below an object or an array. */
export type Place = {
  /** Slots in which its value is noted. */
  readonly slots: number[];
  /** All slots of the places inside it. A repeated name replaces them all. */
  readonly slotsInside: number[];
  /** The places inside its value. */
  inside: Container | undefined;
  /** Whether its value is an element of `each`. */
  isElement: boolean;
  /** Whether elements of `each` are inside its value. */
  hasElements: boolean;
  /** Index of the enclosing element in `enclosing` of the trie that its value is. */
  enclosing: number | undefined;
  /** Last object in which the name itself occurred, and not one that differs in case. */
  exactIn: number;
};

/** The places inside a value: by name if it is an object, by index if it is an array. */
export type Container = {
  readonly names: NameTable<Place>;
  readonly items: Map<number, Place>;
  /** Every item of the array, or the value itself if it is no array. */
  all: Place | undefined;
  readonly members: PlainMembers | undefined;
  /** By result of `names.find`: the slot of a place that is no more than one slot, else COMPLEX minus the index in `complex`. */
  readonly targets: Map<NameMatches<Place>, number>;
  readonly complex: NameMatches<Place>[];
};

/** What references name in the element of one wildcard of `each`. */
type Enclosing = {
  readonly container: Container;
  /** Slots of the element itself. */
  readonly rootSlots: number[];
  /** All slots, also those of the places inside. */
  readonly slots: number[];
};

/** The value of a reference is that of the first of these slots that has one; null is a value here. */
type Choice = { readonly reference: number; readonly slots: readonly number[] };

export type ReferenceTrie = {
  /** Places that are named from the root of the record, and the path of `each`. */
  readonly record: Container;
  /** Places in an element. The same as `record` if the record is the element. */
  readonly element: Container;
  /** Slots of the whole record (`$`). */
  readonly rootSlots: readonly number[];
  /** References have the slots of their own numbers; further slots are behind them. */
  readonly slotCount: number;
  /** References with more than their own slot. */
  readonly choices: readonly Choice[];
  /** Slots of the values in elements of `each`. */
  readonly elementSlots: readonly number[];
  /** The elements around those of `each` that references name, from the outermost wildcard. */
  readonly enclosing: readonly Enclosing[];
};

export function buildTrie(mapping: Mapping): ReferenceTrie {
  return new TrieBuilder(mapping).build();
}

class TrieBuilder {
  readonly #mapping: Mapping;
  readonly #containers: Container[] = [];
  readonly #elementSlots: number[] = [];
  /** By the level of the wildcard. */
  readonly #enclosing = new Map<number, Enclosing>();
  #slotCount: number;

  constructor(mapping: Mapping) {
    this.#mapping = mapping;
    this.#slotCount = mapping.references.length;
  }

  build(): ReferenceTrie {
    const { references, each } = this.#mapping;
    const record = this.#container();
    const element = each === undefined ? record : this.#container();
    /** Level of the wildcard whose element is that of `each`. */
    const own = each?.at(-1) === ALL_ELEMENTS ? each.filter((step) => step === ALL_ELEMENTS).length - 1 : undefined;
    /** Slots in the order in which they decide, with the slots of names that differ in case. */
    const slotsOf = references.map((reference, index): number[] => {
      if (reference.of === "record" && reference.steps.length > 0) return [this.#note(record, reference.steps, index)];
      if (reference.of === "enclosing" && (reference.level !== own || reference.steps.length === 0))
        return this.#noteEnclosing(reference.level, reference.steps, index);
      if (reference.of !== "element" && reference.of !== "enclosing") return [];
      const nested = this.#note(element, reference.steps, index);
      if (each !== undefined) this.#elementSlots.push(index);
      if (reference.of === "enclosing") return [nested];
      if (reference.steps.length === 1 && reference.steps[0] === reference.name) return [nested];
      // A member that is literally named `a.b` goes before `b` within `a`.
      const whole = this.#slotCount++;
      if (each !== undefined) this.#elementSlots.push(whole);
      return [this.#note(element, [reference.name], whole), nested];
    });
    const levels = [...this.#enclosing.keys()].toSorted((a, b) => a - b);
    if (each !== undefined) this.#noteElements(record, each, levels);
    const alike = this.#setTargets();
    const choices = slotsOf.flatMap((slots, reference): Choice[] => {
      const all = slots.flatMap((slot) => [slot, ...(alike.get(slot) ?? [])]);
      return all.length > 1 ? [{ reference, slots: all }] : [];
    });
    const rootSlots = references.flatMap((reference, index) =>
      reference.of === "record" && reference.steps.length === 0 ? [index] : [],
    );
    const enclosing = levels.map((level) => this.#enclosing.get(level)!);
    const elementSlots = this.#elementSlots;
    return { record, element, rootSlots, slotCount: this.#slotCount, choices, elementSlots, enclosing };
  }

  #container(): Container {
    const container: Container = {
      names: new NameTable(this.#mapping.ignoresCase),
      items: new Map(),
      all: undefined,
      members: this.#containers.length < TABLES_MAX ? new PlainMembers() : undefined,
      targets: new Map(),
      complex: [],
    };
    this.#containers.push(container);
    return container;
  }

  #note(root: Container, steps: readonly PathStep[], slot: number): number {
    const places = this.#placesOn(root, steps);
    places.at(-1)!.slots.push(slot);
    for (const outer of places.slice(0, -1)) outer.slotsInside.push(slot);
    return slot;
  }

  /** `levels` are those of the wildcards that references name. */
  #noteElements(root: Container, steps: readonly PathStep[], levels: readonly number[]): void {
    const places = this.#placesOn(root, steps);
    places.at(-1)!.isElement = true;
    for (const outer of places.slice(0, -1)) outer.hasElements = true;
    const wildcards = places.filter((_, index) => steps[index] === ALL_ELEMENTS);
    for (const [index, level] of levels.entries()) wildcards[level]!.enclosing = index;
  }

  /** Returns the slots of the value in the order in which they decide. */
  #noteEnclosing(level: number, steps: readonly PathStep[], slot: number): number[] {
    let enclosing = this.#enclosing.get(level);
    if (enclosing === undefined) {
      enclosing = { container: this.#container(), rootSlots: [], slots: [] };
      this.#enclosing.set(level, enclosing);
    }
    enclosing.slots.push(slot);
    if (steps.length > 0) return [this.#note(enclosing.container, steps, slot)];
    enclosing.rootSlots.push(slot);
    return [slot];
  }

  /** Returns the places on a path, from the outermost one. A path has a step. */
  #placesOn(root: Container, steps: readonly PathStep[]): Place[] {
    let container = root;
    return steps.map((step, index) => {
      const place = placeBelow(container, step);
      if (index < steps.length - 1) {
        place.inside ??= this.#container();
        container = place.inside;
      }
      return place;
    });
  }

  /**
   * Sets the targets of all names. A place that is one slot gets another slot for names that differ in case, so that the exact name can
   * go before them. Returns these by slot.
   */
  #setTargets(): Map<number, number[]> {
    const alike = new Map<number, number[]>();
    for (const { names, targets, complex } of this.#containers) {
      for (const matches of names.all()) {
        const [match] = matches;
        if (match === undefined || matches.length > 1 || !isOneSlot(match.value)) {
          targets.set(matches, COMPLEX - complex.length);
          complex.push(matches);
          continue;
        }
        const slot = match.value.slots[0]!;
        if (match.isExact) targets.set(matches, slot);
        else {
          targets.set(matches, this.#slotCount);
          alike.set(slot, [this.#slotCount]);
          for (const slots of [this.#elementSlots, ...[...this.#enclosing.values()].map((other) => other.slots)]) {
            if (slots.includes(slot)) slots.push(this.#slotCount);
          }
          this.#slotCount++;
        }
      }
    }
    for (const container of this.#containers) addAlike(container, alike);
    return alike;
  }
}

/** Adds the slots of names that differ in case to the slots that a repeated name replaces. */
function addAlike({ complex }: Container, alike: ReadonlyMap<number, readonly number[]>): void {
  for (const matches of complex) {
    for (const { value } of matches) {
      const more = value.slotsInside.flatMap((slot) => alike.get(slot) ?? []);
      value.slotsInside.push(...more.filter((slot) => !value.slotsInside.includes(slot)));
    }
  }
}

function isOneSlot(place: Place): boolean {
  return place.slots.length === 1 && place.inside === undefined && !place.isElement;
}

function placeBelow(container: Container, step: PathStep): Place {
  if (step === ALL_ELEMENTS) {
    container.all ??= newPlace();
    return container.all;
  }
  if (typeof step === "string") return container.names.take(step, newPlace);
  let place = container.items.get(step);
  if (place === undefined) {
    place = newPlace();
    container.items.set(step, place);
  }
  return place;
}

function newPlace(): Place {
  const flags = { isElement: false, hasElements: false, enclosing: undefined };
  return { slots: [], slotsInside: [], inside: undefined, ...flags, exactIn: 0 };
}
