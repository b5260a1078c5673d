/**
 * The chaos run: several instances of the real program on a real Kafka, NATS and checkpoint store, under load. Instances and servers are
 * killed, frozen and cut off in an order drawn from a seed. After each round, everything that every instance serves is compared with
 * uninterrupted runs over the topic, and at the end with the naive model. Clients stay subscribed throughout.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { toEngineConfig } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import { openKafkaReaders } from "../../src/sources/kafka/readers.ts";
import type { Settings } from "../crash/service-process.ts";
import { Shadow } from "../crash/shadow.ts";
import { setupOf } from "../support/kafka-support.ts";
import { randomFrom } from "../support/seed.ts";
import { compareHistory, type HistoryCompared, historySettled } from "./compare-history.ts";
import { type Disturbance, type DisturbanceKind, disturb, planRound, SESSION_MS } from "./disturbances.ts";
import { HistoryTruth } from "./history-truth.ts";
import { Instance, type Ports } from "./instance.ts";
import { ChaosProducer } from "./producer.ts";
import { ChaosServers } from "./servers.ts";
import { compareAll, compareHeld, idsOf, settle } from "./settle.ts";
import type { StoreName } from "./store-servers.ts";

type ChaosOptions = {
  readonly folder: string;
  readonly seed: number;
  /** No round begins after this time. */
  readonly minutes: number;
  readonly brokers: number;
  readonly store: StoreName;
  readonly partitions: number;
  readonly ratePerSecond: number;
  /** Whether instances also write the history into a real ClickHouse. */
  readonly hasHistory?: boolean;
  /** The first rounds, in this order. Later rounds are drawn. */
  readonly firstRounds?: readonly (readonly Disturbance[])[];
  readonly log: (line: string) => void;
};

export type ChaosReport = {
  readonly rounds: number;
  readonly disturbances: Readonly<Partial<Record<DisturbanceKind, number>>>;
  readonly records: number;
  readonly tokens: number;
  /** Responses about one token, with all its statistics, that were compared with the uninterrupted run. */
  readonly answersCompared: number;
  /** Those of them that were compared with the naive model at the end. */
  readonly answersToModel: number;
  readonly channelsCompared: number;
  readonly messages: number;
  readonly connections: number;
  readonly starts: number;
  readonly producerFailures: number;
  readonly settledMsMax: number;
  /** Problems that instances reported, with numbers left out, and after how many rounds. */
  readonly problems: Readonly<Record<string, number>>;
  readonly history: HistoryCompared | undefined;
};

const NAMES = ["a", "b", "c", "d"];
const FIRST_INSTANCES = 2;
/** Between the first start and the first disturbance, and between rounds, some records are applied undisturbed. */
const CALM_MS = 1_500;
const TOKEN_CHANNELS = 8;
/** Event time of a whole run. It ends about now. */
const SPAN_MS = 50 * 60_000;
const OVERVIEW = "overview:1h:volume_usd";

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { folder, seed, minutes, brokers, store, partitions, ratePerSecond, hasHistory = false } = options;
  const servers = await ChaosServers.start(folder, brokers, partitions, store, hasHistory);
  const closing: (() => Promise<void>)[] = [() => servers.close()];
  try {
    const producer = new ChaosProducer({
      ...{ brokers: servers.kafka.brokers, topic: servers.topic, seed, ratePerSecond },
      eventTimeSpeed: SPAN_MS / Math.max(60_000, minutes * 60_000),
      startMs: Date.now() - SPAN_MS - 10 * 60_000,
      ...(hasHistory ? { future: 0.0002 } : {}),
    });
    closing.unshift(() => producer.stop());
    const channels: string[] = [OVERVIEW];
    const instances: Instance[] = [];
    for (const name of NAMES)
      instances.push(await Instance.prepare(instanceSetup(name, folder, servers, () => channels)));
    closing.unshift(async () => {
      await Promise.all(instances.map((instance) => instance.close()));
    });
    const readers = openKafkaReaders(setupOf(servers.kafka.brokers, servers.topic));
    closing.unshift(() => readers.close());
    const { config } = loadConfig({
      env: settingsOf("shadow", servers, portsOf(servers)),
    });
    const engineConfig = toEngineConfig(config);
    const each = [...Array(partitions).keys()];
    const shadows = each.map((p) => new Shadow(() => readers.reader(p), engineConfig));
    const truths = hasHistory ? each.map((p) => new HistoryTruth(p, () => readers.reader(p), engineConfig)) : [];
    return await new Run(options, servers, producer, instances, shadows, truths, channels).all();
  } finally {
    for (const close of closing) await close().catch(() => {});
  }
}

