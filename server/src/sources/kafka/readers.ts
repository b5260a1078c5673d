/** The Kafka source in a worker: its readers share connections, and dead letters go to a topic. */
import type { TopicIdentity } from "../../clients/kafka/topic-view.ts";
import type { SourceReaders } from "../../ports/source.ts";
import { openDeadLetterTopic } from "./dead-letter-topic.ts";
import { FetchLoop } from "./fetch-loop.ts";
import { KafkaPartitionReader } from "./partition-reader.ts";
import {
  type KafkaCounters,
  type KafkaReader,
  type KafkaReaders,
  type KafkaSourceSetup,
  newKafkaCounters,
} from "./setup.ts";

export type KafkaReaderSetup = KafkaSourceSetup & { readonly deadLetterTopic: string };

export function openReaders(setup: KafkaReaderSetup): SourceReaders {
  const readers = openKafkaReaders(setup);
  return {
    open: (partition) => readers.reader(partition),
    deadLetters: openDeadLetterTopic(setup.connection, setup.topic, setup.deadLetterTopic),
    get problems() {
      return readers.problems;
    },
    close: () => readers.close(),
  };
}

/** Connects when the first reader is opened, or at the first request about the topic. */
export function openKafkaReaders(setup: KafkaSourceSetup): KafkaReaders {
  return new Readers(setup);
}

class Readers implements KafkaReaders {
  readonly #setup: KafkaSourceSetup;
  readonly #loop: FetchLoop;
  readonly #readers = new Map<number, KafkaPartitionReader>();
  /** By partition, for the life of the thread: a partition that comes back continues counting. */
  readonly #counters = new Map<number, KafkaCounters>();

  constructor(setup: KafkaSourceSetup) {
    this.#setup = setup;
    this.#loop = new FetchLoop(setup);
  }

  get problems(): readonly string[] {
    return this.#loop.problems;
  }

  reader(partition: number): KafkaReader {
    const reader = new KafkaPartitionReader(partition, this.#setup, this.#loop, this.#countersOf(partition), () => {
      if (this.#readers.get(partition) === reader) this.#readers.delete(partition);
    });
    this.#readers.set(partition, reader);
    return reader;
  }

  topic(): Promise<TopicIdentity> {
    return this.#loop.view.refresh();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#readers.values()].map((reader) => reader.close()));
    await this.#loop.close();
  }

  #countersOf(partition: number): KafkaCounters {
    let counters = this.#counters.get(partition);
    if (counters === undefined) {
      counters = newKafkaCounters();
      this.#counters.set(partition, counters);
    }
    return counters;
  }
}
