/**
 * Sends the dead letters of the Kafka source to a topic of their own: the original bytes are the value, reason and
 * position are in the headers. While that topic is away they wait here, within bounds. Beyond the bounds `isFull` makes
 * the owner stop applying, so that none is lost. The same letter may arrive twice, after a retry or a replay; its
 * position identifies it.
 */
import type { KafkaConnection } from "../../clients/kafka/connection.ts";
import { KafkaProducer, type ProducedRecord } from "../../clients/kafka/producer.ts";
import type { DeadLetterSink, SourceDeadLetter } from "../../ports/source.ts";
import { SwapstatsError } from "../../shared/errors.ts";

export const DEAD_LETTERS_WAITING_MAX = 10_000;
const DEAD_LETTER_BYTES_WAITING_MAX = 16 * 1024 * 1024;
const GROUP_MAX = 500;
const RETRY_MS = 1_000;
/** Retries of the client within one attempt; the next attempt follows after RETRY_MS. */
const ATTEMPTS_RETRIED = 1;

type Letter = SourceDeadLetter & { readonly raw: Uint8Array };

/** The part of a producer that this file uses. */
type LetterProducer = Pick<KafkaProducer, "send" | "close" | "partitions">;

export class DeadLetterTopic implements DeadLetterSink {
  readonly #sourceTopic: string;
  readonly #producer: LetterProducer;
  #waiting: Letter[] = [];
  #waitingBytes = 0;
  #problem: string | undefined;
  #sending: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  #roomCalls: (() => void)[] = [];
  #written = 0;
  /** Number of letters that are sent together. */
  #groupMax = GROUP_MAX;

  constructor(sourceTopic: string, producer: LetterProducer) {
    this.#sourceTopic = sourceTopic;
    this.#producer = producer;
  }

  /** Why the latest write failed; undefined when it did not. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Letters that the brokers have acknowledged. */
  get written(): number {
    return this.#written;
  }

  /** Whether the caller applies no record before `room` resolves. Further letters are still kept. */
  get isFull(): boolean {
    return this.#waiting.length >= DEAD_LETTERS_WAITING_MAX || this.#waitingBytes >= DEAD_LETTER_BYTES_WAITING_MAX;
  }

  /** Copies bytes[start, end), which may be used again. */
  add(letter: SourceDeadLetter, bytes: Uint8Array, start: number, end: number): void {
    // `slice` would not copy, because the bytes of Kafka are a Buffer.
    const raw = new Uint8Array(bytes.subarray(start, end));
    this.#waiting.push({ ...letter, raw });
    this.#waitingBytes += raw.length;
    this.#begin();
  }

  /** Resolves when there is room, or the topic is closed. */
  room(): Promise<void> {
    if (!this.isFull || this.#isClosed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#roomCalls.push(resolve);
    });
  }

  /**
   * Tries to write what waits now; false when the topic is away, and it still waits. Commit a position only after this
   * returned true: then no letter before it is lost with the process.
   */
  async flush(): Promise<boolean> {
    this.#begin();
    while (this.#sending !== undefined) await this.#sending;
    return this.#waiting.length === 0;
  }

  /** Makes one attempt to write the letters that wait. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.flush();
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const call of this.#roomCalls.splice(0)) call();
    await this.#producer.close();
  }

  #begin(): void {
    if (this.#sending !== undefined || this.#waiting.length === 0 || this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sending = this.#send().finally(() => {
      this.#sending = undefined;
    });
  }

  /** Sends group by group, until all are written or one fails. */
  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting.slice(0, this.#groupMax);
      try {
        await this.#write(group);
      } catch (error) {
        // Sent one by one, the letters before the large one get through and are not repeated with it at each attempt.
        if (group.length > 1 && error instanceof SwapstatsError && error.code === "too_large") {
          this.#groupMax = 1;
          continue;
        }
        this.#problem = error instanceof Error ? error.message : String(error);
        this.#timer = setTimeout(() => this.#begin(), RETRY_MS);
        this.#timer.unref();
        return;
      }
      this.#waiting = this.#waiting.slice(group.length);
      this.#waitingBytes -= group.reduce((sum, { raw }) => sum + raw.length, 0);
      this.#written += group.length;
      this.#problem = undefined;
      if (!this.isFull) for (const call of this.#roomCalls.splice(0)) call();
    }
    this.#groupMax = GROUP_MAX;
  }

  async #write(group: readonly Letter[]): Promise<void> {
    const partitions = await this.#producer.partitions();
    await this.#producer.send(group.map((letter) => this.#recordOf(letter, partitions)));
  }

  #recordOf({ code, message, partition, offset, arrivalMs, raw }: Letter, partitions: number): ProducedRecord {
    return {
      partition: partition % partitions,
      key: undefined,
      value: Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength),
      headers: {
        code,
        message,
        topic: this.#sourceTopic,
        partition: String(partition),
        offset: String(offset),
        arrival: String(arrivalMs),
      },
    };
  }
}

/** Connects at the first letter. */
export function openDeadLetterTopic(connection: KafkaConnection, sourceTopic: string, topic: string): DeadLetterTopic {
  return new DeadLetterTopic(sourceTopic, new KafkaProducer(connection, topic, ATTEMPTS_RETRIED));
}
