/** The names of members that an object is searched for, by their bytes: exactly, or in any case of their ASCII letters. */

/** A value whose name a member has. Not exact: the names differ in case. */
type NameMatch<T> = { readonly value: T; readonly isExact: boolean };
export type NameMatches<T> = readonly NameMatch<T>[];

type Name<T> = { readonly bytes: Uint8Array; readonly value: T; readonly matches: NameMatch<T>[] };
/** Names that are alike. Without `ignoresCase` these are equal, so there is one. */
type Group<T> = { readonly names: Name<T>[]; readonly matches: NameMatch<T>[] };

const BUCKETS = 64;
const LOWER_BIT = 0x20;

export class NameTable<T> {
  readonly #ignoresCase: boolean;
  readonly #buckets: Group<T>[][] = Array.from({ length: BUCKETS }, () => []);

  #isEmpty = true;

  constructor(ignoresCase: boolean) {
    this.#ignoresCase = ignoresCase;
  }

  get isEmpty(): boolean {
    return this.#isEmpty;
  }

  /** Returns the value of a name, and makes it first if there is none. */
  take(name: string, make: () => T): T {
    const bytes = new TextEncoder().encode(name);
    const bucket = this.#bucket(bytes, 0, bytes.length);
    let group = bucket.find(({ names }) => this.#isAlike((names[0] as Name<T>).bytes, bytes, 0, bytes.length));
    if (group === undefined) {
      group = { names: [], matches: [] };
      bucket.push(group);
    }
    const known = group.names.find((candidate) => isSame(candidate.bytes, bytes, 0, bytes.length));
    if (known !== undefined) return known.value;
    const value = make();
    this.#isEmpty = false;
    group.matches.push({ value, isExact: false });
    group.names.push({ bytes, value, matches: [] });
    for (const { matches, value: own } of group.names) {
      matches.length = 0;
      matches.push(...group.names.map((other) => ({ value: other.value, isExact: other.value === own })));
    }
    return value;
  }

  /**
   * Returns the values whose names the bytes are. More than one is possible only where case is ignored. Equal results are the same
   * object. Undefined for a name that is not in the table.
   */
  find(buf: Uint8Array, start: number, end: number): NameMatches<T> | undefined {
    for (const { names, matches } of this.#bucket(buf, start, end)) {
      if (!this.#isAlike((names[0] as Name<T>).bytes, buf, start, end)) continue;
      return names.find(({ bytes }) => isSame(bytes, buf, start, end))?.matches ?? matches;
    }
    return undefined;
  }

  /** Every result that `find` has. */
  all(): NameMatches<T>[] {
    const groups = this.#buckets.flat();
    const exact = groups.flatMap(({ names }) => names.map(({ matches }) => matches));
    return this.#ignoresCase ? [...exact, ...groups.map(({ matches }) => matches)] : exact;
  }

  #isAlike(name: Uint8Array, buf: Uint8Array, start: number, end: number): boolean {
    if (!this.#ignoresCase) return isSame(name, buf, start, end);
    if (end - start !== name.length) return false;
    for (let i = 0; i < name.length; i++) {
      if (lower(name[i] as number) !== lower(buf[start + i] as number)) return false;
    }
    return true;
  }

  #bucket(buf: Uint8Array, start: number, end: number): Group<T>[] {
    const length = end - start;
    if (length === 0) return this.#buckets[0] as Group<T>[];
    const first = (buf[start] as number) | LOWER_BIT;
    const last = (buf[end - 1] as number) | LOWER_BIT;
    return this.#buckets[(first * 5 + last * 3 + length) % BUCKETS] as Group<T>[];
  }
}

function isSame(name: Uint8Array, buf: Uint8Array, start: number, end: number): boolean {
  if (end - start !== name.length) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== buf[start + i]) return false;
  return true;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte | LOWER_BIT : byte;
}
