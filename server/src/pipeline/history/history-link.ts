/** A worker's end of the connection with the history thread. */
import { RAW_MEMORY } from "../../codecs/raw-rows.ts";
import type { StreamKey } from "../../ports/history-store.ts";
import type { FromHistory, ToHistory } from "../../ports/history-stream.ts";

/** The part of a MessagePort that is used. */
type HistoryPort = {
  postMessage(message: ToHistory, moved: readonly ArrayBuffer[]): void;
  on(event: "message", call: (message: FromHistory) => void): unknown;
  close(): void;
};

/** Pieces of memory that wait for further raw rows. */
const SPARES_MAX = 4;

/** What a partition wants to know. */
export type DurableListener = {
  settledDurable(stream: StreamKey, sequence: number): void;
  rawDurable(writer: StreamKey, offset: number): void;
};

export class HistoryLink {
  readonly #port: HistoryPort;
  readonly #listeners = new Map<number, DurableListener>();
  #change = Promise.withResolvers<void>();
  #isFull = false;
  readonly #spares: Uint8Array<ArrayBuffer>[] = [];

  constructor(port: HistoryPort) {
    this.#port = port;
    port.on("message", (message) => this.#receive(message));
  }

  /** Whether the buffer of the history thread is full. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** The memory of rows moves to the history thread. */
  send(message: ToHistory): void {
    this.#port.postMessage(message, movedMemory(message));
  }

  /** Memory in which raw rows have gone to the history thread before. */
  takeSpare(): Uint8Array<ArrayBuffer> | undefined {
    return this.#spares.pop();
  }

  /** Tells the listener what becomes durable of the partition, in place of an earlier one. */
  listen(partition: number, listener: DurableListener): void {
    this.#listeners.set(partition, listener);
  }

  /** Resolves when the history thread has more room, or something became durable. */
  changed(): Promise<void> {
    return this.#change.promise;
  }

  /** The partition is released. */
  leave(partition: number): void {
    this.#listeners.delete(partition);
    this.send({ type: "leave", partition });
  }

  close(): void {
    this.send({ type: "end" });
    this.#port.close();
  }

  #receive(message: FromHistory): void {
    if (message.type === "spare") {
      this.#keepSpare(message.memory);
      return;
    }
    if (message.type === "full") this.#isFull = message.isFull;
    else if (message.type === "settled_durable") {
      this.#listeners.get(message.stream.partition)?.settledDurable(message.stream, message.sequence);
    } else this.#listeners.get(message.writer.partition)?.rawDurable(message.writer, message.offset);
    this.#change.resolve();
    this.#change = Promise.withResolvers();
  }

  #keepSpare(memory: Uint8Array<ArrayBuffer>): void {
    const isUseful = memory.length >= RAW_MEMORY.bytesMin && memory.length <= RAW_MEMORY.bytesMax;
    if (isUseful && this.#spares.length < SPARES_MAX) this.#spares.push(memory);
  }
}

function movedMemory(message: ToHistory): readonly ArrayBuffer[] {
  if (message.type === "raw") return [message.chunk.content.buffer];
  return message.type === "settled" ? [message.chunk.bytes.buffer] : [];
}
