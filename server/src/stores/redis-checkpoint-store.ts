/**
 * Checkpoints in Redis: one server, a master with replicas and Sentinels, or a Cluster. Keys of partition 7 with the prefix
 * `swapstats:`, all in one slot of a Cluster by the `{p7}` in them:
 *
 *   swapstats:{p7}:manifest        hash: version, current, previous
 *   swapstats:{p7}:parts           set of the names of all parts
 *   swapstats:{p7}:part:<name>     a part
 *
 * Compare-and-set is a script, which Redis runs as one step, and which keeps the manifest before. A version is random: with a
 * counter, a server that lost its newest writes would come to the same numbers again, and an owner that it forgot could take another's
 * manifest for its own.
 *
 * **What a fail-over may lose.** Replicas follow their master with a delay, so a promoted replica, or a server that is restarted from an
 * older file, may lack writes that were acknowledged. It may even forget a claim, so that for a while two instances
 * believe that they own a partition. No figure can become wrong by that. A manifest is one value, and so is a part: what the store
 * still has is a state that some owner had, with the position in the log that belongs to it, and whoever restores it reads the
 * log from there on: a longer replay. Both owners compute the same function of the same log. An epoch is never
 * used twice, because a claim takes max(stored + 1, now in ms), which is above every earlier claim even if the store has forgotten all of
 * them (as far as the clocks of the instances agree). And the first swap that meets the other's manifest ends the matter: the
 * lower epoch is fenced by the higher one. A part that a forgotten owner removed is missing at a restore, which notices it; the
 * older image or the log then serve.
 *
 * Where there are replicas, a swap waits a moment until one of them has it (WAIT), which makes such a loss rare at the price of one round
 * trip every few seconds; all parts were sent before on the same connection, so the replica has them too. Without an answer of a replica
 * the swap stands all the same: a store with one server left is better than none.
 */
import { randomUUID } from "node:crypto";
import type { Writable } from "node:stream";
import { Command } from "ioredis";
import { type RedisClient, RedisConnection } from "../clients/redis/connection.ts";
import type { RedisServer } from "../config/build/stores.ts";
import type { CheckpointStore, StoredManifest } from "../ports/checkpoint-store.ts";
import { SwapstatsError } from "../shared/errors.ts";

const REPLICAS_WANTED = 1;
const REPLICA_WAIT_MS = 500;

const SWAP_SCRIPT = `
local version = redis.call('HGET', KEYS[1], 'version') or ''
if version ~= ARGV[1] then return version == '' and 'none' or version end
local current = redis.call('HGET', KEYS[1], 'current')
if current then redis.call('HSET', KEYS[1], 'previous', current) end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'current', ARGV[3])
return ''
`;

export type RedisCheckpointStoreOptions = {
  readonly redis: RedisServer;
  /** Before all keys; stores with different prefixes know nothing of each other. */
  readonly prefix: string;
  /** How long a call may take. */
  readonly limitMs: number;
};

export class RedisCheckpointStore implements CheckpointStore {
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  readonly #hasReplicas: boolean;

  constructor({ redis, prefix, limitMs }: RedisCheckpointStoreOptions) {
    this.#connection = new RedisConnection(redis, limitMs);
    this.#prefix = prefix;
    this.#hasReplicas = redis.mode !== "single";
  }

  async readManifest(partition: number): Promise<StoredManifest | undefined> {
    const [version, current] = await this.#connection.call(`read the manifest of partition ${partition}`, (client) =>
      client.hmgetBuffer(this.#key(partition, "manifest"), "version", "current"),
    );
    if (version == null || current == null) return undefined;
    return { bytes: ownBytes(current), version: version.toString() };
  }

  async readPreviousManifest(partition: number): Promise<Uint8Array | undefined> {
    const previous = await this.#connection.call(`read the previous manifest of partition ${partition}`, (client) =>
      client.hgetBuffer(this.#key(partition, "manifest"), "previous"),
    );
    return previous === null ? undefined : ownBytes(previous);
  }

