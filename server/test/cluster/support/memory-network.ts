/** A message system in memory. It loses, doubles and delays messages by its seed, and any part of it can be cut off. */
import type { ClusterTransport, LinkState, TransportListener } from "../../../src/cluster/transport.ts";
import type { Random } from "../../support/seed.ts";

type Faults = { readonly lose: number; readonly double: number; readonly delayMsMax: number };
export const NO_FAULTS: Faults = { lose: 0, double: 0, delayMsMax: 0 };

export class MemoryNetwork {
  faults: Faults = NO_FAULTS;
  /** Delivered messages by type. */
  readonly delivered = new Map<string, number>();
  readonly #random: Random;
  readonly #members = new Map<string, MemoryTransport>();

  constructor(random: Random) {
    this.#random = random;
  }

  transport(messageBytesMax = 64 * 1024): MemoryTransport {
    return new MemoryTransport(this, messageBytesMax);
  }

  join(address: string, member: MemoryTransport): void {
    this.#members.set(address, member);
  }

  leave(address: string): void {
    this.#members.delete(address);
  }

  /** To one address, or to all others. */
  carry(from: string, to: string | undefined, bytes: Uint8Array): void {
    for (const [address, member] of this.#members) {
      if (address === from || (to !== undefined && to !== address)) continue;
      const { lose, double, delayMsMax } = this.faults;
      if (this.#random.chance(lose)) continue;
      const copies = this.#random.chance(double) ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        const delayMs = delayMsMax === 0 ? 0 : this.#random.below(delayMsMax);
        const give = (): void => {
          const [, type = ""] = /"type":"([a-z]+)"/.exec(Buffer.from(bytes).toString("latin1", 0, 300)) ?? [];
          this.delivered.set(type, (this.delivered.get(type) ?? 0) + 1);
          member.take(Uint8Array.from(bytes));
        };
        if (delayMs === 0) setImmediate(give);
        else setTimeout(give, delayMs).unref();
      }
    }
  }
}

export class MemoryTransport implements ClusterTransport {
  readonly messageBytesMax: number;
  readonly #network: MemoryNetwork;
  #state: LinkState = "disconnected";
  #address = "";
  #listener: TransportListener | undefined;
  /** Cut off silently: neither side learns it, as with a cut cable. */
  isMute = false;

  constructor(network: MemoryNetwork, messageBytesMax: number) {
    this.#network = network;
    this.messageBytesMax = messageBytesMax;
  }

  get state(): LinkState {
    return this.#state;
  }

  get problem(): string | undefined {
    return this.#state === "connected" ? undefined : "cut off";
  }

  start(address: string, listener: TransportListener): void {
    this.#address = address;
    this.#listener = listener;
    this.#network.join(address, this);
    this.link(true);
  }

  /** Connects to the network, or disconnects. */
  link(isLinked: boolean): void {
    const state = isLinked ? "connected" : "disconnected";
    if (state === this.#state) return;
    this.#state = state;
    this.#listener?.onState(state);
  }

  announce(bytes: Uint8Array): void {
    if (this.#state === "connected" && !this.isMute) this.#network.carry(this.#address, undefined, bytes);
  }

  send(address: string, bytes: Uint8Array): void {
    if (this.#state === "connected" && !this.isMute) this.#network.carry(this.#address, address, bytes);
  }

  /** Takes a message that the network delivers. */
  take(bytes: Uint8Array): void {
    if (this.#state === "connected" && !this.isMute) this.#listener?.onMessage(bytes);
  }

  async close(): Promise<void> {
    this.#network.leave(this.#address);
    this.#listener = undefined;
  }
}
