/**
 * One instance among others: says what it is and has, hears what they are and have, and asks any thread of any of them
 * as if it were its own.
 */

import type { SharedClock } from "../bus/shared-clock.ts";
import type { Topic } from "../bus/worker-protocol.ts";
import type { SwapstatsError } from "../shared/errors.ts";
import type { LocalPart, OwnedPartition } from "./contract.ts";
import { ClusterLink, type PeerResult } from "./link.ts";
import { PeerTable, type Source } from "./peers.ts";
import {
  addressOf,
  CLUSTER_FORMAT,
  type ClusterMessage,
  type Cover,
  type ItemsMessage,
  type PeerRequest,
} from "./protocol.ts";
import { RemoteFeeds, type SourceUpdate } from "./remote-feeds.ts";
import { ClusterServer } from "./server.ts";
import type { ClusterTransport, LinkState } from "./transport.ts";

/** Time between two announcements of an instance. */
export const ANNOUNCE_EVERY_MS = 1_000;
export const ASK_TIMEOUT_MS = 2_500;
/** In announcement periods: how often listeners say that they are still there, and when a silent one is given up. */
const KEEP_ALIVE_PERIODS = 3;
const LISTENER_PERIODS = 10;
/** A timer that comes later than this many periods means that the process did not run. */
const SLEPT_PERIODS = 2;

export type ClusterNodeOptions = {
  readonly instance: string;
  /** When this run began, ms since 1970. */
  readonly incarnation: number;
  readonly version: string;
  readonly local: LocalPart;
  readonly partitions: number;
  readonly transport: ClusterTransport;
  readonly clock: SharedClock;
  readonly announceEveryMs: number;
  readonly askTimeoutMs: number;
};

export class ClusterNode {
  readonly peers: PeerTable;
  readonly remoteFeeds: RemoteFeeds;
  readonly server: ClusterServer;
  readonly #options: ClusterNodeOptions;
  readonly #link: ClusterLink;
  readonly #nowMs = (): number => performance.now();
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #seq = 0;
  #ticks = 0;
  #lastTickMs = 0;
  #seenVersion = 0;
  #isClosed = false;

