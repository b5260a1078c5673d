/** Disturbances of instances and servers in a chaos run. The plan of a round is drawn from the seed before it begins, and is plain data. */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { Random } from "../support/seed.ts";
import type { Instance, WayName } from "./instance.ts";
import type { ChaosServers } from "./servers.ts";

export type DisturbanceKind =
  | "instance killed, back within the session"
  | "instance killed, back after the session"
  | "instance stopped gracefully and started again"
  | "instance frozen beyond the session"
  | "instance started or stopped permanently"
  | "all instances stopped gracefully, one after the other"
  | "all instances killed at once"
  | "store killed, back with its data"
  | "store killed, back without its data"
  | "S3 answers 500 and 503"
  | "S3 answers late"
  | "S3 applies and does not answer"
  | "NATS killed"
  | "broker killed"
  | "broker frozen"
  | "connection to a server cut"
  | "connection to a server silent"
  | "connection to a server slow"
  | "history store killed"
  | "history store frozen"
  | "history store applies and does not answer";

export type Disturbance = {
  readonly kind: DisturbanceKind;
  /** Index of the instance, or of the broker. -1 where it concerns all of them, or a server. */
  readonly target: number;
  readonly way: WayName;
  readonly startMs: number;
  readonly lengthMs: number;
};

type Site = {
  readonly instances: readonly Instance[];
  readonly servers: ChaosServers;
};

/** The least that the broker allows. A busy machine needs longer ones: an instance that does not run for a session loses its partitions. */
export const SESSION_MS = Number(process.env.SWAPSTATS_CHAOS_SESSION_MS ?? 6_000);
const START_MS_MAX = 3_000;
const END_LIMIT_MS = 90_000;
const BETWEEN_MS = 1_500;

type Spec = {
  readonly weight: number;
  readonly lengthMs: readonly [from: number, to: number];
  readonly about: "instance" | "all" | "store" | "s3" | "nats" | "kafka" | "history";
};

/** In each direction, for each piece of a possibly long response. */
const SLOW_MS = 400;
const WAY_MODES = {
  "connection to a server cut": "cut",
  "connection to a server silent": "silent",
  "connection to a server slow": { delayMs: SLOW_MS },
} as const;
const S3_FAULTS = {
  "S3 answers 500 and 503": "errors",
  "S3 answers late": "slow",
  "S3 applies and does not answer": "applied without an answer",
} as const;

const BEYOND: readonly [number, number] = [SESSION_MS + 500, SESSION_MS + 5_000];

const SPECS: Readonly<Record<DisturbanceKind, Spec>> = {
  "instance killed, back within the session": { weight: 4, lengthMs: [50, 3_000], about: "instance" },
  "instance killed, back after the session": { weight: 3, lengthMs: BEYOND, about: "instance" },
  "instance stopped gracefully and started again": { weight: 3, lengthMs: [0, 2_000], about: "instance" },
  "instance frozen beyond the session": { weight: 4, lengthMs: BEYOND, about: "instance" },
  "instance started or stopped permanently": { weight: 6, lengthMs: [0, 0], about: "instance" },
  "all instances stopped gracefully, one after the other": { weight: 1, lengthMs: [0, 500], about: "all" },
  "all instances killed at once": { weight: 1, lengthMs: [50, 8_000], about: "all" },
  "store killed, back with its data": { weight: 2, lengthMs: [100, 8_000], about: "store" },
  "store killed, back without its data": { weight: 2, lengthMs: [100, 5_000], about: "store" },
  "S3 answers 500 and 503": { weight: 2, lengthMs: [500, 10_000], about: "s3" },
  "S3 answers late": { weight: 2, lengthMs: [500, 10_000], about: "s3" },
  "S3 applies and does not answer": { weight: 2, lengthMs: [500, 10_000], about: "s3" },
  "NATS killed": { weight: 3, lengthMs: [100, 8_000], about: "nats" },
  "broker killed": { weight: 2, lengthMs: [100, 4_000], about: "kafka" },
  "broker frozen": { weight: 2, lengthMs: [1_000, 9_000], about: "kafka" },
  "connection to a server cut": { weight: 3, lengthMs: [1_000, 10_000], about: "instance" },
  "connection to a server silent": { weight: 3, lengthMs: [1_000, 10_000], about: "instance" },
  "connection to a server slow": { weight: 3, lengthMs: [1_000, 10_000], about: "instance" },
  "history store killed": { weight: 6, lengthMs: [100, 10_000], about: "history" },
  "history store frozen": { weight: 6, lengthMs: [1_000, 12_000], about: "history" },
  "history store applies and does not answer": { weight: 6, lengthMs: [2_000, 10_000], about: "history" },
};

export const KINDS = Object.keys(SPECS) as DisturbanceKind[];

/** Draws one to three overlapping disturbances, each about something else. */
export function planRound(
  random: Random,
  instances: readonly Instance[],
  brokers: number,
  { store, history }: Pick<ChaosServers, "store" | "history">,
): Disturbance[] {
  const ways: readonly WayName[] = ["store", "nats", "kafka", ...(history === undefined ? [] : ["history" as const])];
  const running = instances.flatMap(({ isOn }, index) => (isOn ? [index] : []));
  const wanted = 1 + random.below(3);
  const taken = new Set<string>();
  const plan: Disturbance[] = [];
  for (let tries = 0; plan.length < wanted && tries < 20; tries++) {
    const kind = pickKind(random);
    const { about, lengthMs } = SPECS[kind];
    if ((about === "s3" && store.faults === undefined) || (about === "store" && !store.isOfItsOwn)) continue;
    if (about === "history" && history === undefined) continue;
    const targets = about === "instance" ? instancesFor(kind, running, instances.length) : [...Array(brokers).keys()];
    const target = about === "instance" || about === "kafka" ? random.pick(targets) : -1;
    const name = about === "instance" ? `instance ${target}` : about;
    const isAboutInstances = about === "instance" || about === "all";
    if (taken.has(name) || (isAboutInstances && taken.has("all")) || (about === "all" && plan.length > 0)) continue;
    taken.add(name);
    const [fromMs, toMs] = lengthMs;
    plan.push({
      ...{ kind, target, way: random.pick(ways) },
      startMs: random.below(START_MS_MAX),
      lengthMs: fromMs + random.below(toMs - fromMs + 1),
    });
  }
  return plan;
}