class Run {
  readonly #options: ChaosOptions;
  readonly #servers: ChaosServers;
  readonly #producer: ChaosProducer;
  readonly #instances: readonly Instance[];
  readonly #shadows: readonly Shadow[];
  /** Empty in runs without a history. */
  readonly #truths: readonly HistoryTruth[];
  /** Channels that clients subscribe to. Complete before the first instance starts. */
  readonly #channels: string[];
  readonly #counts: Partial<Record<DisturbanceKind, number>> = {};
  readonly #problems: Record<string, number> = {};
  #rounds = 0;
  #answersCompared = 0;
  #channelsCompared = 0;
  #settledMsMax = 0;

  constructor(
    options: ChaosOptions,
    servers: ChaosServers,
    producer: ChaosProducer,
    instances: readonly Instance[],
    shadows: readonly Shadow[],
    truths: readonly HistoryTruth[],
    channels: string[],
  ) {
    this.#options = options;
    this.#servers = servers;
    this.#producer = producer;
    this.#instances = instances;
    this.#shadows = shadows;
    this.#truths = truths;
    this.#channels = channels;
  }

  async all(): Promise<ChaosReport> {
    const { seed, minutes, brokers, firstRounds = [] } = this.#options;
    const random = randomFrom(seed);
    const deadlineMs = performance.now() + minutes * 60_000;
    this.#producer.start();
    await pause(CALM_MS);
    await this.#producer.stop();
    for (const shadow of this.#shadows) await shadow.follow();
    this.#channels.push(...someOf(idsOf(this.#shadows)).map((id) => `token:${id}`));
    for (const instance of this.#instances.slice(0, FIRST_INSTANCES)) instance.start();
    await this.#check();
    while (this.#rounds < firstRounds.length || performance.now() < deadlineMs) {
      const plan = firstRounds[this.#rounds] ?? planRound(random, this.#instances, brokers, this.#servers);
      await this.#round(plan);
    }
    const { history } = this.#servers;
    const compared = history === undefined ? undefined : await compareHistory(history, this.#truths);
    return this.#report(await this.#compareToModel(), compared);
  }

  async #round(plan: readonly Disturbance[]): Promise<void> {
    this.#rounds += 1;
    const running = this.#instances.filter(({ isOn }) => isOn).map(({ name }) => name);
    const text = plan.map(({ kind, target, way, startMs, lengthMs }) => {
      const where = target < 0 ? "" : kind.startsWith("broker") ? ` ${target}` : ` ${NAMES[target]}`;
      return `${kind}${where}${kind.startsWith("way") ? ` ${way}` : ""} at ${startMs} for ${lengthMs} ms`;
    });
    this.#options.log(`round ${this.#rounds} (${running.join("")}): ${text.join("; ")}`);
    this.#producer.start();
    await pause(CALM_MS);
    const site = { instances: this.#instances, servers: this.#servers };
    // Waits for all of them, also when one fails: anything that stays stopped or cut would hide the reason.
    const done = await Promise.allSettled(plan.map((disturbance) => disturb(site, disturbance)));
    for (const [i, one] of done.entries()) {
      if (one.status === "rejected") throw one.reason;
      const { kind } = plan[i]!;
      if (one.value) this.#counts[kind] = (this.#counts[kind] ?? 0) + 1;
    }
    await pause(CALM_MS);
    await this.#check();
  }

  async #check(): Promise<void> {
    await this.#producer.stop();
    const running = this.#instances.filter(({ isOn }) => isOn);
    for (const shadow of this.#shadows) await shadow.follow();
    const { tookMs, problems } = await settle(running, this.#shadows);
    this.#settledMsMax = Math.max(this.#settledMsMax, tookMs);
    for (const problem of problems) {
      const form = problem.replaceAll(/\d+/g, "N");
      this.#problems[form] = (this.#problems[form] ?? 0) + 1;
    }
    if (this.#servers.history !== undefined) {
      await historySettled(this.#servers.history, this.#truths);
      for (const shadow of this.#shadows) await shadow.follow();
      await settle(running, this.#shadows);
    }
    const compared = await compareAll(running, this.#shadows);
    this.#answersCompared += compared;
    this.#channelsCompared += await compareHeld(running, this.#channels);
    for (const { subscriber, name } of this.#instances)
      assert.deepEqual(subscriber.faults, [], `subscriber at ${name}`);
    this.#options.log(
      `  settled in ${Math.round(tookMs)} ms, ${compared} answers equal, ${problems.length} problems told`,
    );
  }

  async #compareToModel(): Promise<number> {
    let compared = 0;
    for (const instance of this.#instances.filter(({ isOn }) => isOn)) {
      for (const shadow of this.#shadows) compared += await shadow.compareToModel(instance);
    }
    return compared;
  }

  #report(answersToModel: number, history: HistoryCompared | undefined): ChaosReport {
    const sum = (of: (instance: Instance) => number): number =>
      this.#instances.reduce((total, instance) => total + of(instance), 0);
    return {
      rounds: this.#rounds,
      disturbances: this.#counts,
      records: this.#shadows.reduce((total, shadow) => total + shadow.position, 0),
      tokens: idsOf(this.#shadows).length,
      answersCompared: this.#answersCompared,
      answersToModel,
      channelsCompared: this.#channelsCompared,
      messages: sum(({ subscriber }) => subscriber.messages),
      connections: sum(({ subscriber }) => subscriber.connections),
      starts: sum(({ starts }) => starts),
      producerFailures: this.#producer.failures,
      settledMsMax: Math.round(this.#settledMsMax),
      problems: this.#problems,
      history,
    };
  }
}

/** Tokens of all partitions. The ids are listed by partition. */
function someOf(ids: readonly string[]): string[] {
  const step = Math.max(1, Math.floor(ids.length / TOKEN_CHANNELS));
  return ids.filter((_, index) => index % step === 0).slice(0, TOKEN_CHANNELS);
}

/** Swaps settle about a minute of event time after they came. */
const SOON_SETTLED: Settings = {
  SWAPSTATS_APP_GRACE: "40s",
  SWAPSTATS_APP_REORG_HORIZON: "60s",
  SWAPSTATS_APP_MAX_SKEW: "20s",
};

function settingsOf(name: string, servers: ChaosServers, ports: Ports): Settings {
  const proxy = name === NAMES[0] ? servers.kafkaProxy : undefined;
  return {
    SWAPSTATS_WINDOWS_CLOCK: "event",
    SWAPSTATS_APP_INSTANCE_ID: name,
    SWAPSTATS_APP_WORKERS: "2",
    SWAPSTATS_APP_SNAPSHOT_INTERVAL: "200ms",
    SWAPSTATS_INGEST_SOURCE: "kafka",
    SWAPSTATS_INGEST_BROKERS: proxy === undefined ? servers.kafka.brokers.join(",") : `127.0.0.1:${proxy.port}`,
    SWAPSTATS_INGEST_TOPIC: servers.topic,
    SWAPSTATS_INGEST_SESSION_TIMEOUT: `${SESSION_MS}ms`,
    SWAPSTATS_INGEST_REBALANCE_TIMEOUT: "10s",
    SWAPSTATS_PUBSUB_NATS_URL: `nats://127.0.0.1:${ports.nats}`,
    ...servers.store.settings(ports.store),
    ...(servers.history === undefined || ports.history === undefined
      ? {}
      : { ...SOON_SETTLED, ...servers.history.settings(ports.history) }),
  };
}

function portsOf({ store, natsPort, history }: ChaosServers): Ports {
  return { store: store.port, nats: natsPort, ...(history === undefined ? {} : { history: history.port }) };
}

function instanceSetup(name: string, folder: string, servers: ChaosServers, channels: () => string[]) {
  return {
    ...{ name, folder, channels, storePort: servers.store.port, natsPort: servers.natsPort },
    historyPort: servers.history?.port,
    kafkaProxy: name === NAMES[0] ? servers.kafkaProxy : undefined,
    settings: (ports: Ports) => settingsOf(name, servers, ports),
  };
}
