/** An instance of the real program on the servers of a benchmark: its settings, and the requests of a benchmark. */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../scripts/servers/ports.ts";
import { ServiceProcess } from "../../server/test/crash/service-process.ts";
import { PARTITIONS, type Site, TOPIC } from "./site.ts";

const POLL_MS = 20;
const WAIT_LIMIT_MS = 240_000;

export type SeenPartition = {
  readonly partition: number;
  readonly owner: string;
  readonly epoch: string;
  readonly lag: number;
  readonly state: string;
  readonly checkpoint?: { readonly bytes: number };
};
type TokenItem = { readonly id?: string; readonly stale?: true; readonly error?: { readonly code: string } };

export class Instance {
  readonly name: string;
  readonly process: ServiceProcess;
  readonly #metricsUrl: string;

  private constructor(name: string, process: ServiceProcess, metricsPort: number) {
    this.name = name;
    this.process = process;
    this.#metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`;
  }

  /** `settings` by dotted path. Returns when the process was started, before it is ready. */
  static async start(site: Site, name: string, settings: Readonly<Record<string, string>> = {}): Promise<Instance> {
    const [port, metricsPort] = [await freePort(), await freePort()];
    const all = {
      "ingest.source": "kafka",
      "ingest.brokers": site.kafka.brokers.join(","),
      "ingest.topic": TOPIC,
      "app.instance_id": name,
      "pubsub.nats.url": site.nats.url,
      "stores.checkpoint": "redis",
      "stores.redis.addr": `${site.redis.host}:${site.redis.port}`,
      "metrics.prometheus": `127.0.0.1:${metricsPort}`,
      ...settings,
    };
    const env = Object.entries(all).map(([path, value]) => [
      `SWAPSTATS_${path.replaceAll(".", "_").toUpperCase()}`,
      value,
    ]);
    return new Instance(name, new ServiceProcess(port, join(site.folder, name), Object.fromEntries(env)), metricsPort);
  }

  get webSocketUrl(): string {
    return `${this.process.url.replace("http", "ws")}/ws`;
  }

  /** Undefined while it does not respond. */
  async partitions(): Promise<readonly SeenPartition[] | undefined> {
    const status = await this.#json("/api/status");
    return (status as { partitions: SeenPartition[] } | undefined)?.partitions;
  }

  /** Returns the partitions as this instance sees them, once `isReached` holds for them. */
  async until(
    what: string,
    isReached: (partitions: readonly SeenPartition[]) => boolean,
  ): Promise<readonly SeenPartition[]> {
    const limitMs = performance.now() + WAIT_LIMIT_MS;
    for (;;) {
      const partitions = await this.partitions();
      if (partitions?.length === PARTITIONS && isReached(partitions)) return partitions;
      if (this.process.hasExited) throw new Error(`${this.name} ended by itself:\n${this.process.log}`);
      if (performance.now() > limitMs) {
        throw new Error(`${this.name}, ${what}: ${JSON.stringify(partitions)}\n${this.process.log}`);
      }
      await pause(POLL_MS);
    }
  }

  /** Statistics of these tokens. Undefined while it does not respond. */
  async tokens(ids: readonly string[]): Promise<readonly TokenItem[] | undefined> {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ ids });
    const answer = await this.#json("/api/tokens/stats", { method: "POST", headers, body });
    return (answer as { items: TokenItem[] } | undefined)?.items;
  }

  /** The sum of all samples of a metric. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(this.#metricsUrl)).text();
    const samples = text.split("\n").filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    if (samples.length === 0) throw new Error(`there is no metric ${name}`);
    return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
  }

  async #json(path: string, init: RequestInit = {}): Promise<unknown> {
    try {
      const response = await fetch(`${this.process.url}${path}`, init);
      const body: unknown = await response.json();
      return response.status === 200 ? body : undefined;
    } catch {
      return undefined;
    }
  }
}

/** Whether these instances own all partitions, this many each, without lag. */
export function isShared(partitions: readonly SeenPartition[], counts: Readonly<Record<string, number>>): boolean {
  const isRunning = partitions.every(({ state }) => state === "running");
  return isRunning && Object.entries(counts).every(([name, count]) => ownedBy(partitions, name).length === count);
}

export function ownedBy(partitions: readonly SeenPartition[], name: string): readonly SeenPartition[] {
  return partitions.filter(({ owner }) => owner === name);
}
