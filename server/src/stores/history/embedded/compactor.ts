/**
 * Merges small files into hourly and daily ones, sums of minutes into monthly ones, and drops what no stream makes valid or what the retention ends. A merged file takes
 * the place of its sources in one transaction. The sources stay on disk for those who read an older list of files.
 */
import { SwapstatsError } from "../../../shared/errors.ts";
import { clipSpans, validSpans } from "../valid-spans.ts";
import type { Catalog, CatalogFile, Snapshot, Tier } from "./catalog.ts";
import type { ColdTier } from "./cold-tier.ts";
import { type Duck, failureOf } from "./duck.ts";
import type { HistoryFiles } from "./files.ts";
import { conditionOf, DAY_MS, floorTo, HOUR_MS, type Part } from "./plan.ts";

type Group = {
  readonly tier: Tier;
  readonly level: number;
  readonly fromMs: number;
  readonly files: readonly CatalogFile[];
};

/** Spans whose files are merged, for files below that level. */
const STEPS: Readonly<Record<Tier, readonly ((ms: number) => number)[]>> = {
  swaps: [(ms) => floorTo(ms, HOUR_MS), (ms) => floorTo(ms, DAY_MS)],
  events: [(ms) => floorTo(ms, HOUR_MS), (ms) => floorTo(ms, DAY_MS)],
  minutes: [(ms) => floorTo(ms, DAY_MS), monthOf],
  days: [monthOf, yearOf],
};
/** A span that still grows is merged when it has this many files that were never merged. */
const YOUNG_FILES = 16;
/** Swaps still come for a span that ended less than this before the newest swap. */
const SLACK_MS = 10 * 60_000;

export type CompactorOptions = {
  readonly retentionMs: number;
  /** Replaced files stay this long for those who read an older list. */
  readonly graceMs: number;
  readonly nowMs: () => number;
  /** Whether a query reads the file now. */
  readonly isRead: (file: Pick<CatalogFile, "id" | "isCold">) => boolean;
  readonly cold: ColdTier | undefined;
  /** Brings files of the second tier into the cache. Resolves with the paths below the folder of the history. */
  readonly fetch: (files: readonly CatalogFile[]) => Promise<string[]>;
};

export class Compactor {
  readonly #duck: Duck;
  readonly #catalog: Catalog;
  readonly #files: HistoryFiles;
  readonly #options: CompactorOptions;
  /** Files that are in S3 now, with their copies on this disk, and since when. The next open removes those of an ended process. */
  #moved: { readonly file: CatalogFile; readonly sinceMs: number }[] = [];

  constructor(duck: Duck, catalog: Catalog, files: HistoryFiles, options: CompactorOptions) {
    this.#duck = duck;
    this.#catalog = catalog;
    this.#files = files;
    this.#options = options;
  }

  /** One call at a time. Resolves with what was done, a sentence each. Rejects with the signal's reason between two merges. */
  async run(signal: AbortSignal): Promise<string[]> {
    const done = [...(await this.#removeReplaced()), ...this.#dropOld()];
    for (const group of groupsOf(this.#catalog.snapshot())) {
      signal.throwIfAborted();
      done.push(...(await this.#merge(group)));
    }
    for (const file of supersededFiles(this.#catalog.snapshot())) {
      signal.throwIfAborted();
      const { tier, level, fromMs } = file;
      done.push(...(await this.#merge({ tier, level, fromMs, files: [file] })));
    }
    return [...done, ...(await this.#moveOld(signal))];
  }

  async #removeReplaced(): Promise<string[]> {
    const { graceMs, nowMs, isRead } = this.#options;
    const isOver = (file: Pick<CatalogFile, "id" | "isCold">, sinceMs: number): boolean =>
      sinceMs <= nowMs() - graceMs && !isRead(file);
    for (const { file } of this.#moved.filter(({ file, sinceMs }) => isOver(file, sinceMs))) {
      await this.#files.remove(file);
      this.#moved = this.#moved.filter((moved) => moved.file !== file);
    }
    const files = this.#catalog.replacedFiles(nowMs() - graceMs + 1).filter((file) => !isRead(file));
    for (const file of files) {
      if (file.isCold) await this.#options.cold?.remove(file);
      await this.#files.remove(file);
      this.#catalog.transaction(() => this.#catalog.forgetFile(file.id));
    }
    return files.length === 0 ? [] : [`Removed ${files.length} files that merges replaced.`];
  }

  #dropOld(): string[] {
    const { retentionMs, nowMs } = this.#options;
    if (retentionMs === 0) return [];
    const old = this.#catalog.snapshot().files.filter(({ toMs }) => toMs <= nowMs() - retentionMs);
    if (old.length === 0) return [];
    this.#catalog.transaction(() => {
      for (const { id } of old) this.#catalog.replaceFile(id, nowMs());
    });
    return [`Dropped ${old.length} files that are older than the retention.`];
  }

  /** Moves old rows to the second tier; their sums stay here. When S3 is away they wait for the next call. */
  async #moveOld(signal: AbortSignal): Promise<string[]> {
    const { cold, nowMs } = this.#options;
    if (cold === undefined) return [];
    const old = this.#catalog
      .snapshot()
      .files.filter(
        ({ tier, toMs, isCold }) => (tier === "swaps" || tier === "events") && !isCold && cold.takes(toMs, nowMs()),
      );
    for (const file of old) {
      signal.throwIfAborted();
      await cold.upload(file);
      this.#catalog.transaction(() => this.#catalog.setCold(file.id));
      this.#moved.push({ file, sinceMs: nowMs() });
    }
    return old.length === 0 ? [] : [`Moved ${old.length} files to S3.`];
  }

  /** A file that cannot be read stops the merges of its group alone. */
  async #merge(group: Group): Promise<string[]> {
    const { tier, level, fromMs, files } = group;
    const span = `${tier} from ${new Date(fromMs).toISOString()}`;
    const { streams } = this.#catalog.snapshot();
    try {
      const paths = await this.#options.fetch(files);
      const merged = await this.#duck.use(async (connection) =>
        this.#files.write(connection, tier, level, this.#source(group, streams, paths)),
      );
      this.#catalog.transaction(() => {
        if (merged !== undefined) this.#catalog.addFile({ ...merged, streamsSeen: streams.at(-1)?.id ?? 0 });
        for (const { id } of files) this.#catalog.replaceFile(id, this.#options.nowMs());
      });
      return [`Merged ${files.length} files of ${span}, ${merged?.rows ?? 0} rows.`];
    } catch (error) {
      const failure = error instanceof SwapstatsError ? error : failureOf(error);
      if (failure.retryable) throw failure;
      return [];
    }
  }

  #source({ tier, files }: Group, streams: Snapshot["streams"], paths: readonly string[]): string {
    const source = `SELECT * FROM ${this.#files.scan(paths)}`;
    if (tier === "events") {
      // Of rows with one key that of the greatest epoch counts; equal ones are copies.
      const key = `log_id, partition, "offset", record_index`;
      return `${source} QUALIFY row_number() OVER (PARTITION BY ${key} ORDER BY epoch DESC) = 1`;
    }
    if (tier === "days") return source;
    const parts = validParts(streams, files);
    return `${source} WHERE ${parts.length === 0 ? "false" : conditionOf(parts, tier === "swaps" ? "event_time" : "start_time")}`;
  }
}

