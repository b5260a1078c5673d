/**
 * After the disturbances: waits until every instance sees every partition with one living owner, at the end of the topic, and without stale
 * responses. Then compares everything that it serves with uninterrupted runs over the same records.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { JsonObject } from "@swapstats/protocol/json.ts";
import { addCounters, emptyCounters } from "../../src/bus/status-merge.ts";
import type { Counters } from "../../src/engine/types.ts";
import type { Shadow } from "../crash/shadow.ts";
import { SESSION_MS } from "./disturbances.ts";
import type { Instance } from "./instance.ts";

const SETTLE_LIMIT_MS = 25 * SESSION_MS;
const REQUEST_LIMIT_MS = 10_000;
const POLL_MS = 100;
const IDS_PER_REQUEST = 500;

type Partition = {
  partition: number;
  owner: string;
  epoch: string;
  next_offset: number;
  lag: number;
  state: string;
  problems: string[];
};
type Status = { partitions: Partition[]; counters: Counters; problems?: string[] };
type Item = { id?: string; stale?: true; error?: { code: string }; windows: Record<string, JsonObject> };

type Settled = { readonly tookMs: number; readonly problems: readonly string[] };

/** Resolves when everything has settled. Rejects with what did not settle in time. The shadows have caught up before. */
export async function settle(instances: readonly Instance[], shadows: readonly Shadow[]): Promise<Settled> {
  const startedMs = performance.now();
  const problems = new Set<string>();
  for (;;) {
    for (const instance of instances) assert.equal(instance.unexpectedEnd, undefined);
    const reasons: string[] = [];
    problems.clear();
    const owners = new Set<string>();
    for (const instance of instances) {
      const status = await statusOf(instance);
      if (status === undefined) reasons.push(`${instance.name} does not answer`);
      else {
        reasons.push(...unsettled(instance, status, instances, shadows));
        owners.add(status.partitions.map(({ owner, epoch }) => `${owner} ${epoch}`).join());
        for (const { problems: each } of status.partitions) for (const problem of each) problems.add(problem);
        for (const problem of status.problems ?? []) problems.add(problem);
      }
    }
    if (reasons.length === 0 && owners.size > 1) reasons.push(`owners differ: ${[...owners].join(" | ")}`);
    if (reasons.length === 0)
      reasons.push(...(await staleTokens(instances, shadows)), ...(await staleRankings(instances)));
    if (reasons.length === 0) return { tookMs: performance.now() - startedMs, problems: [...problems] };
    if (performance.now() - startedMs > SETTLE_LIMIT_MS) {
      const logs = instances.map((instance) => `--- ${instance.name}\n${instance.log.slice(-4_000)}`);
      throw new Error(`not settled within ${SETTLE_LIMIT_MS} ms:\n${reasons.join("\n")}\n${logs.join("\n")}`);
    }
    await pause(POLL_MS);
  }
}

function unsettled(
  instance: Instance,
  status: Status,
  instances: readonly Instance[],
  shadows: readonly Shadow[],
): string[] {
  const seen = status.partitions;
  if (seen.length !== shadows.length) return [`${instance.name} sees ${seen.length} partitions`];
  const counters = emptyCounters();
  for (const shadow of shadows) addCounters(counters, shadow.engine.counters);
  const reasons = seen.flatMap((one, i): string[] => {
    const isOwned = instances.some(({ name }) => name === one.owner);
    const position = shadows[i]?.position;
    if (one.partition === i && isOwned && one.state === "running" && one.lag === 0 && one.next_offset === position) {
      return [];
    }
    return [`${instance.name} sees ${JSON.stringify(one)}, and the topic ends at ${position}`];
  });
  if (reasons.length === 0 && JSON.stringify(sorted(counters)) !== JSON.stringify(sorted(status.counters))) {
    reasons.push(
      `${instance.name} counts ${JSON.stringify(status.counters)} instead of ${JSON.stringify(counters)}; ${JSON.stringify(seen)}`,
    );
  }
  return reasons;
}

function sorted(counters: Counters): unknown {
  const letters = Object.entries(counters.dead_letters).sort();
  return Object.entries({ ...counters, dead_letters: letters }).sort();
}

