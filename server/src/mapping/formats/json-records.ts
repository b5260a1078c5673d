import { type DeadLetterCode, deadLetterMessage } from "../../codecs/dead-letter-codes.ts";
import { JsonCursor, STRING_ESCAPED } from "../../codecs/json-cursor.ts";
import { RECORD_BYTES_MAX } from "../../codecs/limits.ts";
import { refusalText } from "../../codecs/refusal-text.ts";
import { resolveEscapes } from "../../codecs/string-text.ts";
import { unreadableCode } from "../../codecs/unreadable-code.ts";
import type { Mapping } from "../language.ts";
import type { MappedRecord } from "../mapper.ts";
import { VALUE, type ValueKind, ValueTable } from "../value-table.ts";
import type { ElementReader } from "./element-reader.ts";
import { EnclosingElements } from "./enclosing-elements.ts";
import { JsonElements } from "./json-elements.ts";
import type { NameMatches } from "./name-table.ts";
import { COMPLEX, type Notes, SKIPPED } from "./plain-members.ts";
import { buildTrie, type Container, type Place, type ReferenceTrie } from "./reference-trie.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
/** First bytes of the literals. */
const NULL = 0x6e;
const TRUE = 0x74;
const FALSE = 0x66;
/** Instead of a target: the object ends here. */
const CLOSED = -0x7fffffff;

export function openJsonReader(mapping: Mapping): { readonly reader: ElementReader; readonly values: ValueTable } {
  const trie = buildTrie(mapping);
  const values = new ValueTable(trie.slotCount);
  return { reader: new JsonReader(mapping, trie, values), values };
}

/**
 * Reads JSON records. One pass over a record checks all of it as JSON and notes the values of the references, as the trie directs: those
 * of the record in the value table, those of its elements in JsonElements. Methods that scan return the position after the value, or -1
 * where the text is not JSON, not UTF-8 or nested too deep.
 */
class JsonReader implements ElementReader {
  readonly #trie: ReferenceTrie;
  readonly #hasEach: boolean;
  readonly #takesArrays: boolean;
  readonly #cursor = new JsonCursor();
  readonly #values: ValueTable;
  readonly #recordNotes: Notes;
  readonly #elements: JsonElements;
  /** As `enclosing` of the trie. */
  readonly #enclosing: readonly EnclosingElements[];
  /** Where the values are noted that are scanned now. */
  #notes: Notes;
  #buf: Uint8Array = this.#cursor.buf;
  #end = 0;
  /** Number of objects whose members were scanned. */
  #objects = 0;
  /** Target of the joint that was read last, or CLOSED. */
  #target = SKIPPED;

  constructor(mapping: Mapping, trie: ReferenceTrie, values: ValueTable) {
    this.#trie = trie;
    this.#hasEach = mapping.each !== undefined;
    this.#takesArrays = mapping.each !== undefined && typeof mapping.each[0] !== "string";
    this.#values = values;
    this.#elements = new JsonElements(trie.elementSlots, trie.slotCount);
    this.#enclosing = trie.enclosing.map(() => new EnclosingElements());
    this.#recordNotes = { kinds: values.kinds, starts: values.starts, ends: values.ends, base: 0 };
    this.#notes = this.#recordNotes;
  }

  get elementCount(): number {
    return this.#hasEach ? this.#elements.count : 1;
  }

