/**
 * The newest figures in Redis: one server, a master with replicas and Sentinels, or a Cluster. docs/redis-keys.md documents the keys.
 *
 * A value is a string, so that a reader needs one GET, or one MGET for many tokens. The members that decide between two writers (epoch,
 * revision, as-of) come first in it, and are stored nowhere else. A script reads them there and replaces the value in the same step, so a
 * reader sees a whole value, and never an older one after a newer one. Rejected: a hash with fields for them, because readers could not use
 * MGET; and a second key for each value, which would be in another slot of a Cluster.
 *
 * Each value is a command of its own. The commands are sent in one turn, without waiting for each other. As a pipeline they cost the same
 * (25 µs each with 6 KB), and in a Cluster a pipeline would have to be divided by node and put together again when slots move.
 */

import { type RedisClient, RedisConnection } from "../clients/redis/connection.ts";
import type { RedisServer } from "../config/build/stores.ts";
import type { HotOutcome, HotStore, HotValue } from "../ports/hot-store.ts";
import { SwapstatsError } from "../shared/errors.ts";

/** Arguments: text, lifetime in ms, epoch, revision, as-of. The three members that it searches come before any text from users. */
const WRITE_SCRIPT = `
local head = redis.call('GETRANGE', KEYS[1], 0, 255)
local function older(name, given)
  local found = tonumber(string.match(head, '"' .. name .. '":"?(%d+)') or '0')
  if found == tonumber(given) then return nil end
  return tonumber(given) < found
end
local is_older = older('epoch', ARGV[3])
if is_older == nil then is_older = older('rev', ARGV[4]) end
if is_older == nil then is_older = older('as_of', ARGV[5]) end
if is_older then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`;
const COMMAND = "swapstatsWriteHot";

type Writer = {
  [COMMAND](key: string, text: string, ttlMs: number, epoch: string, rev: number, asOf: number): Promise<number>;
};

export type RedisHotStoreOptions = {
  readonly redis: RedisServer;
  /** Prefix of all keys. */
  readonly prefix: string;
  /** Time limit of a call, in ms. */
  readonly limitMs: number;
};

export class RedisHotStore implements HotStore {
  readonly #connection: RedisConnection;
  readonly #prefix: string;

  constructor({ redis, prefix, limitMs }: RedisHotStoreOptions) {
    this.#connection = new RedisConnection(redis, limitMs);
    this.#prefix = prefix;
  }

  get generation(): number {
    return this.#connection.connections;
  }

  write(values: readonly HotValue[], ttlMs: number, generation: number): Promise<HotOutcome[] | undefined> {
    return this.#connection.call("write the newest figures", async (client) => {
      // Checked first: a server that was started empty must not get a mark, which refers to earlier writes.
      if (this.generation !== generation) return undefined;

      const writer = writerOf(client);
      const replies = await Promise.allSettled(
        values.map(({ key, text, epoch, rev, asOf }) =>
          writer[COMMAND](this.#prefix + key, text, ttlMs, epoch, rev, asOf),
        ),
      );
      const outcomes = replies.map((reply): HotOutcome => {
        if (reply.status === "rejected") throw reply.reason;
        return reply.value === 1 ? "written" : "refused";
      });
      return this.generation === generation ? outcomes : undefined;
    });
  }

  async close(): Promise<void> {
    this.#connection.close();
  }
}

/** Returns the client with the script as a command. The client sends the digest, and the whole script to a server that does not know it. */
function writerOf(client: RedisClient): Writer {
  if (!(COMMAND in client)) client.defineCommand(COMMAND, { numberOfKeys: 1, lua: WRITE_SCRIPT });
  if (!(COMMAND in client))
    throw new SwapstatsError("internal", "the client of Redis does not accept the script as a command");
  return client as unknown as Writer;
}
