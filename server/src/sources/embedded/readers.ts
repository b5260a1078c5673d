/** The embedded log in a worker: each partition is read from the database, and a port connects it with the log thread. A command reads it without. */
import type { MessagePort } from "node:worker_threads";
import type { PartitionReader, SourceReaders } from "../../ports/source.ts";
import type { LogNotice, LogOwnerRequest } from "./log-protocol.ts";
import { EmbeddedLogReader } from "./log-reader.ts";

export type EmbeddedReaderSetup = {
  /** The log's database file. */
  readonly logPath: string;
};

export function openReaders({ logPath: path }: EmbeddedReaderSetup): SourceReaders {
  return {
    open: (partition, port, onPressure) => openReader(path, partition, port, onPressure),
    deadLetters: undefined,
    problems: [],
    close: async () => {},
  };
}

/** Without a port nothing is released, and nothing is heard of records that come. */
function openReader(
  path: string,
  partition: number,
  port: MessagePort | undefined,
  onPressure: () => void,
): PartitionReader {
  const send = (request: LogOwnerRequest): void => port?.postMessage(request);
  const reader = new EmbeddedLogReader({
    path,
    partition,
    release: (offset) => send({ kind: "release", offset }),
    openAt: (offset, formerLogId) => send({ kind: "open", offset, formerLogId }),
    onClose: () => port?.close(),
  });
  port?.on("message", ({ endOffset, pressure, problem }: LogNotice) => {
    reader.notify(endOffset, pressure, problem);
    onPressure();
  });
  return reader;
}
