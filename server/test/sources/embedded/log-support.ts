/** Helpers for tests of the embedded log. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { RecordBatch } from "../../../src/ports/source.ts";
import type { LogDatabase } from "../../../src/sources/embedded/log-database.ts";
import { BatchBuilder } from "../../../src/sources/embedded/log-format.ts";
import { EmbeddedLogReader } from "../../../src/sources/embedded/log-reader.ts";
import type { LogAppend, LogWriterOptions } from "../../../src/sources/embedded/log-writer.ts";
import { EmbeddedLogWriter, LOG_DATABASE_NAME, realLogParts } from "../../../src/sources/embedded/log-writer.ts";

export const START_MS = 1_767_225_600_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function batchOf(texts: readonly string[]): BatchBuilder {
  const batch = new BatchBuilder();
  for (const text of texts) {
    const bytes = encoder.encode(`<${text}>`);
    batch.add(bytes, 1, bytes.length - 1);
  }
  return batch;
}

export function appendOf(partition: number, texts: readonly string[]): LogAppend {
  return { partition, batch: batchOf(texts) };
}

export function openWriter(folder: string, options: Partial<LogWriterOptions> = {}): EmbeddedLogWriter {
  mkdirSync(folder, { recursive: true });
  return new EmbeddedLogWriter({
    folder,
    partitions: 1,
    retentionMs: 3_600_000,
    retentionBytes: 1024 ** 3,
    nowMs: START_MS,
    ...realLogParts,
    ...options,
  });
}

export function openReader(folder: string, partition = 0, writer?: EmbeddedLogWriter): EmbeddedLogReader {
  return new EmbeddedLogReader({
    path: join(folder, LOG_DATABASE_NAME),
    partition,
    release: (offset) => writer?.release(partition, offset),
    openAt: (offset, formerLogId) => {
      if (formerLogId !== undefined) writer?.addFormerId(formerLogId);
      writer?.raiseEnd(partition, offset, START_MS);
    },
    onClose: () => {},
  });
}

export function textsOf(batch: RecordBatch): string[] {
  return Array.from({ length: batch.count }, (_, i) =>
    decoder.decode(batch.payload.subarray(i === 0 ? 0 : batch.ends[i - 1], batch.ends[i])),
  );
}

export const never: AbortSignal = new AbortController().signal;

/** All records from `position` to the end, through `read`. */
export async function readAll(reader: EmbeddedLogReader, position = 0, maxBytes = 1000): Promise<string[]> {
  const { endOffset } = await reader.range();
  const texts: string[] = [];
  let next = position;
  while (next < endOffset) {
    const batch = await reader.read(next, maxBytes, never);
    texts.push(...textsOf(batch));
    next = batch.nextOffset;
  }
  return texts;
}

/** A database whose calls go through `before`, which may throw or say that the call is lost. */
export function tappedDatabase(inner: LogDatabase, before: (call: keyof LogDatabase) => "do" | "lose"): LogDatabase {
  const tap = <A extends unknown[], R>(name: keyof LogDatabase, call: (...values: A) => R, lost: R) => {
    return (...values: A): R => (before(name) === "do" ? call(...values) : lost);
  };
  return {
    begin: tap("begin", () => inner.begin(), undefined),
    commit: tap("commit", () => inner.commit(), undefined),
    rollback: () => inner.rollback(),
    insert: tap("insert", (...values) => inner.insert(...values), undefined),
    remove: tap("remove", (...values) => inner.remove(...values), undefined),
    insertGap: tap("insertGap", (...values) => inner.insertGap(...values), undefined),
    first: (partition) => inner.first(partition),
    last: (partition) => inner.last(partition),
    gaps: (partition) => inner.gaps(partition),
    usedBytes: () => inner.usedBytes(),
    readSetting: (name) => inner.readSetting(name),
    writeSetting: (...values) => inner.writeSetting(...values),
    emptyWal: tap("emptyWal", () => inner.emptyWal(), true),
    close: () => inner.close(),
  };
}
