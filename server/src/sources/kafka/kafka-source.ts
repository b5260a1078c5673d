/** The Kafka source of one thread. */
import { FetchLoop } from "./fetch-loop.ts";
import { KafkaPartitionReader } from "./kafka-reader.ts";
import type { KafkaCounters, KafkaReader, KafkaReaders, KafkaSourceSetup, TopicIdentity } from "./kafka-setup.ts";

/** Connects when the first reader is opened, or the topic asked for. */
export function openKafkaReaders(setup: KafkaSourceSetup): KafkaReaders {
  return new Readers(setup);
}

class Readers implements KafkaReaders {
  readonly counters: KafkaCounters = {
    fetches: 0,
    fetchErrors: 0,
    bytes: 0,
    records: 0,
    controlRecords: 0,
    abortedRecords: 0,
    explainedHoles: 0,
    damagedReads: 0,
    leaderChanges: 0,
  };
  readonly #setup: KafkaSourceSetup;
  readonly #loop: FetchLoop;
  readonly #readers = new Map<number, KafkaPartitionReader>();
  #isProducersClock: boolean | undefined;

  constructor(setup: KafkaSourceSetup) {
    this.#setup = setup;
    this.#loop = new FetchLoop(setup, this.counters);
  }

  get problems(): readonly string[] {
    return this.#loop.problems;
  }

  get arrivalClock(): "broker" | "producer" | undefined {
    const clocks = [this.#isProducersClock, ...[...this.#readers.values()].map((reader) => reader.isProducersClock)];
    if (clocks.includes(true)) return "producer";
    return clocks.includes(false) ? "broker" : undefined;
  }

  reader(partition: number): KafkaReader {
    const reader = new KafkaPartitionReader(partition, this.#setup, this.#loop, this.counters, (clock) => {
      this.#isProducersClock = clock ?? this.#isProducersClock;
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
}
