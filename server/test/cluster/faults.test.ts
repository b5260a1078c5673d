import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { waitFor } from "../../../scripts/servers/process.ts";
import { compareEpochs } from "../../src/cluster/contract.ts";
import { type Random, randomFrom, seedOf } from "../support/seed.ts";
import { MemoryNetwork, type MemoryTransport, NO_FAULTS } from "./support/memory-network.ts";
import { ALL, freshValue, ModelCluster, type ModelInstance } from "./support/model-cluster.ts";
import { Watcher } from "./support/watcher.ts";

const PARTITIONS = 4;
const TOKENS = 12;
const STEPS = 150;
const RUNS = 4;
const OVERVIEW = { window: "5m", sort: "trades", order: "desc", limit: 5, cursor: undefined } as const;

/** A storm over a few instances, and everything that the clients of each were shown. */
class Storm {
  readonly network: MemoryNetwork;
  readonly cluster = new ModelCluster(PARTITIONS, TOKENS);
  readonly faults: string[] = [];
  readonly watchers: Watcher[] = [];
  readonly #random: Random;
  readonly #transports = new Map<ModelInstance, MemoryTransport>();
  readonly #shown = new Map<string, { epoch: string; rev: number }>();
  readonly #cut = new Set<ModelInstance>();
  readonly #asking = new Set<Promise<void>>();
  #started = 0;

  constructor(random: Random) {
    this.#random = random;
    this.network = new MemoryNetwork(random);
    for (let i = 0; i < 3; i++) this.start();
    for (let partition = 0; partition < PARTITIONS; partition++) {
      this.cluster.take(partition, random.pick(this.cluster.instances));
    }
  }

