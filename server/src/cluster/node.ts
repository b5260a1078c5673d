/**
 * One instance among others: announces itself, hears the others, and gives the bus the workers of all of them (`BusWorkers`). Peers (peers.ts)
 * knows who answers for which partition, ClusterLink (link.ts) sends messages and waits for responses, ClusterServer (server.ts) serves the
 * others, and RemoteFeeds (remote-feeds.ts) listens to their feeds.
 */

import type { CircuitStatus } from "@swapstats/protocol/schemas/service.ts";
import type { BusWorker, BusWorkers, Cover, CoveredResponse, OpenFeed } from "../bus/bus-workers.ts";
import { openAtWorker, type WorkerPort } from "../bus/local-workers.ts";
import type { RequestKind, RequestOf } from "../bus/requests.ts";
import type { FeedUpdate } from "../bus/responses.ts";
import type { SharedClock } from "../bus/shared-clock.ts";
import type { ChannelSpec } from "../ports/stats-bus.ts";
import type { SwapstatsError } from "../shared/errors.ts";
import type { OwnedPartition } from "./contract.ts";
import { ClusterLink } from "./link.ts";
import { PeerTable } from "./peers.ts";
import { addressOf, CLUSTER_FORMAT, type ClusterMessage, type Format, type ItemsMessage } from "./protocol.ts";
import { RemoteFeeds } from "./remote-feeds.ts";
import { ClusterServer } from "./server.ts";
import { CIRCUIT_OF, type ClusterTransport, type LinkState } from "./transport.ts";

/** Time between two announcements of an instance. */
export const ANNOUNCE_EVERY_MS = 1_000;
export const ASK_TIMEOUT_MS = 2_500;
/** Interval of a listener's keep-alives, and the silence after which a listener is dropped, in announcement periods. */
const KEEP_ALIVE_PERIODS = 3;
const LISTENER_PERIODS = 10;
/** A timer that comes later than this many periods means that the process did not run. */
const SLEPT_PERIODS = 2;

export type ClusterNodeOptions = {
  readonly instance: string;
  /** Start of this run, ms since 1970. */
  readonly incarnation: number;
  readonly version: string;
  /** The workers of this process, in a fixed order. A worker serves its ready partitions, whatever the state of the others. */
  readonly workers: readonly WorkerPort[];
  readonly partitions: number;
  readonly transport: ClusterTransport;
  readonly clock: SharedClock;
  readonly announceEveryMs: number;
  readonly askTimeoutMs: number;
  /** The newest format that it reads and writes, by default the newest of this version. Tests of upgrades set a lower one. */
  readonly format?: Format;
};

export class ClusterNode implements BusWorkers {
  readonly own: readonly BusWorker[];
  readonly mayBeAway = true;
  readonly peers: PeerTable;
  readonly remoteFeeds: RemoteFeeds;
  readonly server: ClusterServer;
  readonly #options: ClusterNodeOptions;
  readonly #format: Format;
  readonly #link: ClusterLink;
  readonly #nowMs = (): number => performance.now();
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #seq = 0;
  #ticks = 0;
  #lastTickMs = 0;
  #seenVersion = 0;
  #isLinked = false;
  /** When the connection was made or lost, ms since 1970. */
  #linkSinceMs: number;
  #isClosed = false;

