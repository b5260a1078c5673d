/**
 * A client of one Redis server, of the master that Sentinels name, or of a Cluster, whose calls end in time.
 *
 * ioredis keeps the connection and reconnects by itself. Three of its defaults are turned off, because a caller must be
 * able to rely on a failure that it saw: the client does not queue calls while there is no connection, does not repeat
 * them after a connection was lost, and does not wait without a limit for a server that accepts and never answers. A
 * call that times out ends its connection. The new connection asks the Sentinels again: the old master may hang for a
 * long time.
 */
import type { ConnectionOptions } from "node:tls";
import { Cluster, Redis } from "ioredis";
import type { RedisServer, RedisTls } from "../../config/build/stores.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { PEM_BYTES_MAX, readRegularFile } from "../../shared/read-regular-file.ts";
import { backoffMs } from "../../shared/retry.ts";
import { withinTime } from "../../shared/time-limit.ts";

export type RedisClient = Redis | Cluster;

const RECONNECT = { firstMs: 50, longestMs: 2_000 };

export class RedisConnection {
  readonly #client: RedisClient;
  readonly #where: string;
  readonly #limitMs: number;
  #lastError: Error | undefined;
  /** All calls that find no connection wait for this one. */
  #ready: Promise<void> | undefined;
  readonly #closing = new AbortController();
  #connections = 0;

  /** Throws `bad_config` when a file of the TLS settings cannot be read. Connects at the first call. */
  constructor(settings: RedisServer, limitMs: number) {
    const { mode, addresses } = settings;
    const list = addresses.map(({ host, port }) => `${host}:${port}`).join(", ");
    this.#where = mode === "single" ? `Redis at ${list}` : `Redis (${mode} at ${list})`;
    this.#limitMs = limitMs;
    this.#client = mode === "cluster" ? clusterClient(settings, limitMs) : singleClient(settings, limitMs);
    this.#client.on("error", (error: Error) => {
      this.#lastError = error;
    });
    const count = (): void => {
      this.#connections += 1;
    };
    this.#client.on("ready", count);
    // In a Cluster each node has its own connection, which is made at the first call to the node and does not
    // reconnect.
    this.#client.on("+node", (node: Redis) => node.on("ready", count));
    this.#client.on("-node", count);
    // A Cluster reports a node that refuses (a wrong password, for example) here and nowhere else.
    this.#client.on("node error", (error: Error) => {
      this.#lastError = error;
    });
  }

  /**
   * Grows with every connection that is made, and in a Cluster with every one that is lost. After it a server may lack
   * earlier writes: it was restarted empty, or promoted.
   */
  get connections(): number {
    return this.#connections;
  }

  /** Rejects with `storage_failed` (retryable) within the limit; the call may have had its effect all the same. */
  async call<T>(what: string, call: (client: RedisClient) => Promise<T>): Promise<T> {
    if (this.#closing.signal.aborted)
      throw new SwapstatsError("storage_failed", `Cannot ${what}: the store was closed.`);
    try {
      return await withinTime("the response", this.#limitMs, this.#callWhenReady(call));
    } catch (cause) {
      if (cause instanceof SwapstatsError && cause.code !== "unavailable") throw cause;
      if (cause instanceof SwapstatsError && !this.#closing.signal.aborted) this.#client.disconnect(true);
      throw this.#failure(what, cause);
    }
  }

  close(): void {
    this.#closing.abort();
    this.#client.disconnect();
  }

  async #callWhenReady<T>(call: (client: RedisClient) => Promise<T>): Promise<T> {
    const client = this.#client;
    if (client.status !== "ready") {
      this.#ready ??= readyOf(client, this.#closing.signal).finally(() => {
        this.#ready = undefined;
      });
      const ready = this.#ready;
      // Otherwise the client is connecting, or pauses before it tries again.
      if (["wait", "end", "close"].includes(client.status)) client.connect().catch(() => {});
      await ready;
    }
    return call(client);
  }

  #failure(what: string, cause: unknown): SwapstatsError {
    const text = cause instanceof Error ? cause.message : String(cause);
    const last = this.#lastError?.message;
    const reason = last === undefined || last === text || this.#client.status === "ready" ? text : `${text} (${last})`;
    const message = `Cannot ${what} with ${this.#where}: ${reason}.`;
    return new SwapstatsError("storage_failed", message, { cause, retryable: true });
  }
}

/**
 * Rejects with the reason when the current or the next attempt to connect fails, and when there will be none
 * (`closing`).
 */
function readyOf(client: RedisClient, closing: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      client.off("ready", settle);
      client.off("error", settle);
      closing.removeEventListener("abort", end);
      if (error === undefined) resolve();
      else reject(error);
    };
    const end = (): void => settle(new Error("the store was closed"));
    client.on("ready", settle);
    client.on("error", settle);
    closing.addEventListener("abort", end);
  });
}

function singleClient(settings: RedisServer, limitMs: number): Redis {
  const { mode, addresses, sentinelMaster, sentinelUsername, sentinelPassword } = settings;
  const node = nodeOptions(settings, limitMs);
  const common = { ...node, lazyConnect: true, enableOfflineQueue: false, retryStrategy: pauseBefore };
  if (mode === "single") return new Redis({ ...common, ...addresses[0] });
  return new Redis({
    ...common,
    sentinelTLS: node.tls,
    enableTLSForSentinelMode: node.tls !== undefined,
    sentinels: [...addresses],
    name: sentinelMaster,
    sentinelUsername,
    sentinelPassword,
    sentinelRetryStrategy: pauseBefore,
    sentinelCommandTimeout: limitMs,
    // Sentinels report another master, which is sooner than any timeout of ours.
    failoverDetector: true,
  });
}

function clusterClient(settings: RedisServer, limitMs: number): Cluster {
  return new Cluster([...settings.addresses], {
    lazyConnect: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: pauseBefore,
    slotsRefreshTimeout: limitMs,
    redisOptions: nodeOptions({ ...settings, db: 0 }, limitMs),
  });
}

function nodeOptions({ username, password, db, tls }: RedisServer, limitMs: number) {
  return {
    username,
    password,
    db,
    tls: tls === undefined ? undefined : tlsOptions(tls),
    connectTimeout: limitMs,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // A master that became a replica in a failover keeps its connections and refuses to write.
    reconnectOnError: (error: Error) => error.message.startsWith("READONLY"),
  };
}

function tlsOptions({ caPath, certPath, keyPath, serverName }: RedisTls): ConnectionOptions {
  const file = (path: string | undefined): Buffer | undefined => {
    if (path === undefined) return undefined;
    try {
      return readRegularFile(path, PEM_BYTES_MAX);
    } catch (cause) {
      const message = `stores.redis: the file ${path} cannot be read (${(cause as Error).message}); check the path and its permissions`;
      throw new SwapstatsError("bad_config", message, { cause });
    }
  };
  const options = { ca: file(caPath), cert: file(certPath), key: file(keyPath), servername: serverName };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function pauseBefore(attempt: number): number {
  return backoffMs(RECONNECT, attempt);
}
