/** The checkpoint stores of chaos runs. Each can be killed and restarted, with its data or without. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import {
  type RedisSentinels,
  type RedisServer,
  startRedis,
  startRedisSentinels,
} from "../../../scripts/servers/redis.ts";
import { type S3Server, startS3 } from "../../../scripts/servers/s3.ts";
import type { Settings } from "../crash/service-process.ts";
import { HttpFaultProxy } from "../support/http-fault-proxy.ts";

export const STORE_NAMES = ["redis", "sentinel", "s3", "kafka"] as const;
export type StoreName = (typeof STORE_NAMES)[number];

export type StoreServers = {
  /** Targets of the instances' proxies. */
  readonly port: number;
  /** Settings of an instance whose proxy listens on this port. */
  settings(port: number): Settings;
  kill(): Promise<void>;
  restart(keepsData: boolean): Promise<void>;
  stop(): Promise<void>;
  /** False when the store is the brokers themselves, which are disturbed as brokers. */
  readonly isOfItsOwn: boolean;
  /** In front of S3. */
  readonly faults: HttpFaultProxy | undefined;
};

export function startStore(name: StoreName, folder: string): Promise<StoreServers> {
  if (name === "kafka") return Promise.resolve(new Brokers());
  if (name === "redis") return OneRedis.start(join(folder, "redis"));
  return name === "sentinel" ? Sentinels.start(join(folder, "redis")) : S3.start(join(folder, "s3"));
}

function forget(folder: string): void {
  rmSync(join(folder, "appendonlydir"), { recursive: true, force: true });
  rmSync(join(folder, "dump.rdb"), { force: true });
}

class OneRedis implements StoreServers {
  readonly port: number;
  readonly faults = undefined;
  readonly isOfItsOwn = true;
  readonly #folder: string;
  #server: RedisServer;

  private constructor(folder: string, server: RedisServer) {
    this.#folder = folder;
    this.#server = server;
    this.port = server.port;
  }

  static async start(folder: string): Promise<StoreServers> {
    return new OneRedis(folder, await startRedis({ folder, durable: true }));
  }

  settings(port: number): Settings {
    return { SWAPSTATS_STORES_CHECKPOINT: "redis", SWAPSTATS_STORES_REDIS_ADDR: `127.0.0.1:${port}` };
  }

  async kill(): Promise<void> {
    this.#server.kill();
    await this.#server.exited;
  }

  async restart(keepsData: boolean): Promise<void> {
    if (!keepsData) forget(this.#folder);
    this.#server = await startRedis({ folder: this.#folder, durable: true, port: this.port });
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

/** A master and a replica. A kill hits the master. Short kills end before the Sentinels act. */
class Sentinels implements StoreServers {
  readonly port: number;
  readonly faults = undefined;
  readonly isOfItsOwn = true;
  readonly #folder: string;
  readonly #servers: RedisSentinels;
  readonly #nodes: RedisServer[];
  #killed = 0;

  private constructor(folder: string, servers: RedisSentinels) {
    this.#folder = folder;
    this.#servers = servers;
    this.#nodes = [...servers.nodes];
    this.port = servers.sentinels[0]!.port;
  }

  static async start(folder: string): Promise<StoreServers> {
    return new Sentinels(folder, await startRedisSentinels({ folder, durable: true }));
  }

  settings(port: number): Settings {
    const others = this.#servers.sentinels.slice(1).map((sentinel) => `127.0.0.1:${sentinel.port}`);
    return {
      SWAPSTATS_STORES_CHECKPOINT: "redis",
      SWAPSTATS_STORES_REDIS_ADDR: [`127.0.0.1:${port}`, ...others].join(","),
      SWAPSTATS_STORES_REDIS_SENTINEL_MASTER: this.#servers.masterName,
    };
  }

  async kill(): Promise<void> {
    this.#killed = await this.#masterIndex();
    this.#nodes[this.#killed]!.kill();
    await this.#nodes[this.#killed]!.exited;
  }

  /** Restarts as the master, or as a replica of the one that was promoted meanwhile. */
  async restart(keepsData: boolean): Promise<void> {
    const folder = join(this.#folder, `node-${this.#killed}`);
    if (!keepsData) forget(folder);
    const master = await this.#masterIndex();
    const lines = master === this.#killed ? [] : [`replicaof 127.0.0.1 ${this.#nodes[master]!.port}`];
    const { port } = this.#nodes[this.#killed]!;
    this.#nodes[this.#killed] = await startRedis({ folder, durable: true, port, lines });
  }

  async stop(): Promise<void> {
    await this.#servers.stop();
    await Promise.all(this.#nodes.map((node) => node.stop()));
  }

  async #masterIndex(): Promise<number> {
    const { port } = await this.#servers.master();
    return this.#nodes.findIndex((node) => node.port === port);
  }
}

class Brokers implements StoreServers {
  /** Nobody uses this path. */
  readonly port = 0;
  readonly faults = undefined;
  readonly isOfItsOwn = false;

  settings(): Settings {
    return { SWAPSTATS_STORES_CHECKPOINT: "kafka" };
  }

  async kill(): Promise<void> {}

  async restart(): Promise<void> {}

  async stop(): Promise<void> {}
}

class S3 implements StoreServers {
  readonly port: number;
  readonly faults: HttpFaultProxy;
  readonly isOfItsOwn = true;
  readonly #folder: string;
  #server: S3Server;

  private constructor(folder: string, server: S3Server, faults: HttpFaultProxy) {
    this.#folder = folder;
    this.#server = server;
    this.faults = faults;
    this.port = faults.port;
  }

  static async start(folder: string): Promise<StoreServers> {
    const server = await startS3({ folder });
    return new S3(folder, server, await HttpFaultProxy.start(server.port));
  }

  settings(port: number): Settings {
    const { region, bucket, accessKey, secretKey } = this.#server;
    return {
      SWAPSTATS_STORES_CHECKPOINT: "s3",
      SWAPSTATS_STORES_S3_ENDPOINT: `http://127.0.0.1:${port}`,
      SWAPSTATS_STORES_S3_REGION: region,
      SWAPSTATS_STORES_S3_BUCKET: bucket,
      SWAPSTATS_STORES_S3_ACCESS_KEY: accessKey,
      SWAPSTATS_STORES_S3_SECRET_KEY: secretKey,
    };
  }

  async kill(): Promise<void> {
    this.#server.kill();
    await this.#server.exited;
  }

  async restart(keepsData: boolean): Promise<void> {
    if (!keepsData) rmSync(join(this.#folder, "objects"), { recursive: true, force: true });
    this.#server = await startS3({ folder: this.#folder, port: this.#server.port });
  }

  async stop(): Promise<void> {
    this.faults.close();
    await this.#server.stop();
  }
}