  start(): void {
    this.#started += 1;
    const transport = this.network.transport(4_096);
    // Some are of the version before, which knows the first format of messages alone.
    const format = this.#random.chance(0.3) ? 1 : 2;
    const instance = this.cluster.add(`instance ${this.#started}`, transport, 1 + this.#random.below(2), { format });
    this.#transports.set(instance, transport);
    const tokens = this.#random.shuffled([...this.cluster.ids]).slice(0, 4);
    const topics = [
      ...tokens.map((token) => ({ kind: "token", token, windows: ["5m"] }) as const),
      { kind: "overview", window: "5m", sort: "trades", limit: 5 } as const,
    ];
    for (const topic of topics) {
      const watcher = new Watcher(topic);
      this.watchers.push(watcher);
      void watcher.watch(instance.bus);
    }
  }

  async step(): Promise<void> {
    const { instances, owners, ids } = this.cluster;
    const random = this.#random;
    const one = random.pick(instances);
    const partition = random.below(PARTITIONS);
    const dice = random.next();
    if (dice < 0.45) for (let i = 0; i < 5; i++) this.cluster.swap(random.pick(ids));
    else if (dice < 0.7) this.#ask(one, random.pick(ids));
    else if (dice < 0.75) this.#askOverview(one);
    else if (dice < 0.85) {
      // A hand-over: the old owner releases the partition, unless it is cut off and does not know.
      const old = owners.get(partition);
      if (old !== undefined && !this.#cut.has(old) && random.chance(0.8)) this.cluster.drop(partition, old);
      if (random.chance(0.5)) await pause(random.below(20));
      if (!this.#cut.has(one)) this.cluster.take(partition, one);
    } else if (dice < 0.9) this.#cutOff(one);
    else if (dice < 0.95) this.#heal(one);
    else if (dice < 0.97 && instances.length > 2) await this.#kill(one);
    else if (instances.length < 4) this.start();
    await pause(random.below(4));
  }

  /** Ends all faults and gives every partition an owner. */
  async calm(): Promise<void> {
    this.network.faults = NO_FAULTS;
    for (const instance of this.cluster.instances) this.#heal(instance);
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const owner = this.cluster.owners.get(partition) ?? this.#random.pick(this.cluster.instances);
      for (const other of this.cluster.instances) if (other !== owner) this.cluster.drop(partition, other);
      if (!this.cluster.owners.has(partition)) this.cluster.take(partition, owner);
    }
    await Promise.all(this.#asking);
  }

  async converged(): Promise<boolean> {
    const { instances, ids } = this.cluster;
    for (const { bus } of instances) {
      const answers = await bus.tokenStats(ids, ALL);
      if (answers.some((answer, i) => freshValue(answer) !== this.cluster.value(ids[i] as string))) return false;
      const overview = await bus.overview(OVERVIEW);
      const values = (JSON.parse(overview.items) as { value: number }[]).map((item) => item.value);
      const best = ids.map((id) => this.cluster.value(id)).sort((a, b) => b - a);
      if (overview.stale || values.join() !== best.slice(0, OVERVIEW.limit).join()) return false;
    }
    return this.watchers.every((watcher) => {
      const { held, last } = watcher;
      if (!watcher.isOpen || last === undefined || last.stale || held === undefined) return false;
      if ("value" in held) return held.value === this.cluster.value(held.id as string);
      return true;
    });
  }

  #cutOff(instance: ModelInstance): void {
    const transport = this.#transports.get(instance) as MemoryTransport;
    if (this.#random.chance(0.5)) transport.isMute = true;
    else transport.link(false);
    this.#cut.add(instance);
  }

  #heal(instance: ModelInstance): void {
    const transport = this.#transports.get(instance) as MemoryTransport;
    transport.isMute = false;
    transport.link(true);
    this.#cut.delete(instance);
    // An instance that was replaced while it was cut off learns it from its store some time later.
    for (let partition = 0; partition < PARTITIONS; partition++) {
      if (this.cluster.owners.get(partition) !== instance && this.#random.chance(0.5))
        this.cluster.drop(partition, instance);
    }
  }

  async #kill(instance: ModelInstance): Promise<void> {
    const mute = (): void => {
      (this.#transports.get(instance) as MemoryTransport).isMute = true;
    };
    await this.cluster.remove(instance, this.#random.chance(0.5) ? mute : undefined);
    this.#cut.delete(instance);
    // Its clients are gone with it.
    for (const watcher of this.watchers.filter((one) => one.bus === instance.bus)) {
      this.faults.push(...watcher.faults);
      watcher.end();
      this.watchers.splice(this.watchers.indexOf(watcher), 1);
    }
  }

  #ask({ bus, name }: ModelInstance, id: string): void {
    const asking = bus.tokenStats([id], ALL).then(([answer]) => {
      if (answer?.kind === "unknown") this.faults.push(`${id} is unknown at ${name}, where not all have answered`);
      if (answer?.kind !== "stats") return;
      const key = `${name} ${id}`;
      const before = this.#shown.get(key);
      const order = before === undefined ? 1 : compareEpochs(answer.epoch, before.epoch);
      if (before !== undefined && (order < 0 || (order === 0 && answer.rev < before.rev))) {
        this.faults.push(`${key} went back from ${before.epoch}:${before.rev} to ${answer.epoch}:${answer.rev}`);
      }
      this.#shown.set(key, { epoch: answer.epoch, rev: answer.rev });
    });
    this.#track(asking);
  }

  #askOverview({ bus }: ModelInstance): void {
    this.#track(bus.overview(OVERVIEW).then(() => {}));
  }

  #track(asking: Promise<void>): void {
    const done = asking.catch(() => {}).finally(() => this.#asking.delete(done));
    this.#asking.add(done);
  }
}

async function weather(t: TestContext, seed: number): Promise<void> {
  const random = randomFrom(seed);
  const storm = new Storm(random);
  t.after(() => storm.cluster.close());
  storm.network.faults = { lose: random.next() * 0.1, double: random.next() * 0.1, delayMsMax: random.below(15) };
  for (let step = 0; step < STEPS; step++) await storm.step();
  await storm.calm();
  await waitFor("every instance shows what is true", () => storm.converged(), 30_000);
  for (const watcher of storm.watchers) storm.faults.push(...watcher.faults);
  for (const watcher of storm.watchers) watcher.end();
  assert.deepEqual(storm.faults, []);
}

test("owners move, messages are lost, doubled and late: no client sees a revision go back, and all instances agree in the end", async (t) => {
  const seed = seedOf(t);
  for (let run = 0; run < RUNS; run++) await weather(t, seed + run);
});
