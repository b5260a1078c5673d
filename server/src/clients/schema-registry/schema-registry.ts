/**
 * Reads schemas from a registry with the HTTP interface of Confluent's Schema Registry. It sends two requests, both of them GET:
 * `/schemas/ids/{id}`, and `/subjects/{subject}/versions/{version}` for the schemas that another one refers to.
 */
import { LRUCache } from "lru-cache";
import { SwapstatsError } from "../../shared/errors.ts";
import { printableCut } from "../../shared/printable-text.ts";
import { RegistryHttp, type RegistryResponse, type RegistrySettings } from "./registry-http.ts";

/** Schemas that one schema refers to, directly or through others. */
export const REFERENCES_MAX = 100;
/** Ids that are kept. A topic has one for each version of its schema. */
const IDS_MAX = 1000;
/** Time of one request and its response. */
const REQUEST_MS = 10_000;

export type RegisteredSchema = {
  readonly type: "AVRO" | "PROTOBUF" | "JSON";
  readonly text: string;
  /** The schemas that it refers to, by the names under which it does. A schema stands behind those that it needs. */
  readonly references: ReadonlyMap<string, string>;
};

/** A schema that the registry does not have, and why. */
export class UnknownSchema {
  readonly what: string;

  constructor(what: string) {
    this.what = what;
  }
}

/** A response with status 200. */
type Answer = { readonly [name: string]: unknown };
type Reference = { readonly name: string; readonly subject: string; readonly version: number };

export class SchemaRegistry {
  readonly #http: RegistryHttp;
  readonly #known = new LRUCache<number, RegisteredSchema>({ max: IDS_MAX });
  readonly #loading = new Map<number, Promise<RegisteredSchema | UnknownSchema>>();

  /** Connects at the first request. Throws `bad_config` for an URL that is no HTTP address. */
  constructor(settings: RegistrySettings, requestMs: number = REQUEST_MS) {
    this.#http = new RegistryHttp(settings, requestMs);
  }

  /**
   * Returns the schema of an id, which never changes. Requests for one id at the same time are sent once. Rejects with `unavailable`
   * (retryable) while the registry does not give a proper response, and with the signal's reason when aborted.
   */
  async schema(id: number, signal: AbortSignal): Promise<RegisteredSchema | UnknownSchema> {
    signal.throwIfAborted();
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    let loading = this.#loading.get(id);
    if (loading === undefined) {
      loading = this.#load(id).finally(() => this.#loading.delete(id));
      this.#loading.set(id, loading);
    }
    return await untilAborted(loading, signal);
  }

  close(): void {
    this.#http.close();
  }

  async #load(id: number): Promise<RegisteredSchema | UnknownSchema> {
    const answer = await this.#get(`/schemas/ids/${id}`);
    if (answer instanceof UnknownSchema) return answer;
    const type = answer.schemaType ?? "AVRO";
    if (type !== "AVRO" && type !== "PROTOBUF" && type !== "JSON") {
      throw this.#away(`the schema ${id} has the type ${printableCut(String(type))}`);
    }
    const schema = { type, text: this.#textOf(answer), references: new Map<string, string>() } as const;
    const unknown = await this.#addReferences(answer, schema.references, new Set());
    if (unknown !== undefined) return unknown;
    this.#known.set(id, schema);
    return schema;
  }

  /** Adds what a schema refers to, and before each what that one refers to. Returns what the registry does not have. */
  async #addReferences(
    answer: Answer,
    added: Map<string, string>,
    seen: Set<string>,
  ): Promise<UnknownSchema | undefined> {
    for (const { name, subject, version } of this.#referencesOf(answer)) {
      if (seen.has(name)) continue;
      seen.add(name);
      if (seen.size > REFERENCES_MAX) {
        return new UnknownSchema(`it refers to more than ${REFERENCES_MAX} schemas`);
      }
      const inner = await this.#get(`/subjects/${encodeURIComponent(subject)}/versions/${version}`);
      if (inner instanceof UnknownSchema) return inner;
      const unknown = await this.#addReferences(inner, added, seen);
      if (unknown !== undefined) return unknown;
      added.set(name, this.#textOf(inner));
    }
    return undefined;
  }

  #referencesOf({ references }: Answer): Reference[] {
    if (references === undefined || references === null) return [];
    if (!Array.isArray(references)) throw this.#away("the references of a schema are no list");
    return references.map((reference: Partial<Record<keyof Reference, unknown>> | null) => {
      const { name, subject, version } = reference ?? {};
      if (typeof name !== "string" || typeof subject !== "string" || !Number.isSafeInteger(version)) {
        throw this.#away("a reference of a schema has no name, subject or version");
      }
      return { name, subject, version: version as number };
    });
  }

  #textOf({ schema }: Answer): string {
    if (typeof schema !== "string") throw this.#away("its response has no schema");
    return schema;
  }

  async #get(path: string): Promise<Answer | UnknownSchema> {
    let response: RegistryResponse;
    try {
      response = await this.#http.get(path);
    } catch (cause) {
      throw this.#away((cause as Error).message, cause);
    }
    const { status, body } = response;
    const answer = objectOf(body);
    if (status === 200 && answer !== undefined) return answer;
    const code = Number(answer?.error_code);
    // Other 404s come from a wrong address or a proxy. They must not make dead letters of good records.
    if (NOT_FOUND_CODES.has(code)) {
      return new UnknownSchema(`${this.#http.where} does not have ${path} (error ${code})`);
    }
    const hint = HINTS.get(status) ?? "";
    const said = status === 200 ? "a response that is no JSON object" : `HTTP ${status}`;
    throw this.#away(`${said} for ${path}${hint}`);
  }

  #away(what: string, cause?: unknown): SwapstatsError {
    const message = `The schema registry ${this.#http.where} does not give a schema: ${what}.`;
    return new SwapstatsError("unavailable", message, { cause, retryable: true });
  }
}

/** Subject, version and schema not found; invalid subject, version and schema. */
const NOT_FOUND_CODES: ReadonlySet<number> = new Set([40401, 40402, 40403, 42201, 42202, 42208]);
const HINTS: ReadonlyMap<number, string> = new Map([
  [301, "; give the address that it redirects to"],
  [302, "; give the address that it redirects to"],
  [307, "; give the address that it redirects to"],
  [308, "; give the address that it redirects to"],
  [401, "; give a name and password, or a token, that it accepts"],
  [403, "; its user lacks the permission to read schemas"],
  [404, "; the address is probably not that of a registry"],
]);

function objectOf(body: Buffer): Answer | undefined {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Answer) : undefined;
  } catch {
    return undefined;
  }
}

/** Waits for a promise. It goes on for others when this one is aborted. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
