/**
 * The table of instances and of the partitions that they serve. The last announcement of every instance is kept for a few announcement periods. If several
 * instances claim a partition, the one with the highest epoch has it, because the store grants each epoch once and in ascending order. The highest
 * seen epoch is a floor: an instance that responds with a lower one is a former owner.
 */

import { type BusWorker, partsText } from "../bus/bus-workers.ts";
import type { InstanceStatus } from "../ports/stats-bus.ts";
import { compareEpochs, type OwnedPartition } from "./contract.ts";
import { type Announcement, addressOf, type Format, instanceOfAddress } from "./protocol.ts";

const PEERS_MAX = 256;
/** Announcement periods of silence after which an instance is away. */
const SILENT_PERIODS = 3.5;
/** Time after which an unconfirmed floor is dropped, because the store of epochs may have been lost and re-created. */
const FLOOR_KEEP_MS = 60_000;
const REFUSED_KEEP_MS = 60_000;
const PROBLEMS_MAX = 20;

type Peer = { announcement: Announcement; readonly address: string; heardMs: number };
type Claim = { readonly address: string | undefined; readonly worker: number; readonly epoch: string };

/** The address of a worker of any instance. `address` is undefined for a worker of this process. */
type Reach = (address: string | undefined, worker: number) => Pick<BusWorker, "ask" | "open">;

type PeerTableOptions = {
  readonly instance: string;
  readonly incarnation: number;
  readonly version: string;
  readonly partitions: number;
  readonly reach: Reach;
  /** Monotonic time in ms. */
  readonly nowMs: () => number;
};

export class PeerTable {
  readonly #options: PeerTableOptions;
  readonly #peers = new Map<string, Peer>();
  readonly #floors = new Map<number, { epoch: string; heardMs: number }>();
  /** Senders whose messages are unreadable: the sentence for status, and the time of the last message. */
  readonly #refused = new Map<string, { problem: string; heardMs: number }>();
  #owned: readonly OwnedPartition[] = [];
  #ownPartitions: number;
  #partitions: number;
  #isLinked = false;
  #workers: readonly BusWorker[] = [];
  #byPartition = new Map<number, BusWorker>();
  #version = 0;
  #isSuperseded = false;

  constructor(options: PeerTableOptions) {
    this.#options = options;
    this.#ownPartitions = options.partitions;
    this.#partitions = options.partitions;
  }

  /** Changes whenever `workers` does. */
  get version(): number {
    return this.#version;
  }

  /** Number of partitions of the stream: the largest number that any instance reports. */
  get partitions(): number {
    return this.#partitions;
  }

  get owned(): readonly OwnedPartition[] {
    return this.#owned;
  }

  get ownPartitions(): number {
    return this.#ownPartitions;
  }

  get workers(): readonly BusWorker[] {
    return this.#workers;
  }

  /** True when another instance has, or had, taken over a partition that this one still regards as its own. */
  get isSuperseded(): boolean {
    return this.#isSuperseded;
  }

  ownerOf(partition: number): BusWorker | undefined {
    return this.#byPartition.get(partition);
  }

  addresses(): string[] {
    return [...this.#peers.keys()];
  }

  /** Returns the newest format that both the instance and this one know. */
  formatFor(address: string, newest: Format): Format {
    const reads = this.#peers.get(address)?.announcement.reads ?? 1;
    return Math.min(reads, newest) === 2 ? 2 : 1;
  }

  setOwned(owned: readonly OwnedPartition[], partitions: number): void {
    this.#owned = owned;
    this.#ownPartitions = partitions;
    this.#settle();
  }

  /** Notes whether there is a link. Without it no other instance receives requests. */
  setLinked(isLinked: boolean): void {
    this.#isLinked = isLinked;
    this.#settle();
  }

  /** Receives an announcement. Returns whether its instance was unknown. Late and repeated announcements have no effect. */
  take(announcement: Announcement): boolean {
    const { instance, incarnation, seq, leaving } = announcement;
    const address = addressOf(instance, incarnation);
    const known = this.#peers.get(address);
    if (known !== undefined && seq <= known.announcement.seq) return false;
    const nowMs = this.#options.nowMs();
    if (instance === this.#options.instance && incarnation !== this.#options.incarnation && !leaving) {
      this.#refuse(address, `Another running instance calls itself "${instance}"; give each its own app.instance_id.`);
    }
    for (const [otherAddress, other] of this.#peers) {
      if (other.announcement.instance !== instance || otherAddress === address) continue;
      // This is a delayed announcement of an earlier run, and the later run is alive.
      if (other.announcement.incarnation > incarnation) return false;
      this.#peers.delete(otherAddress);
    }
    if (known === undefined && this.#peers.size >= PEERS_MAX) {
      this.#refuse(address, `There are more than ${PEERS_MAX} instances; "${instance}" is not asked.`);
      return false;
    }
    if (known === undefined) this.#peers.set(address, { announcement, address, heardMs: nowMs });
    else {
      known.announcement = announcement;
      known.heardMs = nowMs;
    }
    if (leaving) this.#peers.delete(address);
    this.#settle();
    return known === undefined && !leaving;
  }

  /** Any message proves that its sender lives. */
  heard(address: string): void {
    const peer = this.#peers.get(address);
    if (peer !== undefined) peer.heardMs = this.#options.nowMs();
  }

  refuseFormat(address: string, format: number, own: number): void {
    const name = instanceOfAddress(address);
    this.#refuse(
      address,
      `Instance "${name}" speaks format ${format} of the bus between instances and this one format ${own}; its tokens are ` +
        "away here until both run versions with the same format.",
    );
  }