/** Where the streams of the files are valid. */
function validParts(streams: Snapshot["streams"], files: readonly CatalogFile[]): Part[] {
  const ids = new Set(files.flatMap((file) => file.streams.map(({ stream }) => stream)));
  return streams
    .filter(({ id }) => ids.has(id))
    .flatMap((stream) => validSpans(stream, streams).map((span) => ({ ...span, stream: stream.id, edge: undefined })));
}

/** Returns the files of swaps and minutes with rows at times where their stream is not valid. */
function supersededFiles({ streams, files }: Snapshot): CatalogFile[] {
  const newest = streams.at(-1)?.id ?? 0;
  const valid = new Map(streams.map((stream) => [stream.id, validSpans(stream, streams)]));
  return files.filter(
    ({ tier, streamsSeen, streams }) =>
      (tier === "swaps" || tier === "minutes") &&
      streamsSeen < newest &&
      streams.some((held) => {
        const inside = clipSpans(valid.get(held.stream) ?? [], held);
        return inside.length !== 1 || inside[0]!.fromMs !== held.fromMs || inside[0]!.toMs !== held.toMs;
      }),
  );
}

function groupsOf({ files }: Snapshot): Group[] {
  const newestMs = files.reduce((most, { toMs }) => Math.max(most, toMs), 0);
  const groups: Group[] = [];
  const taken = new Set<CatalogFile>();
  for (const tier of ["swaps", "events", "minutes", "days"] as const) {
    // The widest span first: a day that is over needs no hours.
    for (const [level, spanOf] of [...STEPS[tier].entries()].reverse()) {
      const within = files.filter(
        (file) =>
          file.tier === tier &&
          !file.isCold &&
          file.level <= level + 1 &&
          spanOf(file.fromMs) === spanOf(file.toMs - 1),
      );
      for (const [fromMs, group] of Map.groupBy(within, (file) => spanOf(file.fromMs))) {
        const free = group.filter((file) => !taken.has(file));
        const isOver = endOf(spanOf, fromMs) + SLACK_MS <= newestMs;
        const young = free.filter((file) => file.level === 0);
        const chosen = isOver ? free : young.length >= YOUNG_FILES ? young : [];
        if (chosen.length < 2) continue;
        for (const file of chosen) taken.add(file);
        groups.push({ tier, level: isOver ? level + 1 : 0, fromMs, files: chosen });
      }
    }
  }
  return groups;
}

function monthOf(ms: number): number {
  const date = new Date(ms);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
}

function yearOf(ms: number): number {
  return Date.UTC(new Date(ms).getUTCFullYear(), 0);
}

/** The begin of the span that follows. */
function endOf(spanOf: (ms: number) => number, fromMs: number): number {
  for (const stepMs of [HOUR_MS, DAY_MS, 31 * DAY_MS]) {
    const next = spanOf(fromMs + stepMs);
    if (next > fromMs) return next;
  }
  return spanOf(fromMs + 366 * DAY_MS);
}