/** Tokens for which an instance has no response, or an old one. */
async function staleTokens(instances: readonly Instance[], shadows: readonly Shadow[]): Promise<string[]> {
  const ids = idsOf(shadows);
  const reasons: string[] = [];
  for (const instance of instances) {
    for (let at = 0; at < ids.length; at += IDS_PER_REQUEST) {
      const items = await itemsOf(instance, ids.slice(at, at + IDS_PER_REQUEST));
      const not = items?.filter((item) => item.stale === true || item.error !== undefined);
      if (not === undefined) reasons.push(`${instance.name} does not answer for tokens`);
      else if (not.length > 0) {
        reasons.push(`${instance.name}: ${not.length} answers like ${JSON.stringify(not[0]).slice(0, 300)}`);
      }
    }
  }
  return reasons;
}

async function staleRankings(instances: readonly Instance[]): Promise<string[]> {
  const rankings = await Promise.all(instances.map((instance) => rankingOf(instance)));
  return rankings.flatMap((ranking, i) =>
    ranking !== undefined && ranking.stale !== true ? [] : [`${instances[i]!.name} has no fresh ranking`],
  );
}

export function idsOf(shadows: readonly Shadow[]): string[] {
  return shadows.flatMap(({ engine }) => [...engine.tokens()].map((token) => engine.info(token).id));
}

/** Compares every statistic of every token from every instance. Returns how many responses about a token were compared. */
export async function compareAll(instances: readonly Instance[], shadows: readonly Shadow[]): Promise<number> {
  let compared = 0;
  for (const instance of instances) {
    for (const shadow of shadows) compared += await shadow.compareFigures(instance);
  }
  const rankings = await Promise.all(instances.map((instance) => rankingOf(instance)));
  for (const ranking of rankings) {
    assert.ok(ranking !== undefined);
    assert.deepEqual(ranking.items, rankings[0]?.items, "rankings differ between instances");
  }
  return compared;
}

type Ranking = { readonly items: unknown; readonly stale?: true };

async function rankingOf({ url }: Instance): Promise<Ranking | undefined> {
  return (await json(`${url}/api/overview?window=1h&sort=volume_usd&limit=30`)) as Ranking | undefined;
}

/** Asserts that each subscriber's data becomes the response of its instance. Returns the number of channels. */
export async function compareHeld(instances: readonly Instance[], channels: readonly string[]): Promise<number> {
  const ids = channels.filter((name) => name.startsWith("token:")).map((name) => name.slice("token:".length));
  const startedMs = performance.now();
  for (const instance of instances) {
    for (;;) {
      const items = await itemsOf(instance, ids);
      const different = ids.filter((id, i) => {
        const held = instance.subscriber.held.get(`token:${id}`);
        if (held === undefined || held.stale) return true;
        const { windows } = held.data as { windows: Record<string, JsonObject> };
        return text(windows) !== text(items?.[i]?.windows ?? {});
      });
      if (items !== undefined && different.length === 0) break;
      assert.ok(
        performance.now() - startedMs < SETTLE_LIMIT_MS,
        `what the subscriber at ${instance.name} holds of ${different[0]} is not what is served: ` +
          `${JSON.stringify(instance.subscriber.held.get(`token:${different[0]}`))} instead of ` +
          JSON.stringify(items?.[ids.indexOf(different[0] ?? "")]),
      );
      await pause(POLL_MS);
    }
    assert.deepEqual(instance.subscriber.faults, [], `the subscriber at ${instance.name}`);
  }
  return instances.length * ids.length;
}

/** Without the edges of windows, which are not in a channel's data. */
function text(windows: Record<string, JsonObject>): string {
  const all = Object.entries(windows).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(
    all.map(([name, { open_time: _open, close_time: _close, ...figures }]) => [name, sortedFigures(figures)]),
  );
}

function sortedFigures(figures: JsonObject): unknown {
  return Object.entries(figures)
    .map(([name, value]) => [name, name === "previous" ? sortedFigures(value as JsonObject) : value] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

async function statusOf({ url }: Instance): Promise<Status | undefined> {
  return (await json(`${url}/api/status`)) as Status | undefined;
}

async function itemsOf({ url }: Instance, ids: readonly string[]): Promise<Item[] | undefined> {
  const answer = await json(`${url}/api/tokens/stats`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ ids }),
  });
  return (answer as { items: Item[] } | undefined)?.items;
}

async function json(url: string, init: RequestInit = {}): Promise<unknown> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_LIMIT_MS) });
    const body = await response.json();
    return response.status === 200 ? body : undefined;
  } catch {
    return undefined;
  }
}
