/**
 * Checkpoints in Redis: one server, a master with replicas and Sentinels, or a Cluster. Keys of partition 7 with the prefix
 * `swapstats:`, all in one slot of a Cluster by the `{p7}` in them:
 *
 *   swapstats:{p7}:manifest        hash: version, current, previous
 *   swapstats:{p7}:parts           set of the names of all parts
 *   swapstats:{p7}:part:<name>     a part
 *
 * Compare-and-set is a script. Redis runs it as one step, and it keeps the previous manifest. A version is random. Counters were rejected:
 * a server that lost its newest writes would count to the same numbers again, and an owner whose writes were lost could mistake
 * another owner's manifest for its own.
 *
 * **Writes that a fail-over may lose.** Replicas follow their master with a delay. A promoted replica, or a server that restarts from an
 * older file, may therefore lack acknowledged writes. If a claim is lost, two instances consider themselves the owner of a partition for
 * a while. The figures stay correct, for these reasons:
 *
 * - A manifest is one value, and so is a part. The store always holds a state that some owner had, with its position in the log. An owner
 *   that restores this state reads the log from that position. The replay is only longer.
 * - Both owners compute the same function of the same log.
 * - No epoch is used twice. A claim takes max(stored + 1, now in ms), which is above every earlier claim even if the store has lost all
 *   of them (as far as the clocks of the instances agree).
 * - The first swap of a manifest that finds the other owner's manifest ends the conflict: the higher epoch fences the lower one.
 * - A restore notices a part that the other owner removed. It then uses the older image or the log.
 *
 * With replicas, a swap of the manifest waits until one of them has it (WAIT). This makes such a loss rare, for one round trip every few
 * seconds. All parts were sent earlier on the same connection, so the replica has them too. If no replica responds, the swap is
 * still accepted, because a store with one remaining server is better than none.
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
  /** Prefix of all keys. Stores with different prefixes are independent. */
  readonly prefix: string;
  /** Time limit of a call, in ms. */
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
    // The name goes first, on the same connection. A part without its name in the set would never be found and removed.
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

  /** Returns an empty text when the manifest was swapped, else the version that is stored. */
  async #swap(client: RedisClient, key: string, values: readonly (string | Buffer)[]): Promise<string> {
    if (!this.#hasReplicas) return String(await client.eval(SWAP_SCRIPT, 1, key, ...values));
    // One pipeline, because WAIT concerns the writes of its own connection.
    const pipeline = client.pipeline().eval(SWAP_SCRIPT, 1, key, ...values);
    const [found] = resultsOf(await pipeline.wait(REPLICAS_WANTED, REPLICA_WAIT_MS).exec());
    return String(found);
  }
}

/**
 * Sends a SET and writes the value to the socket without a copy. The client would copy the value into one buffer with the rest of the
 * command, and a transaction would copy it once more. That is 16 MB of garbage for each part: a million swaps with their checkpoints took
 * 16.3 s of processor time instead of 14.0.
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
  if (replies === null) throw new Error("the transaction was aborted");
  return replies.map(([error, result]) => {
    if (error !== null) throw error;
    return result;
  });
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Copies a reply into its own buffer. A small reply is in memory that the client shares between replies, and callers free theirs. */
function ownBytes(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes);
}
