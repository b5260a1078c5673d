/** The Kafka source of one thread. */
import { FetchLoop } from "./fetch-loop.ts";
import { KafkaPartitionReader } from "./kafka-reader.ts";
import {
  type KafkaCounters,
  type KafkaReader,
  type KafkaReaders,
  type KafkaSourceSetup,
  newKafkaCounters,
  type TopicIdentity,
} from "./kafka-setup.ts";

/** Connects when the first reader is opened, or the topic asked for. */
export function openKafkaReaders(setup: KafkaSourceSetup): KafkaReaders {
  return new Readers(setup);
}

class Readers implements KafkaReaders {
  readonly #setup: KafkaSourceSetup;
  readonly #loop: FetchLoop;
  readonly #readers = new Map<number, KafkaPartitionReader>();
  /** By partition, for as long as the thread lives: a partition that comes back goes on counting. */
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
