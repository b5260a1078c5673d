/** The schemas that records name by their ids, loaded from a registry and compiled once. */
import { LRUCache } from "lru-cache";
import {
  type RegisteredSchema,
  type SchemaRegistry,
  UnknownSchema,
} from "../../clients/schema-registry/schema-registry.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { MalformedRecord } from "./record-cursor.ts";

/** Compiled schemas that are kept, and ids that the registry does not know. */
const SCHEMAS_MAX = 256;
/** An id that the registry does not know is asked for again after this long: it may have been restored meanwhile. */
export const UNKNOWN_MS = 30_000;

/** `untilMs`: when an unknown id is asked for again. */
type Entry<T> = { readonly schema: T } | { readonly problem: string; readonly untilMs: number };

export class RegisteredSchemas<T extends object> {
  readonly #registry: SchemaRegistry;
  readonly #type: RegisteredSchema["type"];
  readonly #compile: (schema: RegisteredSchema) => T;
  readonly #known = new LRUCache<number, Entry<T>>({ max: SCHEMAS_MAX });
  readonly #nowMs: () => number;
  #wanted: number | undefined;

  /** `compile` throws `bad_request` for a schema that cannot be used. Records of such a schema are malformed. */
  constructor(
    registry: SchemaRegistry,
    type: RegisteredSchema["type"],
    compile: (schema: RegisteredSchema) => T,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#registry = registry;
    this.#nowMs = nowMs;
    this.#type = type;
    this.#compile = compile;
  }

  /** Returns undefined for a schema that `load` must load first. Throws MalformedRecord when it does not exist or cannot be used. */
  get(id: number): T | undefined {
    const entry = this.#known.get(id);
    if (entry !== undefined && "schema" in entry) return entry.schema;
    if (entry !== undefined && this.#nowMs() < entry.untilMs) throw new MalformedRecord(entry.problem);
    this.#wanted = id;
    return undefined;
  }

  /** Loads the schema that `get` did not have. Errors as those of SchemaRegistry.schema. */
  async load(signal: AbortSignal): Promise<void> {
    const id = this.#wanted;
    if (id === undefined) return;
    const found = await this.#registry.schema(id, signal);
    if (found instanceof UnknownSchema) {
      const problem = `its schema ${id} does not exist: ${found.what}`;
      this.#known.set(id, { problem, untilMs: this.#nowMs() + UNKNOWN_MS });
    } else {
      this.#known.set(id, this.#compiled(id, found));
    }
  }

  #compiled(id: number, found: RegisteredSchema): Entry<T> {
    if (found.type !== this.#type) {
      return unusable(`its schema ${id} has the type ${found.type}; the mapping reads ${this.#type}`);
    }
    try {
      return { schema: this.#compile(found) };
    } catch (error) {
      if (!(error instanceof SwapstatsError)) throw error;
      return unusable(`its schema ${id} cannot be used (${error.message})`);
    }
  }
}

/** The schema of an id never changes, so it is not asked for again. */
function unusable(problem: string): { readonly problem: string; readonly untilMs: number } {
  return { problem, untilMs: Number.POSITIVE_INFINITY };
}