  read({ bytes, start, end }: MappedRecord): DeadLetterCode | undefined {
    if (end - start > RECORD_BYTES_MAX) return "record_too_large";
    if (bytes !== this.#buf) this.#attach(bytes);
    this.#end = end;
    this.#elements.count = 0;
    for (let index = 0; index < this.#enclosing.length; index++) this.#enclosing[index]!.clear();
    this.#notes = this.#recordNotes;
    const cursor = this.#cursor;
    const first = cursor.whitespace(start, end);
    const after = first < end ? this.#scan(this.#trie.record, first, 0) : -1;
    if (after < 0 || cursor.whitespace(after, end) !== end) return unreadableCode(bytes, start, end);
    const isFitting = bytes[first] === OPEN_OBJECT || (this.#takesArrays && bytes[first] === OPEN_ARRAY);
    if (!isFitting) return "not_an_object";
    for (const slot of this.#trie.rootSlots) this.#note(slot, first, after);
    if (!this.#hasEach) this.#choose();
    return undefined;
  }

  fill(element: number): void {
    if (!this.#hasEach) return;
    const elements = this.#elements;
    if (!elements.isKept(element)) {
      elements.useRow(element);
      this.#notes = elements.notes;
      this.#scan(this.#trie.element, elements.startOf(element), 0);
    }
    elements.copy(element, this.#values);
    if (this.#enclosing.length > 0) this.#fillEnclosing(elements.startOf(element));
    this.#choose();
  }

  /** Reads the elements around the one at `start`, each once: the next elements are mostly in the same ones. */
  #fillEnclosing(start: number): void {
    const { kinds } = this.#values;
    this.#notes = this.#recordNotes;
    for (let index = 0; index < this.#enclosing.length; index++) {
      const enclosing = this.#enclosing[index]!;
      if (!enclosing.moveTo(start)) continue;
      const at = enclosing.start;
      const { container, slots, rootSlots } = this.#trie.enclosing[index]!;
      for (const slot of slots) kinds[slot] = VALUE.absent;
      const after = this.#scan(container, at, 0);
      for (const slot of rootSlots) this.#note(slot, at, after);
    }
  }

  loadSchema(): Promise<void> {
    return Promise.resolve();
  }

  refusalText(code: DeadLetterCode, { bytes, start, end }: MappedRecord): string {
    if (code === "too_many_swaps") return deadLetterMessage(code);
    const isArray = bytes[this.#cursor.whitespace(start, end)] === OPEN_ARRAY;
    if (code !== "not_an_object" || !isArray) return refusalText(code, bytes, start, end);
    return `${deadLetterMessage(code)}; it is an array: write \`each: $[*]\` into the mapping to take its elements`;
  }

  #attach(bytes: Uint8Array): void {
    this.#cursor.attach(bytes);
    this.#buf = bytes;
    // References about the record get their own bytes with each record.
    this.#values.bytes.fill(bytes);
  }

  #choose(): void {
    const { kinds, starts, ends } = this.#values;
    const { choices } = this.#trie;
    for (let i = 0; i < choices.length; i++) {
      const { reference, slots } = choices[i]!;
      let at = 0;
      while (at < slots.length && kinds[slots[at]!] === VALUE.absent) at++;
      if (at === slots.length) continue;
      const slot = slots[at]!;
      kinds[reference] = kinds[slot]!;
      starts[reference] = starts[slot]!;
      ends[reference] = ends[slot]!;
    }
  }

  /** Scans the value at p with the places inside it. `depth` is the number of containers around it: less than the steps of a path. */
  #scan(container: Container, p: number, depth: number): number {
    const first = this.#buf[p];
    const { all } = container;
    if (first === OPEN_ARRAY && (all !== undefined || container.items.size > 0)) {
      return this.#scanItems(container, p, depth + 1);
    }
    let after: number;
    if (first !== OPEN_OBJECT || container.names.isEmpty) after = this.#cursor.value(p, this.#end, depth);
    else after = this.#scanMembers(container, p, depth + 1);
    // A single value may stand where an array is expected.
    return after >= 0 && all !== undefined && first !== NULL ? this.#take(all, p, depth) : after;
  }

  #scanItems(container: Container, open: number, depth: number): number {
    const cursor = this.#cursor;
    const buf = this.#buf;
    const end = this.#end;
    const { all, items } = container;
    let p = cursor.whitespace(open + 1, end);
    if (p < end && buf[p] === CLOSE_ARRAY) return p + 1;
    for (let index = 0; p < end; index++) {
      const place = items.size === 0 ? undefined : items.get(index);
      let after = place === undefined ? p : this.#take(place, p, depth);
      if (after >= 0 && all !== undefined) after = this.#take(all, p, depth);
      else if (after === p) after = cursor.value(p, end, depth);
      if (after < 0) return -1;
      p = cursor.whitespace(after, end);
      if (p >= end) return -1;
      if (buf[p] === CLOSE_ARRAY) return p + 1;
      if (buf[p] !== COMMA) return -1;
      p = cursor.whitespace(p + 1, end);
    }
    return -1;
  }

  #scanMembers(container: Container, open: number, depth: number): number {
    const { members } = container;
    const object = ++this.#objects;
    const elementsBefore = this.#elements.count;
    members?.begin();
    let p = open;
    for (;;) {
      let valueAt = -1;
      let target = SKIPPED;
      if (members !== undefined) {
        p = members.scan(this.#cursor.view, p, this.#end, this.#buf.length, this.#notes);
        valueAt = members.valueAt;
      }
      if (valueAt >= 0) {
        target = members!.target;
        valueAt = this.#cursor.whitespace(valueAt, this.#end);
      } else {
        const after = this.#readJoint(container, p, p === open);
        if (after < 0 || this.#target === CLOSED) return after;
        target = this.#target;
        valueAt = after;
      }
      if (target >= 0) p = this.#takeSlot(target, valueAt, depth);
      else if (target === SKIPPED) p = this.#cursor.value(valueAt, this.#end, depth);
      else p = this.#takeMatches(container.complex[COMPLEX - target]!, valueAt, depth, object, elementsBefore);
      if (p < 0) return -1;
    }
  }

  /**
   * Reads the text before a value: opening brace or comma, name, colon and white space. Returns the position of the value's first byte.
   * At the end of the object the target is CLOSED, and the position is after the brace.
   */
  #readJoint(container: Container, from: number, isFirst: boolean): number {
    const cursor = this.#cursor;
    const buf = this.#buf;
    const end = this.#end;
    this.#target = CLOSED;
    let p = cursor.whitespace(from, end);
    if (p >= end) return -1;
    if (buf[p] === CLOSE_OBJECT && !isFirst) return p + 1;
    if (buf[p] !== (isFirst ? OPEN_OBJECT : COMMA)) return -1;
    p = cursor.whitespace(p + 1, end);
    if (p >= end) return -1;
    if (buf[p] === CLOSE_OBJECT && isFirst) return p + 1;
    if (buf[p] !== QUOTE) return -1;
    const nameEnd = cursor.string(p + 1, end);
    if (nameEnd < 0) return -1;
    const matches = this.#find(container, p + 1, nameEnd, (cursor.stringFlags & STRING_ESCAPED) !== 0);
    this.#target = matches === undefined ? SKIPPED : container.targets.get(matches)!;
    p = cursor.colon(nameEnd + 1, end);
    if (p < 0 || p >= end) return -1;
    container.members?.learn(cursor.view, from, p, this.#target);
    return p;
  }

  #find(container: Container, start: number, end: number, isEscaped: boolean): NameMatches<Place> | undefined {
    if (!isEscaped) return container.names.find(this.#buf, start, end);
    const name = new Uint8Array(end - start + 4);
    const nameEnd = resolveEscapes(this.#buf, start, end, name, 0, name.length);
    return nameEnd < 0 ? undefined : container.names.find(name, 0, nameEnd);
  }

  /** Takes the value of a member for each place that has its name. The last of a repeated name wins, and the exact name before others. */
  #takeMatches(matches: NameMatches<Place>, p: number, depth: number, object: number, elementsBefore: number): number {
    let after = -1;
    for (const { value: place, isExact } of matches) {
      if (isExact) place.exactIn = object;
      else if (place.exactIn === object) continue;
      const { kinds, base } = this.#notes;
      for (const slot of place.slotsInside) kinds[base + slot] = VALUE.absent;
      if (place.hasElements || place.isElement) this.#elements.count = elementsBefore;
      after = this.#take(place, p, depth);
      if (after < 0) return -1;
    }
    return after < 0 ? this.#cursor.value(p, this.#end, depth) : after;
  }

  #take(place: Place, p: number, depth: number): number {
    if (place.enclosing !== undefined) this.#enclosing[place.enclosing]!.add(p);
    let after = place.inside === undefined ? -1 : this.#scan(place.inside, p, depth);
    if (place.inside !== undefined && after < 0) return -1;
    if (place.isElement) after = this.#takeElement(p, depth);
    else if (place.inside === undefined) after = this.#cursor.value(p, this.#end, depth);
    if (after >= 0) for (const slot of place.slots) this.#note(slot, p, after);
    return after;
  }

  #takeElement(p: number, depth: number): number {
    this.#elements.add(p);
    const outer = this.#notes;
    this.#notes = this.#elements.notes;
    const after = this.#scan(this.#trie.element, p, depth);
    this.#notes = outer;
    return after;
  }

  #takeSlot(slot: number, p: number, depth: number): number {
    const after = this.#cursor.value(p, this.#end, depth);
    if (after >= 0) this.#note(slot, p, after);
    return after;
  }

  /** Notes the value at [start, end), which was read last. */
  #note(slot: number, start: number, end: number): void {
    const first = this.#buf[start]!;
    const isString = first === QUOTE;
    const { kinds, starts, ends, base } = this.#notes;
    kinds[base + slot] = isString ? kindOfString(this.#cursor.stringFlags) : kindOf(first);
    starts[base + slot] = isString ? start + 1 : start;
    ends[base + slot] = isString ? end - 1 : end;
  }
}

function kindOfString(flags: number): ValueKind {
  return (flags & STRING_ESCAPED) === 0 ? VALUE.string : VALUE.escaped;
}

/** Returns the kind of a value that is no string, by its first byte. */
function kindOf(first: number): ValueKind {
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) return VALUE.nested;
  if (first === NULL) return VALUE.null;
  if (first === TRUE) return VALUE.true;
  return first === FALSE ? VALUE.false : VALUE.number;
}
