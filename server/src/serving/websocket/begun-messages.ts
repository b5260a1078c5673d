/**
 * Counts the bytes of messages that clients have received a part of. A client that stops reading in the middle of a long snapshot keeps the bytes of that
 * revision in memory until it is cut off as dead. Many such clients, each in another revision, would hold gigabytes. The bytes of a message are
 * counted once however many clients are in it, and beyond the bound the clients that began first are closed.
 */
import { lengthOf, type MessageFrames } from "./frames.ts";

export class BegunMessages<Client> {
  readonly #bytesMax: number;
  /** In the order of their beginning. */
  readonly #byClient = new Map<Client, MessageFrames>();
  readonly #readers = new Map<MessageFrames, number>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Notes that the client is in this message now, or in none. Returns the clients that have to be closed so that the bound holds. */
  set(client: Client, message: MessageFrames | undefined): Client[] {
    const before = this.#byClient.get(client);
    if (before === message) return [];
    if (before !== undefined) this.#release(client, before);
    if (message === undefined) return [];
    this.#byClient.set(client, message);
    const readers = this.#readers.get(message) ?? 0;
    this.#readers.set(message, readers + 1);
    if (readers === 0) this.#bytes += lengthOf(message);
    return this.#bytes > this.#bytesMax ? this.#evict(client) : [];
  }

  #evict(newest: Client): Client[] {
    const evicted: Client[] = [];
    for (const [client, message] of this.#byClient) {
      if (this.#bytes <= this.#bytesMax) break;
      if (client === newest) continue;
      this.#release(client, message);
      evicted.push(client);
    }
    return evicted;
  }

  #release(client: Client, message: MessageFrames): void {
    this.#byClient.delete(client);
    const readers = (this.#readers.get(message) ?? 1) - 1;
    if (readers > 0) this.#readers.set(message, readers);
    else {
      this.#readers.delete(message);
      this.#bytes -= lengthOf(message);
    }
  }
}
