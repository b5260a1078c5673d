/** NATS between the instances: the subject `<prefix>.all` for all of them, and `<prefix>.to.<address>` for one. */
import { KeptNatsConnection } from "../clients/nats/connection.ts";
import type { NatsConfig } from "../config/build/nats.ts";
import type { ClusterTransport, LinkState, TransportListener } from "./transport.ts";

type NatsTransportOptions = {
  readonly settings: NatsConfig;
  /** Name of the connection in the server's monitoring. */
  readonly name: string;
  /** Part of the subjects that is equal for instances that exchange messages. Letters, digits, `-` and `_`. */
  readonly cluster: string;
};

const FRAME_BYTES_MAX = 512 * 1024;
const FRAME_BYTES_MIN = 4 * 1024;

export class NatsTransport implements ClusterTransport {
  readonly #options: NatsTransportOptions;
  #connection: KeptNatsConnection | undefined;

  constructor(options: NatsTransportOptions) {
    this.#options = options;
  }

  get messageBytesMax(): number {
    return Math.min(FRAME_BYTES_MAX, this.#connection?.messageBytesMax ?? FRAME_BYTES_MAX);
  }

  get state(): LinkState {
    return this.#connection?.state ?? "disconnected";
  }

  get problem(): string | undefined {
    const failure = this.#connection === undefined ? "not connected yet" : this.#connection.failure;
    if (failure === undefined) return undefined;
    return `Not connected to NATS (${failure}); the tokens of other instances are served as stale until it is back.`;
  }

  start(address: string, listener: TransportListener): void {
    const { settings, name } = this.#options;
    this.#connection = new KeptNatsConnection({
      settings,
      name,
      subjects: [this.#all, this.#to(address)],
      messageBytesMin: FRAME_BYTES_MIN,
      onMessage: (bytes) => listener.onMessage(bytes),
      onState: (state) => listener.onState(state),
    });
    this.#connection.start();
  }

  announce(bytes: Uint8Array): void {
    this.#connection?.publish(this.#all, bytes);
  }

  send(address: string, bytes: Uint8Array): void {
    this.#connection?.publish(this.#to(address), bytes);
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  get #all(): string {
    return `swapstats.${this.#options.cluster}.all`;
  }

  #to(address: string): string {
    return `swapstats.${this.#options.cluster}.to.${address}`;
  }
}
