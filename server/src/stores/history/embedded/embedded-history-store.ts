/** The history in Parquet files below the data folder, read and written by DuckDB, with a catalog in SQLite. One process writes; others may read. */
import { mkdirSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type {
  Edge,
  HistoryBatch,
  HistoryGap,
  HistoryStatus,
  HistoryStore,
  RepairRun,
  SequenceRange,
  Span,
  StreamKey,
  SwapPage,
  TokenKey,
  TraderSets,
} from "../../../ports/history-store.ts";
import { SwapstatsError } from "../../../shared/errors.ts";
import { realFileSystem } from "../../file-system.ts";
import { isSameStream } from "../valid-spans.ts";
import { type Catalog, type CatalogFile, TIERS } from "./catalog.ts";
import { SCHEMA_VERSION } from "./catalog-schema.ts";
import { CACHE_FOLDER, UNFINISHED } from "./cold-cache.ts";
import { Compactor, type CompactorOptions } from "./compactor.ts";
import { diskFailure } from "./disk-failure.ts";
import type { Duck } from "./duck.ts";
import { HistoryFiles, TEMPORARY_FOLDER } from "./files.ts";
import { HistoryQueries, type View } from "./history-queries.ts";
import { HistoryWriter } from "./history-writer.ts";
import { publishCatalog } from "./published-catalog.ts";
import { missingIn } from "./ranges.ts";
import { verifyFiles } from "./verify-files.ts";
import { passWindows } from "./windows.ts";

type EmbeddedParts = {
  /** The folder of the history. */
  readonly folder: string;
  readonly duck: Duck;
  readonly catalog: Catalog;
  /** Why this process may not write, if so. */
  locked(): SwapstatsError | undefined;
  release(): void;
} & Omit<CompactorOptions, "isRead" | "fetch">;

const COPY_TRIES = 3;

/** Asks again when a copy of a file in S3 is gone: another process that shares the cache, and does not know what this one reads, made room. */
async function again<T>({ held }: View, ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await ask();
    } catch (error) {
      const isGone = error instanceof SwapstatsError && error.code === "storage_failed" && !error.retryable;
      if (!isGone || held.size === 0 || tries === COPY_TRIES) throw error;
    }
  }
}

export class EmbeddedHistoryStore implements HistoryStore {
  readonly #parts: EmbeddedParts;
  readonly #files: HistoryFiles;
  readonly #queries: HistoryQueries;
  readonly #writer: HistoryWriter;
  readonly #compactor: Compactor;
  /** Views of running queries. */
  readonly #views = new Set<View>();
  #appends: Promise<unknown> = Promise.resolve();
  #compactions: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(parts: EmbeddedParts) {
    const { folder, duck, catalog } = parts;
    this.#parts = parts;
    this.#files = new HistoryFiles(folder);
    this.#queries = new HistoryQueries(duck, this.#files);
    const isRead = ({ id, isCold }: Pick<CatalogFile, "id" | "isCold">): boolean =>
      [...this.#views].some(({ snapshot }) => snapshot.files.some((file) => file.id === id && file.isCold === isCold));
    const fetch = (files: readonly CatalogFile[]): Promise<string[]> => this.#read((view) => view.fetch(files));
    this.#writer = new HistoryWriter(duck, catalog, this.#files, fetch);
    this.#compactor = new Compactor(duck, catalog, this.#files, { ...parts, isRead, fetch });
  }

  async migrate(): Promise<readonly string[]> {
    try {
      return await this.#migrate();
    } catch (error) {
      throw diskFailure(error);
    }
  }

  beginStream(stream: StreamKey, span: Span): Promise<void> {
    return this.#change((catalog) => catalog.addStream(stream, span));
  }

