/** Opens the readers of a worker's partitions, from whichever source it was told of. */
import type { MessagePort } from "node:worker_threads";
import type { LogNotice, LogOwnerRequest } from "../../sources/embedded/log-protocol.ts";
import { EmbeddedLogReader } from "../../sources/embedded/log-reader.ts";
import type { DeadLetterSink } from "../dead-letter-buffer.ts";
import type { LogReader } from "../log-follower.ts";
import type { SourceSetup, WorkerPartition } from "./worker-setup.ts";

export type PartitionReaders = {
  /** `onPressure` is called when the log may have changed its mind about its room. */
  open(partition: WorkerPartition, onPressure: () => void): LogReader;
  /** Where the source's dead letters go beside the store for looking at; undefined where there is no such place. */
  readonly deadLetters: DeadLetterSink | undefined;
  /** What is not as it should be with the source as a whole: plain sentences. */
  readonly problems: readonly string[];
  close(): Promise<void>;
};

/** The client of Kafka is imported where it is used alone: it costs a start time that the embedded form need not pay. */
export async function openReaders(source: SourceSetup): Promise<PartitionReaders> {
  if (source.kind === "kafka") {
    const { openKafkaReaders } = await import("../../sources/kafka/kafka-source.ts");
    const { openDeadLetterTopic } = await import("../../sources/kafka/dead-letter-topic.ts");
    const { connection, topic } = source.setup;
    const readers = openKafkaReaders(source.setup);
    return {
      deadLetters: openDeadLetterTopic(connection, topic, source.deadLetterTopic),
      open: ({ partition }) => readers.reader(partition),
      get problems() {
        return readers.problems;
      },
      close: () => readers.close(),
    };
  }
  return {
    open: ({ partition, logPort }, onPressure) =>
      embeddedReader(source.logPath, partition, logPort as MessagePort, onPressure),
    deadLetters: undefined,
    problems: [],
    close: async () => {},
  };
}

function embeddedReader(path: string, partition: number, port: MessagePort, onPressure: () => void): LogReader {
  const send = (request: LogOwnerRequest): void => port.postMessage(request);
  const reader = new EmbeddedLogReader({
    path,
    partition,
    release: (offset) => send({ kind: "release", offset }),
    openAt: (offset, formerLogId) => send({ kind: "open", offset, formerLogId }),
  });
  port.on("message", ({ endOffset, pressure, problem }: LogNotice) => {
    reader.notify(endOffset, pressure, problem);
    onPressure();
  });
  return reader;
}