/** Chooses among running instances, and starts or stops any of them. While only one runs, another one is started. */
function instancesFor(kind: DisturbanceKind, running: readonly number[], count: number): readonly number[] {
  if (kind !== "instance started or stopped permanently") return running;
  const all = [...Array(count).keys()];
  return running.length < 2 ? all.filter((index) => !running.includes(index)) : all;
}

function pickKind(random: Random): DisturbanceKind {
  let left = random.below(KINDS.reduce((sum, kind) => sum + SPECS[kind].weight, 0));
  for (const kind of KINDS) {
    left -= SPECS[kind].weight;
    if (left < 0) return kind;
  }
  throw new Error("the weights do not add up");
}

/** Applies and undoes the disturbance. Returns whether there was anything to disturb. */
export async function disturb(site: Site, disturbance: Disturbance): Promise<boolean> {
  const { kind, target, lengthMs } = disturbance;
  await pause(disturbance.startMs);
  const { servers } = site;
  switch (kind) {
    case "store killed, back with its data":
    case "store killed, back without its data":
      await servers.store.kill();
      await pause(lengthMs);
      await servers.store.restart(kind === "store killed, back with its data");
      return true;
    case "S3 answers 500 and 503":
    case "S3 answers late":
    case "S3 applies and does not answer":
      servers.store.faults!.fault = S3_FAULTS[kind];
      await pause(lengthMs);
      servers.store.faults!.fault = "none";
      return true;
    case "NATS killed":
      await servers.killNats();
      await pause(lengthMs);
      await servers.restartNats();
      return true;
    case "broker killed":
      await servers.kafka.nodes[target]!.kill();
      await pause(lengthMs);
      await servers.kafka.nodes[target]!.restart();
      return true;
    case "broker frozen":
      servers.kafka.nodes[target]!.freeze();
      await pause(lengthMs);
      servers.kafka.nodes[target]!.thaw();
      return true;
    case "history store killed":
      await servers.history!.kill();
      await pause(lengthMs);
      await servers.history!.restart();
      return true;
    case "history store frozen":
      servers.history!.freeze();
      await pause(lengthMs);
      servers.history!.thaw();
      return true;
    case "history store applies and does not answer":
      for (const { ways } of site.instances) ways.get("history")!.mode = "no_answers";
      await pause(lengthMs);
      for (const { ways } of site.instances) ways.get("history")!.mode = "open";
      return true;
    case "all instances stopped gracefully, one after the other":
    case "all instances killed at once":
      return disturbAll(site, disturbance);
    default:
      return disturbInstance(site, site.instances[target]!, disturbance);
  }
}

async function disturbAll({ instances }: Site, { kind, lengthMs }: Disturbance): Promise<boolean> {
  const running = instances.filter((instance) => instance.isOn);
  if (kind === "all instances killed at once") {
    await Promise.all(running.map((instance) => instance.kill()));
    await pause(lengthMs);
    for (const instance of running) instance.start();
    return true;
  }
  for (const instance of running) {
    await endInOrder(instance);
    await pause(lengthMs);
    instance.start();
    await pause(BETWEEN_MS);
  }
  return true;
}

async function disturbInstance(site: Site, instance: Instance, disturbance: Disturbance): Promise<boolean> {
  const { kind, lengthMs } = disturbance;
  if (kind === "instance started or stopped permanently") {
    if (!instance.isOn) instance.start();
    else if (site.instances.filter(({ isOn }) => isOn).length > 1) await endInOrder(instance);
    else return false;
    return true;
  }
  if (!instance.isOn) return false;
  if (kind === "instance frozen beyond the session") {
    instance.freeze();
    await pause(lengthMs);
    instance.thaw();
  } else if (
    kind === "connection to a server cut" ||
    kind === "connection to a server silent" ||
    kind === "connection to a server slow"
  ) {
    const way = instance.ways.get(disturbance.way) ?? instance.ways.get("store")!;
    way.mode = WAY_MODES[kind];
    await pause(lengthMs);
    way.mode = "open";
  } else {
    if (kind === "instance stopped gracefully and started again") await endInOrder(instance);
    else await instance.kill();
    await pause(lengthMs);
    instance.start();
  }
  return true;
}

/** An instance that is told to stop does so within its own limit, whatever else is disturbed. */
async function endInOrder(instance: Instance): Promise<void> {
  const overdue = new AbortController();
  const late = pause(END_LIMIT_MS, "late", { signal: overdue.signal }).catch(() => "never");
  const ended = await Promise.race([instance.terminate(), late]);
  overdue.abort();
  assert.ok(typeof ended === "object", `instance ${instance.name} did not end within ${END_LIMIT_MS} ms`);
  assert.ok(
    ended.code === 0 || ended.code === 1 || ended.code === 143,
    `${instance.name} ended with ${ended.code}:\n${ended.log}`,
  );
}