  append(batch: HistoryBatch): Promise<void> {
    return this.#write(async () => {
      await this.#writer.append(batch);
      await this.#publish();
    });
  }

  noteGap(gap: HistoryGap): Promise<void> {
    return this.#change((catalog) => catalog.addGap(gap));
  }

  async missingSequences(stream: StreamKey, range: SequenceRange): Promise<SequenceRange[]> {
    const { catalog } = this.#parts;
    const held = catalog.snapshot().streams.find((one) => isSameStream(one, stream));
    return missingIn(held === undefined ? [] : catalog.heldRanges(held.id), range);
  }

  /** The lock of the folder keeps other processes away. */
  async repairAlone<T>(repair: RepairRun<T>): Promise<T> {
    this.#refuseLocked();
    return repair(async () => this.#refuseLocked());
  }

  /** Rows behind a mark were summed when they were appended. */
  closeGaps(stream: StreamKey, span: Span): Promise<void> {
    return this.#change((catalog) => catalog.removeGaps(stream, span));
  }

  /** Merges run beside appends, one call at a time. */
  async compact(signal: AbortSignal): Promise<readonly string[]> {
    this.#refuseLocked();
    const run = this.#compactions.then(() => this.#compactor.run(signal));
    this.#compactions = run.catch(() => {});
    const done = await run;
    if (done.length > 0) await this.#write(() => this.#publish());
    return done;
  }

  verify(signal: AbortSignal): Promise<readonly string[]> {
    return this.#read((view) => verifyFiles(this.#parts.duck, this.#files, view, signal));
  }

  sums(token: TokenKey, spans: readonly Span[], edges: readonly Edge[]) {
    return this.#read((view) => this.#queries.sums(view, token, spans, edges));
  }

  traders(token: TokenKey, span: Span, edges: readonly Edge[], others: TraderSets) {
    return this.#read((view) => this.#queries.traders(view, token, span, edges, others));
  }

  symbol(token: TokenKey, beforeMs: number) {
    return this.#read((view) => this.#queries.symbol(view, token, beforeMs));
  }

  candles(
    token: TokenKey,
    interval: { readonly ms: number } | "month",
    span: Span,
    edges: readonly Edge[],
    limit: number,
  ) {
    return this.#read((view) => this.#queries.candles(view, token, interval, span, edges, limit));
  }

  swaps(token: TokenKey, page: SwapPage, edges: readonly Edge[]) {
    return this.#read((view) => this.#queries.page(view, token, page, edges));
  }

  tokens(span: Span, edges: readonly Edge[], chainId: number | undefined) {
    return this.#read((view) => this.#queries.tokens(view, span, edges, chainId));
  }

  find(name: string): Promise<TokenKey[]> {
    return this.#read(async () => this.#parts.catalog.findTokens(name));
  }

  /** All windows see the same rows. */
  async *rows(span: Span, token: TokenKey | undefined, edges: readonly Edge[], signal: AbortSignal) {
    const view = this.#open();
    try {
      for (const window of passWindows(view.snapshot, span)) {
        signal.throwIfAborted();
        const rows = await again(view, () => this.#queries.rows(view, window, token, edges));
        if (rows.length > 0) yield rows;
      }
    } finally {
      this.#close(view);
    }
  }

  async status(): Promise<HistoryStatus> {
    const { catalog } = this.#parts;
    const { streams, files } = catalog.snapshot();
    const swaps = files.filter(({ tier }) => tier === "swaps");
    const held = streams.map(({ id, logId, partition, epoch, span, settledBeforeMs }) => {
      const ranges = catalog.heldRanges(id);
      const rows = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
      const [firstSequence, nextSequence] = [ranges[0]?.from ?? 0, ranges.at(-1)?.to ?? 0];
      return { logId, partition, epoch, span, firstSequence, nextSequence, rows, settledBeforeMs };
    });
    return {
      schemaVersion: SCHEMA_VERSION,
      streams: held,
      gaps: catalog.gaps(),
      rows: held.reduce((sum, { rows }) => sum + rows, 0),
      bytes: files.reduce((sum, { bytes }) => sum + bytes, 0),
      fromMs: swaps.length === 0 ? undefined : Math.min(...swaps.map(({ fromMs }) => fromMs)),
      toMs: swaps.length === 0 ? undefined : Math.max(...swaps.map(({ toMs }) => toMs)) - 1,
    };
  }

  /** Waits for the running write, and interrupts queries and merges. Closing again waits for the same. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    await this.#appends;
    await this.#parts.duck.close();
    await this.#compactions;
    this.#parts.cold?.close();
    this.#parts.catalog.close();
    this.#parts.release();
  }

  async #migrate(): Promise<readonly string[]> {
    const { folder, catalog } = this.#parts;
    const locked = this.#parts.locked();
    if (locked !== undefined && catalog.version() < SCHEMA_VERSION) throw lockedError(locked);
    for (const name of [TEMPORARY_FOLDER, CACHE_FOLDER, ...TIERS]) mkdirSync(join(folder, name), { recursive: true });
    const before = catalog.migrate();
    if (locked === undefined) await this.#removeUnfinished();
    if (before === 0) return [`Created the history in ${folder}.`];
    return before < SCHEMA_VERSION ? [`Brought the history in ${folder} to version ${SCHEMA_VERSION}.`] : [];
  }

  async #read<T>(run: (view: View) => Promise<T>): Promise<T> {
    const view = this.#open();
    try {
      return await again(view, () => run(view));
    } finally {
      this.#close(view);
    }
  }

  #open(): View {
    const { catalog } = this.#parts;
    const snapshot = catalog.snapshot();
    const settledBefore = (stream: number, sequence: number): number => catalog.settledBefore(stream, sequence);
    const held = this.#parts.cold?.hold() ?? new Set();
    const fetch = (files: readonly CatalogFile[], token?: string): Promise<string[]> => this.#fetch(files, token, held);
    const view = { snapshot, settledBefore, fetch, held };
    this.#views.add(view);
    return view;
  }

  #close(view: View): void {
    this.#views.delete(view);
    this.#parts.cold?.release(view.held);
  }

  /** Brings what is needed of the files in the second tier into the cache. */
  async #fetch(files: readonly CatalogFile[], token: string | undefined, held: Set<string>): Promise<string[]> {
    const { cold: tier } = this.#parts;
    const cold = files.filter(({ isCold }) => isCold).length;
    if (cold > 0 && tier === undefined) {
      const message = `The history needs ${cold} files that history.cold_after moved to S3. Set history.cold_after and stores.s3 again.`;
      throw new SwapstatsError("storage_failed", message);
    }
    const paths: string[] = [];
    for (const file of files) {
      paths.push(...(file.isCold && tier !== undefined ? await tier.fetch(file, token, held) : [file.path]));
    }
    return paths;
  }

  #change(change: (catalog: Catalog) => void): Promise<void> {
    return this.#write(async () => {
      this.#parts.catalog.transaction(() => change(this.#parts.catalog));
      await this.#publish();
    });
  }

  /** One write at a time. */
  async #write(run: () => Promise<void>): Promise<void> {
    this.#refuseLocked();
    const done = this.#appends.then(run);
    this.#appends = done.catch(() => {});
    await done;
  }

  #publish(): Promise<void> {
    return publishCatalog(this.#parts.folder, this.#parts.catalog.snapshot());
  }

  #refuseLocked(): void {
    const locked = this.#parts.locked();
    if (locked !== undefined) throw lockedError(locked);
  }

  /** Files that no transaction of the catalog names were being written when a process ended. */
  async #removeUnfinished(): Promise<void> {
    const { folder, catalog } = this.#parts;
    const known = catalog.knownPaths();
    for (const name of await readdir(join(folder, TEMPORARY_FOLDER))) {
      await realFileSystem.remove(join(folder, TEMPORARY_FOLDER, name));
    }
    for (const name of await readdir(join(folder, CACHE_FOLDER))) {
      if (name.endsWith(UNFINISHED)) await realFileSystem.remove(join(folder, CACHE_FOLDER, name));
    }
    for (const tier of TIERS) {
      for (const day of await readdir(join(folder, tier))) {
        for (const name of await readdir(join(folder, tier, day))) {
          const path = `${tier}/${day}/${name}`;
          if (!known.has(path)) await realFileSystem.remove(join(folder, path));
        }
      }
    }
  }
}

function lockedError(cause: SwapstatsError): SwapstatsError {
  const message = `Another process writes this history, so this one only reads it. ${cause.message}`;
  return new SwapstatsError("data_folder_locked", message, { cause });
}