  constructor(options: ClusterNodeOptions) {
    this.#options = options;
    const { instance, incarnation, version, partitions, transport, local, announceEveryMs, askTimeoutMs } = options;
    const nowMs = this.#nowMs;
    this.peers = new PeerTable({ instance, incarnation, version, partitions, nowMs });
    this.#link = new ClusterLink({
      transport,
      address: addressOf(instance, incarnation),
      askTimeoutMs,
      nowMs,
      high: () => this.#high(),
      onMessage: (from, message) => this.#receive(from, message),
      onForeign: (from, format) => this.peers.refuseFormat(from, format, CLUSTER_FORMAT),
      onState: (state) => this.#linkChanged(state),
    });
    this.remoteFeeds = new RemoteFeeds({ link: this.#link, openTimeoutMs: askTimeoutMs, nowMs });
    this.server = new ClusterServer({
      hosts: local.hosts,
      link: this.#link,
      coversOf: (host) => this.#coversOf(host),
      silentMs: announceEveryMs * LISTENER_PERIODS,
      nowMs,
    });
  }

  get linkState(): LinkState {
    return this.#options.transport.state;
  }

  /** Sentences for status: who cannot be understood, and why nobody can be reached. */
  get problems(): string[] {
    const { problem } = this.#options.transport;
    return [...this.peers.problems(), ...(problem === undefined ? [] : [problem])];
  }

  start(): void {
    this.#lastTickMs = this.#nowMs();
    this.#timer = setInterval(() => this.#tick(), this.#options.announceEveryMs);
    this.#timer.unref();
    this.#link.start();
  }

  setOwned(owned: readonly OwnedPartition[], partitions: number): void {
    this.peers.setOwned(owned, partitions);
    this.#announce(false, false);
    this.#tellIfChanged();
  }

  /** Called whenever who owns what has changed. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Asks a thread, here or elsewhere. Rejects with SwapstatsError, `unavailable` when it is away. */
  async ask<R extends PeerRequest>(source: Source, request: R): Promise<PeerResult<R["kind"]>> {
    if (source.address === undefined) return this.server.ask(source.host, request);
    return this.#link.ask(source.address, source.host, request);
  }

  /** Opens a topic at a thread, here or elsewhere; `onEnd` says that it could not be opened. */
  openTopic(
    source: Source,
    topic: Topic,
    onUpdate: (update: SourceUpdate) => void,
    onEnd: (error: SwapstatsError) => void,
  ): () => void {
    const { address, host } = source;
    if (address !== undefined) return this.remoteFeeds.open(address, host, topic, onUpdate, onEnd);
    let isClosed = false;
    let close: (() => void) | undefined;
    const port = this.#options.local.hosts[host] as LocalPart["hosts"][number];
    const opening = port.open(topic, (update) => {
      if (!isClosed) onUpdate(update);
    });
    opening.then(
      (opened) => {
        close = opened;
        if (isClosed) opened();
      },
      (error: SwapstatsError) => {
        if (!isClosed) onEnd(error);
      },
    );
    return () => {
      isClosed = true;
      close?.();
    };
  }

  /** Says goodbye, so that the others need not wait for the silence. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.peers.setOwned([], this.peers.ownPartitions);
    this.#announce(false, true);
    this.#link.close();
    this.server.close();
    this.#listeners.clear();
    await this.#options.transport.close();
  }

  /** Whatever a message holds, this process goes on. */
  #receive(from: string, message: ClusterMessage): void {
    if (this.#isClosed) return;
    try {
      this.#take(from, message);
    } catch (error) {
      this.peers.refuseMessage(from, error);
    }
  }

  #take(from: string, message: ClusterMessage): void {
    if (message.high > 0) this.#options.clock.raiseHigh(message.high);
    if (message.type === "announce") {
      const isNew = this.peers.take(message);
      if (isNew || message.asks) this.#announce(false, false);
    } else {
      this.peers.heard(from);
      this.#receiveItems(from, message);
    }
    this.#tellIfChanged();
  }

  #receiveItems(from: string, message: ItemsMessage): void {
    switch (message.type) {
      case "questions":
        for (const item of message.items) void this.server.answer(from, item);
        break;
      case "answers":
        break;
      case "open":
        for (const item of message.items) void this.server.open(from, item);
        break;
      case "close":
        for (const item of message.items) this.server.closeTopic(from, item);
        break;
      case "updates":
        for (const item of message.items) this.remoteFeeds.takeUpdate(from, item);
        break;
      case "ended":
        for (const item of message.items) this.remoteFeeds.takeEnded(from, item);
        break;
      case "listen":
        for (const item of message.items) this.server.listen(from, item);
        break;
      case "listening":
        for (const item of message.items) this.remoteFeeds.takeListening(from, item);
    }
  }

  #tick(): void {
    const nowMs = this.#nowMs();
    const elapsedMs = nowMs - this.#lastTickMs;
    this.#lastTickMs = nowMs;
    const everyMs = this.#options.announceEveryMs;
    const sleptMs = elapsedMs > everyMs * SLEPT_PERIODS ? elapsedMs : 0;
    this.#announce(sleptMs > 0, false);
    this.peers.sweep(sleptMs);
    this.server.sweep(sleptMs);
    this.remoteFeeds.sweep();
    this.#ticks += 1;
    if (this.#ticks % KEEP_ALIVE_PERIODS === 0) this.remoteFeeds.keepAlive();
    this.#tellIfChanged();
  }

  #linkChanged(state: LinkState): void {
    this.peers.setLinked(state === "connected");
    if (state === "connected") {
      this.#announce(true, false);
      this.remoteFeeds.keepAlive();
    }
    this.#tellIfChanged();
  }

  #announce(asks: boolean, leaving: boolean): void {
    const { instance, incarnation, version, announceEveryMs } = this.#options;
    const { owned, ownPartitions } = this.peers;
    this.#seq += 1;
    const what = { partitions: ownPartitions, owned, high: this.#high(), everyMs: announceEveryMs, leaving, asks };
    this.#link.announce({ type: "announce", instance, incarnation, version, seq: this.#seq, ...what });
  }

  #tellIfChanged(): void {
    if (this.peers.version === this.#seenVersion) return;
    const before = new Set(this.#knownAddresses);
    this.#knownAddresses = this.peers.addresses();
    for (const address of this.#knownAddresses) before.delete(address);
    for (const gone of before) this.#link.failPeer(gone);
    this.#seenVersion = this.peers.version;
    for (const listener of [...this.#listeners]) listener();
  }
  #knownAddresses: readonly string[] = [];

  #coversOf(host: number): Cover[] {
    return this.peers.owned.flatMap((one): Cover[] => (one.host === host ? [[one.partition, one.epoch]] : []));
  }

  #high(): number {
    const { clock } = this.#options;
    return clock.handle.mode === "event" ? clock.now() : 0;
  }
}
