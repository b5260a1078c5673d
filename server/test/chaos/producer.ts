/** Sends swaps into the topic at an even rate, with copies, late ones and removals, by the code of `generate --to kafka`. */
import { setTimeout as pause } from "node:timers/promises";
import { KafkaSink } from "../../src/cli/kafka-sink.ts";
import { KafkaProducer, type ProducedRecord } from "../../src/clients/kafka/producer.ts";
import { GENERATOR_DEFAULTS } from "../../src/generator/options.ts";
import { RECORD_BYTES_MAX, SwapGenerator } from "../../src/generator/swap-generator.ts";
import { connectionTo } from "../support/kafka-support.ts";

const TICK_MS = 50;
const OPEN_AGAIN_MS = 500;
const RETRIES = 5;
/** One of this many batches ends with an invalid record. */
const POISON_EVERY = 20;
const POISON = [`{"chain_id":1,"tx_hash":"0x1"`, "", "\u0000\u0001", `{"chain_id":1}`, `[{"a":1}]`].map((text) =>
  Buffer.from(text),
);

type ProducerOptions = {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly seed: number;
  readonly ratePerSecond: number;
  /** How much faster event time runs than the clock. */
  readonly eventTimeSpeed: number;
  readonly startMs: number;
  /** Share of swaps with future times. One that is not beyond the clock makes all others of its chain late for a while. Default: 0.001. */
  readonly future?: number;
};

export class ChaosProducer {
  /** Records handed over. A record that was sent again after a failure counts twice. */
  sent = 0;
  failures = 0;
  readonly #options: ProducerOptions;
  readonly #generator: SwapGenerator;
  readonly #record = new Uint8Array(RECORD_BYTES_MAX);
  #running: Promise<void> = Promise.resolve();
  #isStopping = true;
  #batches = 0;

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.#generator = new SwapGenerator({
      ...GENERATOR_DEFAULTS,
      ...{ tokens: 80, traders: 300, duplicates: 0.02, late: 0.01, future: options.future ?? 0.001, removed: 0.02 },
      ratePerSecond: options.ratePerSecond / options.eventTimeSpeed,
      seed: options.seed,
      startMs: options.startMs,
    });
  }

  start(): void {
    this.#isStopping = false;
    this.#running = this.#run();
    // Reported by `stop`, which every round ends with.
    this.#running.catch(() => {});
  }

  /** Resolves when the brokers have acknowledged everything that was sent. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    let batch: Uint8Array[] = [];
    while (!this.#isStopping || batch.length > 0) {
      let sink: KafkaSink | undefined;
      let poison: KafkaProducer | undefined;
      try {
        const { brokers, topic } = this.#options;
        sink = await KafkaSink.open({ connection: connectionTo(brokers), topic, label: topic });
        poison = new KafkaProducer(connectionTo(brokers), topic, RETRIES);
        const partitions = await poison.partitions();
        while (!this.#isStopping || batch.length > 0) {
          if (batch.length === 0) batch = this.#nextBatch();
          for (const line of batch) await sink.take(line, 0, line.length);
          await sink.flush();
          if (++this.#batches % POISON_EVERY === 0) await poison.send([this.#nextPoison(partitions)]);
          this.sent += batch.length;
          batch = [];
          await pause(TICK_MS);
        }
      } catch {
        // The brokers were away for longer than the client waits. The batch is sent again, as any careful producer does.
        this.failures += 1;
        await pause(OPEN_AGAIN_MS);
      } finally {
        await sink?.close().catch(() => {});
        await poison?.close().catch(() => {});
      }
    }
  }

  #nextPoison(partitions: number): ProducedRecord {
    const number = this.#batches / POISON_EVERY;
    return { partition: number % partitions, key: undefined, value: POISON[number % POISON.length] as Buffer };
  }

  #nextBatch(): Uint8Array[] {
    const count = Math.max(1, Math.round((this.#options.ratePerSecond * TICK_MS) / 1000));
    return Array.from({ length: count }, () => {
      const end = this.#generator.write(this.#record, 0);
      return this.#record.slice(0, end - 1);
    });
  }
}
