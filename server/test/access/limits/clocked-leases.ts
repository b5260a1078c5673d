/** The script of shared buckets on the real Redis, at instants that the test chooses. */
import { Redis } from "ioredis";
import type { Grant } from "../../../src/access/limits/lease.ts";
import { LEASE_SCRIPT } from "../../../src/access/limits/lease-script.ts";
import type { LeaseAsk, LeaseStore } from "../../../src/access/limits/shared-buckets.ts";

const TIME = "redis.call('TIME')";

/** A clock of the test, in milliseconds. Redis and the instances have clocks of their own. */
export class Clock {
  nowMs = 1_000_000;
  /** By how much the clock of Redis is ahead. */
  redisAheadMs = 1_700_000_000_000;
}

export class ClockedLeases implements LeaseStore {
  readonly #redis: Redis;
  readonly #clock: Clock;
  readonly #script: string;
  calls = 0;

  constructor(port: number, clock: Clock) {
    this.#redis = new Redis({ host: "127.0.0.1", port, lazyConnect: false });
    this.#clock = clock;
    if (!LEASE_SCRIPT.includes(TIME)) throw new Error("the script reads the time in another way");
    this.#script = LEASE_SCRIPT.replace(TIME, "{tonumber(ARGV[#ARGV - 1]), tonumber(ARGV[#ARGV])}");
  }

  async ask(asks: readonly LeaseAsk[]): Promise<readonly Grant[]> {
    this.calls += 1;
    const nowMs = this.#clock.nowMs + this.#clock.redisAheadMs;
    const seconds = Math.floor(nowMs / 1_000);
    const values = asks.flatMap(({ policy, unitsMin, unitsMax, unitsBack }) => [
      ...[policy.intervalMs * 1_000, policy.burst, unitsMin, unitsMax, unitsBack],
    ]);
    const keys = asks.map(({ key }) => key);
    const answer = await this.#redis.eval(
      this.#script,
      keys.length,
      ...keys,
      ...values,
      seconds,
      Math.round((nowMs - seconds * 1_000) * 1_000),
    );
    const numbers = (answer as readonly (string | number)[]).map(Number);
    return asks.map((_, i) => {
      const [units = 0, fullInUs = 0, waitUs = 0] = numbers.slice(i * 3, i * 3 + 3);
      return { units, fullInMs: fullInUs / 1_000, waitMs: waitUs / 1_000 };
    });
  }

  async forgetAll(): Promise<void> {
    await this.#redis.flushall();
  }

  close(): void {
    this.#redis.disconnect();
  }
}