  refuseMessage(address: string, cause: unknown): void {
    const text = cause instanceof Error ? cause.message : String(cause);
    const name = instanceOfAddress(address);
    this.#refuse(address, `A message of instance "${name}" could not be understood, and had no effect: ${text}`);
  }

  /** Drops instances that are silent for too long. `sleptMs`: how long this process itself did not run, which is not counted. */
  sweep(sleptMs: number): void {
    const nowMs = this.#options.nowMs();
    for (const [address, peer] of this.#peers) {
      if (sleptMs > 0) peer.heardMs += sleptMs;
      if (nowMs - peer.heardMs > peer.announcement.everyMs * SILENT_PERIODS) this.#peers.delete(address);
    }
    for (const [partition, floor] of this.#floors) {
      if (nowMs - floor.heardMs > FLOOR_KEEP_MS) this.#floors.delete(partition);
    }
    for (const [address, { heardMs }] of this.#refused) {
      if (nowMs - heardMs > REFUSED_KEEP_MS) this.#refused.delete(address);
    }
    this.#settle();
  }

  /** Returns false for the epoch of a former owner, whose figures must not be shown. */
  isCurrent(partition: number, epoch: string): boolean {
    const floor = this.#floors.get(partition);
    return floor === undefined || compareEpochs(epoch, floor.epoch) >= 0;
  }

  /** Notes that an owner has responded with figures of this epoch. */
  raiseFloor(partition: number, epoch: string): void {
    const floor = this.#floors.get(partition);
    const order = floor === undefined ? 1 : compareEpochs(epoch, floor.epoch);
    if (order > 0) this.#floors.set(partition, { epoch, heardMs: this.#options.nowMs() });
    else if (order === 0 && floor !== undefined) floor.heardMs = this.#options.nowMs();
  }

  problems(): string[] {
    return [...this.#refused.values()].map(({ problem }) => problem).slice(0, PROBLEMS_MAX);
  }

  instances(): InstanceStatus[] {
    const partitionsOf = (owned: readonly { readonly partition: number }[]) =>
      owned.map((one) => one.partition).sort((a, b) => a - b);
    const { instance, version } = this.#options;
    const self: InstanceStatus = { instance, version, state: "self", partitions: partitionsOf(this.#owned) };
    const live = [...this.#peers.values()].map(({ announcement }): InstanceStatus => {
      const { instance: name, version: theirs, owned } = announcement;
      return { instance: name, version: theirs, state: "live", partitions: partitionsOf(owned) };
    });
    const refused = [...this.#refused.keys()].map(
      (address): InstanceStatus => ({
        instance: instanceOfAddress(address),
        version: "",
        state: "refused",
        partitions: [],
      }),
    );
    return [self, ...live, ...refused].sort((a, b) => (a.instance < b.instance ? -1 : a.instance > b.instance ? 1 : 0));
  }

  #refuse(address: string, problem: string): void {
    if (this.#refused.size >= PEERS_MAX && !this.#refused.has(address)) return;
    this.#refused.set(address, { problem, heardMs: this.#options.nowMs() });
  }

  /** Derives workers and owners from the claims. */
  #settle(): void {
    this.#partitions = this.#ownPartitions;
    for (const { announcement } of this.#peers.values()) {
      this.#partitions = Math.max(this.#partitions, announcement.partitions);
    }
    const claims = new Map<number, Claim>();
    const claim = ({ partition, epoch, worker }: OwnedPartition, address: string | undefined): void => {
      this.raiseFloor(partition, epoch);
      const other = claims.get(partition);
      if (other === undefined || compareEpochs(epoch, other.epoch) > 0)
        claims.set(partition, { address, worker, epoch });
    };
    for (const owned of this.#owned) claim(owned, undefined);
    if (this.#isLinked) {
      for (const { announcement, address } of this.#peers.values()) {
        for (const { host: worker, ...owned } of announcement.owned) claim({ ...owned, worker }, address);
      }
    }
    const workers = new Map<string, { worker: BusWorker; parts: Map<number, string> }>();
    const byPartition = new Map<number, BusWorker>();
    for (const [partition, { address, worker, epoch }] of claims) {
      if (!this.isCurrent(partition, epoch)) continue;
      const key = `${address ?? ""}/${worker}`;
      let entry = workers.get(key);
      if (entry === undefined) {
        const parts = new Map<number, string>();
        const reached = this.#options.reach(address, worker);
        entry = { worker: { key, isLocal: address === undefined, parts, ...reached }, parts };
        workers.set(key, entry);
      }
      entry.parts.set(partition, epoch);
      byPartition.set(partition, entry.worker);
    }
    const next = [...workers.values()].map((entry) => entry.worker);
    this.#isSuperseded = this.#owned.some(({ partition }) => {
      const owner = byPartition.get(partition);
      return owner?.isLocal !== true;
    });
    const isSame = signature(next) === signature(this.#workers);
    if (!isSame) {
      this.#workers = next;
      this.#byPartition = byPartition;
      this.#version += 1;
    }
  }
}

/** Returns equal texts for equal workers with equal partitions in equal epochs. */
function signature(workers: readonly BusWorker[]): string {
  return workers
    .map(({ key, parts }) => `${key}=${partsText(parts)}`)
    .sort()
    .join(";");
}
