/**
 * How a configuration key is declared, and how its type follows from the declaration. A section of the table is an object:
 * its fields are the names that the program uses, and each field holds a key (with the path that users write) or another
 * section. `Values<typeof SECTION>` has the same fields with the types of their values.
 */
import type { ListenAddress } from "./units.ts";

export type KeyKind =
  | { readonly type: "duration"; readonly minMs: number; readonly maxMs: number }
  | { readonly type: "size"; readonly minBytes: number; readonly maxBytes: number }
  | { readonly type: "integer"; readonly min: number; readonly max: number }
  | { readonly type: "number"; readonly min: number; readonly max: number }
  /** Dollars with up to six places; the value is in millionths. */
  | { readonly type: "usd" }
  | { readonly type: "switch" }
  /** `later` holds values that the product's interfaces name and this version does not have. */
  | { readonly type: "choice"; readonly values: readonly string[]; readonly later: readonly string[] }
  | { readonly type: "text"; readonly bytesMax: number; readonly pattern: RegExp; readonly patternHint: string }
  | { readonly type: "path" }
  /** Address to listen on; empty: the listener is off. */
  | { readonly type: "address" }
  /** Addresses to connect to, in one text with commas or a list. */
  | { readonly type: "endpoints"; readonly countMax: number }
  | { readonly type: "windows" }
  | { readonly type: "origins"; readonly countMax: number }
  /** Names or addresses with an optional port, in one text with commas or a list. */
  | { readonly type: "hosts"; readonly countMax: number }
  /** Addresses and subnets in CIDR form, in one text with commas or a list. */
  | { readonly type: "subnets"; readonly countMax: number }
  | { readonly type: "secret" }
  /** A list of sections, each with keys of its own (`ByType`). */
  | { readonly type: "entries"; readonly countMax: number }
  | Structure;

/** A value with a form of its own, such as a list of sections. */
type Structure = {
  readonly type: "structure";
  /** Checks a value. `resolveSecret` reads a reference, `env:NAME` or `file:PATH`. A problem is a phrase that follows the path of the key. */
  read(raw: unknown, resolveSecret: ResolveSecret): StructureRead<object | string>;
  /** Returns the value as the file would have it, without secrets. */
  show(value: never): unknown;
};

export type StructureRead<V extends object | string> = { readonly value: V } | { readonly problem: string };
export type ResolveSecret = (reference: string) => { readonly value: string } | { readonly problem: string };

/** Any value of a key. Undefined: not set, or off (`address`). */
export type KeyValue =
  | number
  | string
  | boolean
  | ListenAddress
  | readonly ListenAddress[]
  | readonly string[]
  | object
  | undefined;

/** A source or a feeder, by its name. */
export type SourcePart = `ingest.source: ${string}`;

/** The part of the program that reads a key. While the part is not in use, a key that is given has no effect. */
export type Part =
  | SourcePart
  | "embedded log"
  | "mappings"
  | "brokers"
  | "topics"
  | "redis"
  | "hot store"
  | "history"
  | "clickhouse history"
  | "postgres history"
  | "s3"
  | "checkpoint topic"
  | "cluster"
  | "tokens"
  | "credentials"
  | "api";

export type KeySpec = {
  /** Dotted path; `<id>` stands for a chain id. */
  readonly path: string;
  readonly kind: KeyKind;
  /** As it would be written in the file; "" means not set, off or none. */
  readonly defaultText: string;
  /** One or more sentences in Markdown, for the documentation and `config init`. */
  readonly meaning: string;
  /** Gives the value of a key that is not set and has no default text. */
  readonly fallback?: () => string;
  /** Undefined: the key always has an effect. */
  readonly part?: Part;
  /** Whether an entry of a list must have the key. */
  readonly isRequired?: true;
};

/** A key whose value has the type V. The type exists at compile time alone. */
type Key<V extends KeyValue> = KeySpec & { readonly valueType?: V };

/** Keys that each chain can have; `<id>` in their paths stands for the chain. */
export class ByChain<S extends Section> {
  readonly keys: S;

  constructor(keys: S) {
    this.keys = keys;
  }
}

type Types = Readonly<Record<string, Section>>;

/** A list of entries. Each has `type`, the common keys, and the keys of its type; the paths of these are relative to the entry. */
export class ByType<C extends Section, T extends Types> {
  /** The list itself. */
  readonly list: KeySpec;
  readonly common: C;
  readonly types: T;

  constructor({ list, common, types }: { readonly list: KeySpec; readonly common: C; readonly types: T }) {
    this.list = list;
    this.common = common;
    this.types = types;
  }
}

export type Section = { readonly [field: string]: Key<KeyValue> | Section | ByChain<Section> | ByType<Section, Types> };

/** The entry of a list, by its type. */
type Entry<C extends Section, T extends Types> = {
  readonly [N in keyof T]: { readonly type: N } & Values<C> & Values<T[N]>;
}[keyof T];

export type Values<S extends Section> = {
  readonly [F in keyof S]: S[F] extends KeySpec
    ? ValueOf<S[F]>
    : S[F] extends ByChain<infer T>
      ? ReadonlyMap<string, { readonly [G in keyof T]?: NonNullable<ValueOf<T[G]>> }>
      : S[F] extends ByType<infer C, infer T>
        ? readonly Entry<C, T>[]
        : S[F] extends Section
          ? Values<S[F]>
          : never;
};