  constructor(options: ClusterNodeOptions) {
    this.#options = options;
    this.#linkSinceMs = options.incarnation;
    const { instance, incarnation, version, partitions, transport, workers, announceEveryMs, askTimeoutMs } = options;
    const format = options.format ?? CLUSTER_FORMAT;
    this.#format = format;
    const nowMs = this.#nowMs;
    const reach = (address: string | undefined, worker: number) => this.#reach(address, worker);
    this.peers = new PeerTable({ instance, incarnation, version, partitions, reach, nowMs });
    const formatFor = (address: string): Format => this.peers.formatFor(address, format);
    this.own = workers.map((_, index) => ({
      ...{ key: `/${index}`, isLocal: true, parts: new Map(), ...this.#reach(undefined, index) },
    }));
    this.#link = new ClusterLink({
      transport,
      address: addressOf(instance, incarnation),
      ...{ newestFormat: format, formatFor, askTimeoutMs, nowMs },
      high: () => this.#high(),
      onMessage: (from, message) => this.#receive(from, message),
      onForeign: (from, theirs) => this.peers.refuseFormat(from, theirs, format),
      onState: (state) => this.#linkChanged(state),
    });
    this.remoteFeeds = new RemoteFeeds({ link: this.#link, openTimeoutMs: askTimeoutMs, nowMs });
    this.server = new ClusterServer({
      ...{ workers, formatFor, link: this.#link },
      coversOf: (worker) => this.#coversOf(worker),
      silentMs: announceEveryMs * LISTENER_PERIODS,
      nowMs,
    });
  }

  get linkState(): LinkState {
    return this.#options.transport.state;
  }

  /** The link as a circuit to the server. */
  get circuit(): CircuitStatus {
    const { instance } = this.#options;
    return { instance, dependency: "nats", state: CIRCUIT_OF[this.linkState], since: this.#linkSinceMs };
  }

  /** Returns sentences for status: instances with unreadable messages, and the reason why none can be reached. */
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

  get all(): readonly BusWorker[] {
    return this.peers.workers;
  }

  get partitions(): number {
    return this.peers.partitions;
  }

  get version(): number {
    return this.peers.version;
  }

  get isCachingSafe(): boolean {
    return !this.peers.isSuperseded;
  }

  ownerOf(partition: number): BusWorker | undefined {
    return this.peers.ownerOf(partition);
  }

  isCurrent(partition: number, epoch: string): boolean {
    return this.peers.isCurrent(partition, epoch);
  }

  confirm(partition: number, epoch: string): void {
    this.peers.raiseFloor(partition, epoch);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Returns the interface of a worker of this or of another instance. */
  #reach(address: string | undefined, worker: number): Pick<BusWorker, "ask" | "open"> {
    if (address === undefined) {
      const port = this.#options.workers[worker] as WorkerPort;
      return {
        ask: <K extends RequestKind>(request: RequestOf<K>): Promise<CoveredResponse<K>> =>
          this.server.ask(worker, request),
        open: (spec, onUpdate, onEnd) => openAtWorker(port, spec, onUpdate, onEnd),
      };
    }
    return {
      ask: <K extends RequestKind>(request: RequestOf<K>): Promise<CoveredResponse<K>> =>
        this.#link.ask(address, worker, request),
      open: (
        spec: ChannelSpec,
        onUpdate: (update: FeedUpdate) => void,
        onEnd: (error: SwapstatsError) => void,
      ): OpenFeed => this.remoteFeeds.open({ address, worker, spec }, onUpdate, onEnd),
    };
  }

  /** Announces the end, so that the others need not detect it by silence. */
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

  /** A faulty message never ends this process. */
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
        for (const item of message.items) this.server.closeFeed(from, item);
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
    const isLinked = state === "connected";
    if (isLinked !== this.#isLinked) this.#linkSinceMs = Date.now();
    this.#isLinked = isLinked;
    this.peers.setLinked(isLinked);
    if (isLinked) {
      this.#announce(true, false);
      this.remoteFeeds.keepAlive();
    }
    this.#tellIfChanged();
  }

  #announce(asks: boolean, leaving: boolean): void {
    const { instance, incarnation, version, announceEveryMs } = this.#options;
    const { ownPartitions } = this.peers;
    const owned = this.peers.owned.map(({ partition, epoch, worker }) => ({ partition, epoch, host: worker }));
    this.#seq += 1;
    const what = { partitions: ownPartitions, owned, high: this.#high(), everyMs: announceEveryMs, leaving, asks };
    const head = { type: "announce", instance, incarnation, version, seq: this.#seq } as const;
    this.#link.announce({ ...head, ...what, ...(this.#format > 1 ? { reads: this.#format } : {}) });
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

  #coversOf(worker: number): Cover[] {
    return this.peers.owned.flatMap((one): Cover[] => (one.worker === worker ? [[one.partition, one.epoch]] : []));
  }

  #high(): number {
    const { clock } = this.#options;
    return clock.handle.mode === "event" ? clock.now() : 0;
  }
}