  async swapManifest(partition: number, bytes: Uint8Array, expected: string | undefined): Promise<string> {
    const next = randomUUID();
    const key = this.#key(partition, "manifest");
    const found = await this.#connection.call(`write the manifest of partition ${partition}`, (client) =>
      this.#swap(client, key, [expected ?? "", next, asBuffer(bytes)]),
    );
    if (found === "") return next;
    throw new SwapstatsError(
      "checkpoint_conflict",
      `The manifest of partition ${partition} is version ${found} and not ${expected ?? "none"}: another owner wrote it.`,
    );
  }

  async putPart(partition: number, name: string, bytes: Uint8Array): Promise<void> {
    // The name first, on the same connection: a part whose name is not there would never be found and removed.
    await this.#connection.call(`write the checkpoint part ${name} of partition ${partition}`, (client) =>
      Promise.all([
        client.sadd(this.#key(partition, "parts"), name),
        setUncopied(client, this.#key(partition, `part:${name}`), asBuffer(bytes)),
      ]),
    );
  }

  async getPart(partition: number, name: string): Promise<Uint8Array | undefined> {
    const bytes = await this.#connection.call(`read the checkpoint part ${name} of partition ${partition}`, (client) =>
      client.getBuffer(this.#key(partition, `part:${name}`)),
    );
    return bytes === null ? undefined : ownBytes(bytes);
  }

  listParts(partition: number): Promise<string[]> {
    return this.#connection.call(`list the checkpoint parts of partition ${partition}`, (client) =>
      client.smembers(this.#key(partition, "parts")),
    );
  }

  async deletePart(partition: number, name: string): Promise<void> {
    await this.#connection.call(`remove the checkpoint part ${name} of partition ${partition}`, async (client) => {
      const transaction = client
        .multi()
        .unlink(this.#key(partition, `part:${name}`))
        .srem(this.#key(partition, "parts"), name);
      resultsOf(await transaction.exec());
    });
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  #key(partition: number, name: string): string {
    return `${this.#prefix}{p${partition}}:${name}`;
  }

  /** Empty when it was swapped, else the version that stands there. */
  async #swap(client: RedisClient, key: string, values: readonly (string | Buffer)[]): Promise<string> {
    if (!this.#hasReplicas) return String(await client.eval(SWAP_SCRIPT, 1, key, ...values));
    // In one pipeline, because WAIT speaks of what its own connection wrote.
    const pipeline = client.pipeline().eval(SWAP_SCRIPT, 1, key, ...values);
    const [found] = resultsOf(await pipeline.wait(REPLICAS_WANTED, REPLICA_WAIT_MS).exec());
    return String(found);
  }
}

/**
 * SET whose value goes to the socket as it is. The client would copy it into one buffer with the words around it, and in a transaction
 * once more, 16 MB for the collector with each part: a million swaps with their checkpoints took 16.3 s of processor time instead of 14.0.
 */
function setUncopied(client: RedisClient, key: string, value: Buffer): Promise<unknown> {
  const command = new Command("set", [key, value]);
  command.toWritable = (stream) => {
    const socket = stream as Writable;
    socket.cork();
    socket.write(`*3\r\n$3\r\nset\r\n$${Buffer.byteLength(key)}\r\n${key}\r\n$${value.length}\r\n`);
    socket.write(value);
    process.nextTick(() => socket.uncork());
    return "\r\n";
  };
  client.sendCommand(command);
  return command.promise;
}

/** Throws the first error of a pipeline or a transaction. */
function resultsOf(replies: [error: Error | null, result: unknown][] | null): unknown[] {
  if (replies === null) throw new Error("the transaction was given up");
  return replies.map(([error, result]) => {
    if (error !== null) throw error;
    return result;
  });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** In a buffer of their own: a small reply lies in memory that the client shares with others, and callers free what they were given. */
function ownBytes(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes);
}
