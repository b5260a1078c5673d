/**
 * The origin `http`: an API that gives pages of records, the oldest first, each with the cursor of the next one. At the end the last page is
 * asked for again.
 *
 * The position is the cursor of the page that is read, and hashes of its records that were handed over. So a page that grows gives only its
 * new records, and so does an API whose cursor includes the record that it names.
 */
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { MappedRecord } from "../../../mapping/mapper.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import { printableCut } from "../../../shared/printable-text.ts";
import type { BackoffLimits } from "../../../shared/retry.ts";
import { JsonText } from "../json-parts.ts";
import { ORIGIN_BATCH_BYTES_MAX, type Origin, type OriginBatch, type OriginContext, type Position } from "../origin.ts";
import { type HttpSettings, PageClient, unavailable } from "./pages.ts";

/** Records of a page: their hashes fit into a position, and they fit into a batch. */
const PAGE_RECORDS_MAX = 4_000;
const CURSOR_CHARS_MAX = 4_096;
const HASH_CHARS = 11;
const SHOWN_CHARS_MAX = 120;

type PagePosition = {
  /** Undefined: the first page. With `cursor.from: link` a path with its query. */
  readonly cursor?: string;
  readonly seen: readonly string[];
};

type FreshRecord = { readonly record: MappedRecord; readonly hash: string };

export function openOrigin(settings: HttpSettings, { endsAtEnd }: OriginContext): HttpOrigin {
  return new HttpOrigin(settings, endsAtEnd);
}

export class HttpOrigin implements Origin {
  readonly identity: string;
  readonly #settings: HttpSettings;
  readonly #endsAtEnd: boolean;
  readonly #client: PageClient;

  /** `ratePauses`: pauses while the API limits the rate of requests. */
  constructor(settings: HttpSettings, endsAtEnd: boolean, ratePauses?: BackoffLimits) {
    const { origin, pathname } = new URL(settings.url);
    this.identity = `${origin}${pathname}`;
    this.#settings = settings;
    this.#endsAtEnd = endsAtEnd;
    this.#client = new PageClient(settings, ratePauses);
    const { from, path } = settings.cursor;
    if (from !== "link" && path === undefined) {
      const message = `feeder ${settings.name}: cursor.from is ${from}, and cursor.path is not set; give the place of the cursor`;
      throw new SwapstatsError("bad_config", message);
    }
  }

  get problem(): string | undefined {
    return this.#client.problem;
  }

  positionText(position: Position): string {
    const { cursor, seen } = position as unknown as PagePosition;
    return `${cursor === undefined ? "first page" : `cursor ${printableCut(cursor, SHOWN_CHARS_MAX)}`}, ${seen.length} records`;
  }

  async read(position: Position | undefined, signal: AbortSignal): Promise<OriginBatch | undefined> {
    const { from: source, start } = this.#settings.cursor;
    const begin: PagePosition = { ...(start === undefined || source === "link" ? {} : { cursor: start }), seen: [] };
    const from = position === undefined ? begin : (position as unknown as PagePosition);
    for (;;) {
      const batch = await this.#readPage(from, signal);
      if (batch !== undefined) return batch;
      if (this.#endsAtEnd) return undefined;
      await pause(this.#settings.pollMs, undefined, { signal });
    }
  }

  async close(): Promise<void> {}

  /** Undefined: the page has nothing new, and no page follows. */
  async #readPage(from: PagePosition, signal: AbortSignal): Promise<OriginBatch | undefined> {
    const page = await this.#client.get(this.#urlOf(from.cursor), signal);
    const text = new JsonText(page.body);
    if (text.root === undefined) throw unavailable(`${this.#host} gives a page that is not JSON`);
    const list = text.find(this.#settings.items ?? []);
    const items = list === undefined ? undefined : text.elements(list);
    if (items === undefined) throw unavailable(`${this.#host} gives a page without a list at \`items\`; correct it`);
    if (items.length > PAGE_RECORDS_MAX) {
      throw unavailable(
        `${this.#host} gives a page of ${items.length} records; ask for at most ${PAGE_RECORDS_MAX} in \`query\``,
      );
    }
    const hashes = items.map(({ start, end }) => hashOf(page.body.subarray(start, end)));
    const seen = new Set(from.seen);
    const fresh = items.flatMap(({ start, end }, index): FreshRecord[] => {
      const hash = hashes[index] as string;
      return seen.has(hash) ? [] : [{ record: { bytes: page.body, start, end }, hash }];
    });
    const cursor = this.#nextCursor(text, items.at(-1), page.link);
    const isLast = cursor === undefined || cursor === from.cursor;
    const taken = firstOf(fresh);
    if (taken.length < fresh.length) {
      const known = hashes.filter((hash) => seen.has(hash));
      return batchOf(taken, { ...from, seen: [...known, ...taken.map(({ hash }) => hash)] });
    }
    if (isLast && fresh.length === 0) return undefined;
    return batchOf(taken, { ...(isLast ? from : { cursor }), seen: hashes });
  }

  /** Undefined: no page follows. */
  #nextCursor(text: JsonText, last: { start: number; end: number } | undefined, link: string | null) {
    const { from, path = [] } = this.#settings.cursor;
    if (from === "link") return this.#nextLink(link);
    const root = from === "page" ? text.root : last;
    const part = root === undefined ? undefined : text.find(path, root);
    const cursor = part === undefined ? undefined : text.scalar(part);
    if (cursor === undefined || cursor.length <= CURSOR_CHARS_MAX) return cursor;
    throw unavailable(`${this.#host} gives a cursor of more than ${CURSOR_CHARS_MAX} characters`);
  }

  /** Returns the path of the next page, without the parameters of `query`, which may be secrets. */
  #nextLink(header: string | null): string | undefined {
    const next = header?.match(/<([^>]{1,4096})>[^,<]*;\s*rel="?next"?/i)?.[1];
    if (next === undefined) return undefined;
    const url = URL.parse(next, this.#settings.url);
    if (url === null || url.origin !== new URL(this.#settings.url).origin) {
      throw unavailable(`${this.#host} links to a next page of another origin`);
    }
    for (const name of Object.keys(this.#settings.query ?? {})) url.searchParams.delete(name);
    return `${url.pathname}${url.search}`;
  }

  #urlOf(cursor: string | undefined): URL {
    const { url: base, query = {}, cursor: rule } = this.#settings;
    const url = rule.from === "link" && cursor !== undefined ? new URL(cursor, base) : new URL(base);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    if (rule.from !== "link" && cursor !== undefined) url.searchParams.set(rule.param, cursor);
    return url;
  }

  get #host(): string {
    return new URL(this.#settings.url).host;
  }
}

/** As many records as a batch holds. */
function firstOf(fresh: readonly FreshRecord[]): readonly FreshRecord[] {
  let bytes = 0;
  const count = fresh.findIndex(({ record }, index) => {
    bytes += record.end - record.start;
    return index > 0 && bytes > ORIGIN_BATCH_BYTES_MAX;
  });
  return count === -1 ? fresh : fresh.slice(0, count);
}

function batchOf(taken: readonly FreshRecord[], position: PagePosition): OriginBatch {
  return { records: taken.map(({ record }) => record), position: position as unknown as Position };
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("base64url").slice(0, HASH_CHARS);
}
