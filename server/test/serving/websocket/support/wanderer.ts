/** A client that loses its connections, pauses and changes its channels at random, and resumes what it held, at any instance. */
import assert from "node:assert/strict";
import type { ServerMessage } from "@swapstats/protocol/schemas/websocket.ts";
import type { EncodingProtocol } from "@swapstats/protocol/websocket.ts";
import type { Random } from "../../../support/seed.ts";
import { within } from "../../../support/within.ts";
import { TestClient } from "./client.ts";
import { CHANNELS, OVERVIEW, type Revisions, watch } from "./revisions.ts";

/** The channel of a screener has no other name than its query. */
const QUERY = {
  filter: {
    or: [
      { field: "trades", window: "10s", gte: 1 },
      { field: "chain_id", in: [56] },
    ],
  },
  sort: [{ field: "volume_usd", window: "20s" }],
  ...{ windows: ["10s"], fields: ["volume_usd", "trades"] },
};
const ALL = [...CHANNELS, OVERVIEW, "candles:1:aa:1s", "candles:56:cc:5s", "market"];
/** One of each kind, as a client asks for them. */
export const ASKED = [...ALL, { channel: "screener", query: QUERY }];
export const isScreener = (channel: string): boolean => channel.startsWith("screener:");

const AGAIN_MS = 100;

export class Wanderer {
  readonly protocol: EncodingProtocol;
  readonly faults: string[] = [];
  readonly counts = { cuts: 0, recovered: 0, lost: 0 };
  client: TestClient;
  readonly #url: () => string;
  readonly #revisions: Revisions;
  /** Channels that this connection does not have, because their owner was away. */
  #missing: string[] = [];
  #requests = 0;
  #isPaused = false;

  private constructor(url: () => string, protocol: EncodingProtocol, revisions: Revisions) {
    this.#url = url;
    this.protocol = protocol;
    this.#revisions = revisions;
    this.client = this.#newClient();
  }

  /** `url` is called for each connection. */
  static async start(url: () => string, protocol: EncodingProtocol, revisions: Revisions): Promise<Wanderer> {
    const one = new Wanderer(url, protocol, revisions);
    await one.#opened();
    // On a busy machine an owner may not respond in time.
    while (!(await one.#ask({ subscribe: ASKED, checksum: true }, ASKED.length))) {}
    // It resumes what it holds: a channel whose connection is lost before its first snapshot would be forgotten.
    while (one.client.held.size < ASKED.length) await one.#heldMore();
    return one;
  }

  /** Does something at random. */
  async act(random: Random): Promise<void> {
    const dice = random.below(6);
    if (!this.#isConnected || dice < 2) await this.#comeBack(random.chance(0.5));
    else if (this.#missing.length > 0) await this.#resume(this.#missing);
    else if (dice === 2) await this.#pause(!this.#isPaused);
    else if (dice === 3) await this.#ask({ set: { channel: random.pick(ALL), conflate_ms: random.pick([0, 300]) } });
    else if (dice === 4) await this.#ask({ subscribe: random.pick(ALL), checksum: true });
  }

  /** Makes it an ordinary client with all channels. */
  async settle(): Promise<void> {
    while (!this.#isConnected || this.#missing.length > 0) {
      if (!this.#isConnected) await this.#comeBack(true);
      if (this.#missing.length === 0) break;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      await this.#resume(this.#missing);
    }
    if (this.#isPaused) await this.#pause(false);
    for (const channel of this.client.held.keys()) await this.#ask({ set: { channel, conflate_ms: 0 } });
  }

  close(): void {
    this.faults.push(...this.client.faults);
    this.client.ws.terminate();
  }

  async #heldMore(): Promise<void> {
    const { client } = this;
    await within(
      Promise.race([client.next("snapshot"), client.closed]),
      () => `${this.#where}: snapshots of ${ASKED.length} channels are awaited`,
    );
    assert.ok(this.#isConnected, `${this.#where}: closed before the first snapshots`);
  }

  get #isConnected(): boolean {
    return this.client.ws.readyState === this.client.ws.OPEN;
  }

  async #pause(isPaused: boolean): Promise<void> {
    await this.#ask({ pause: isPaused });
    this.#isPaused = isPaused;
  }

  /** Sends a request. Resolves when there is an answer for this many channels, or when the connection has ended. Returns whether there was no error. */
  async #ask(request: object, channels = 1): Promise<boolean> {
    const { client } = this;
    this.#requests += 1;
    const id = this.#requests;
    const { promise: done, resolve } = Promise.withResolvers<void>();
    let left = channels;
    let isFine = true;
    const take = (message: ServerMessage): void => {
      if (!("id" in message) || message.id !== id) return;
      if (message.type === "error") isFine = false;
      left -= "channels" in message ? message.channels.length : 1;
      if (message.type === "subscribed") {
        this.#missing = this.#missing.filter((channel) => !message.channels.includes(channel));
        for (const one of message.recovered ?? []) this.counts[one ? "recovered" : "lost"] += 1;
      }
      if (left <= 0) resolve();
    };
    const end = client.onEach(take);
    client.send({ id, ...request });
    const text = JSON.stringify(request);
    await within(
      Promise.race([done, client.closed]),
      () => `${this.#where}: ${left} responses to request ${id} are missing: ${text}`,
    );
    end();
    return isFine;
  }

  /** Loses the connection, orderly or not, and resumes what it held. */
  async #comeBack(isOrderly: boolean): Promise<void> {
    const before = this.client;
    if (isOrderly) before.ws.close();
    else before.ws.terminate();
    await within(before.closed, () => `${this.#where}: the connection does not close`);
    this.faults.push(...before.faults);
    this.counts.cuts += 1;
    this.#isPaused = false;
    this.client = this.#newClient();
    this.client.continueFrom(before);
    this.#expectPatches(this.client);
    await this.#opened();
    await this.#resume([...before.held.keys()]);
  }

  /** Of a channel that continues, the first message of a new connection is a patch. */
  #expectPatches(client: TestClient): void {
    let continuing = new Set<string>();
    client.onEach((message) => {
      if (message.type === "subscribed" && client.messages.length === 1) {
        continuing = new Set(message.channels.filter((_, i) => message.recovered?.[i]));
      }
      if (!("channel" in message) || !continuing.delete(String(message.channel))) return;
      if (message.type === "snapshot") this.faults.push(`${message.channel} was recovered, and yet a snapshot came`);
    });
  }

  async #resume(channels: readonly string[]): Promise<void> {
    this.#missing = [...channels];
    const resume = channels.map((channel) => {
      const held = this.client.held.get(channel);
      return {
        ...{ channel, epoch: held?.epoch ?? "", rev: held?.rev ?? 0 },
        ...(isScreener(channel) ? { query: QUERY } : {}),
      };
    });
    await this.#ask({ resume, checksum: true }, channels.length);
  }

  #newClient(): TestClient {
    const client = new TestClient(this.#url(), [this.protocol]);
    watch(client, this.#revisions, this.protocol);
    return client;
  }

  #opened(): Promise<void> {
    const opened = new Promise<void>((resolve, reject) => {
      this.client.ws.on("open", () => resolve());
      this.client.ws.on("error", reject);
    });
    return within(opened, () => `${this.#where}: the connection does not open`);
  }

  get #where(): string {
    return `${this.protocol}, ${this.client.standing}, without ${this.#missing.join(", ") || "none of its channels"}`;
  }
}