type ValueOf<K> = K extends Key<infer V> ? V : never;

type ValueOfKind<K extends KeyKind> = K extends { readonly type: "choice" }
  ? K["values"][number]
  : K extends { readonly type: "structure"; read(raw: unknown, resolveSecret: ResolveSecret): StructureRead<infer V> }
    ? V
    : K extends { readonly type: "switch" }
      ? boolean
      : K extends { readonly type: "text" | "path" | "secret" }
        ? string
        : K extends { readonly type: "address" }
          ? ListenAddress | undefined
          : K extends { readonly type: "endpoints" }
            ? readonly ListenAddress[]
            : K extends { readonly type: "windows" | "origins" | "hosts" | "subnets" }
              ? readonly string[]
              : number;

/** A list that is not set is an empty list. */
type Unset<K extends KeyKind> = K extends { readonly type: "origins" | "hosts" | "subnets" } ? never : undefined;

/** The same key, which an entry of a list must have. */
export function required<V extends KeyValue>(spec: Key<V | undefined>): Key<V> {
  return { ...spec, isRequired: true } as Key<V>;
}

/** Declares a key. Without a default text its value may be undefined, unless `fallback` gives one. */
export function key<K extends KeyKind, D extends string, F extends (() => string) | undefined = undefined>(
  path: string,
  kind: K,
  defaultText: D,
  meaning: string,
  fallback?: F,
): Key<ValueOfKind<K> | (D extends "" ? (F extends undefined ? Unset<K> : never) : never)> {
  return { path, kind, defaultText, meaning, ...(fallback === undefined ? {} : { fallback }) };
}

/** The same section, whose keys have an effect only while `part` is in use. Keys that already name a part keep theirs. */
export function ofPart<S extends Section>(part: Part, section: S): S {
  const fields = Object.entries(section).map(([field, node]) => {
    if (isKey(node)) return [field, { part, ...node }];
    return [field, node instanceof ByChain || node instanceof ByType ? node : ofPart(part, node)];
  });
  return Object.fromEntries(fields) as S;
}

/** All keys of a section in the order of their declaration. A list is one key; those of its entries are not among them. */
export function keysOf(section: Section): KeySpec[] {
  return Object.values(section).flatMap((node) => {
    if (isKey(node)) return [node];
    if (node instanceof ByType) return [node.list];
    return keysOf(node instanceof ByChain ? node.keys : node);
  });
}

/** A key's value in one place of the configuration. */
type PlacedValue = { readonly path: string; readonly spec: KeySpec; readonly value: KeyValue };

/**
 * The values in the shape of the section. The casts hold because the kind of a key decides the type of its value, and every
 * key of the section has a setting.
 */
export function valuesOf<S extends Section>(section: S, settings: readonly PlacedValue[]): Values<S> {
  const values = new Map(settings.map(({ path, value }) => [path, value]));
  const shape = (nodes: Section): unknown =>
    Object.fromEntries(
      Object.entries(nodes).map(([field, node]) => {
        if (isKey(node)) return [field, values.get(node.path)];
        if (node instanceof ByType) return [field, entriesOf(node, settings)];
        return [field, node instanceof ByChain ? chainsOf(node.keys, settings) : shape(node)];
      }),
    );
  return shape(section) as Values<S>;
}

/** Fields that are set, by the text of the chain id. */
function chainsOf(keys: Section, settings: readonly PlacedValue[]): ReadonlyMap<string, object> {
  const chains = new Map<string, Record<string, KeyValue>>();
  for (const [field, node] of Object.entries(keys)) {
    if (!isKey(node)) continue;
    const place = node.path.split(".").indexOf(CHAIN_ID);
    for (const { path, spec, value } of settings) {
      if (spec.path !== node.path || value === undefined) continue;
      const id = path.split(".")[place] ?? "";
      chains.set(id, { ...chains.get(id), [field]: value });
    }
  }
  return chains;
}

/** Returns the entries in their order. An entry without a known type is left out. */
function entriesOf({ list, common, types }: ByType<Section, Types>, settings: readonly PlacedValue[]): object[] {
  const heads = settings
    .filter(({ spec }) => spec.path === TYPE_KEY)
    .map(({ path }) => path.slice(0, -TYPE_KEY.length));
  return heads
    .filter((head) => head.startsWith(`${list.path}[`))
    .map((head) => {
      const own = settings
        .filter(({ path }) => path.startsWith(head))
        .map((setting) => ({ ...setting, path: setting.path.slice(head.length) }));
      const type = String(own.find(({ path }) => path === TYPE_KEY)?.value);
      return { type, ...valuesOf(common, own), ...valuesOf(types[type] ?? {}, own) };
    });
}

/** Key of an entry that says which other keys it has. */
export const TYPE_KEY = "type";

/** Stands for a chain id in the path of a key. */
export const CHAIN_ID = "<id>";

/** `app.max_skew` gives `SWAPSTATS_APP_MAX_SKEW`. */
export function envNameOf(path: string): string {
  return `SWAPSTATS_${path.replaceAll(".", "_").toUpperCase()}`;
}

function isKey(node: Section[string]): node is Key<KeyValue> {
  return "path" in node && typeof node.path === "string";
}
