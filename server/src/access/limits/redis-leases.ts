/** The shared buckets in Redis: `<prefix>limit:{<sender>}:<kind>`, by the script of lease-script.ts. */
import { type RedisClient, RedisConnection } from "../../clients/redis/connection.ts";
import type { RedisConfig } from "../../config/build/stores.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { Grant } from "./lease.ts";
import { LEASE_SCRIPT } from "./lease-script.ts";
import type { LeaseAsk, LeaseStore } from "./shared-buckets.ts";

/** Redis answers in less than a millisecond. A request that waits this long goes on without it. */
const ASK_TIMEOUT_MS = 250;
const COMMAND = "leaseUnits";

type Leaser = { [COMMAND](keyCount: number, ...values: (string | number)[]): Promise<unknown> };

export class RedisLeases implements LeaseStore {
  readonly #redis: RedisConnection;
  readonly #prefix: string;
  readonly #isCluster: boolean;

  /** Throws `bad_config` when a file of the TLS settings cannot be read. */
  constructor({ server, prefix }: RedisConfig, timeoutMs = ASK_TIMEOUT_MS) {
    this.#redis = new RedisConnection(server, timeoutMs);
    this.#prefix = prefix;
    this.#isCluster = server.mode === "cluster";
  }

  /** In a Cluster keys are on different nodes, so each is a call of its own, all in one turn. */
  async ask(asks: readonly LeaseAsk[]): Promise<readonly Grant[]> {
    return this.#redis.call("lease units of rate limits", async (client) => {
      const leaser = leaserOf(client);
      const groups = this.#isCluster ? asks.map((one) => [one]) : [asks];
      const answers = await Promise.all(
        groups.map((group) =>
          leaser[COMMAND](group.length, ...group.map(({ key }) => this.#keyOf(key)), ...group.flatMap(argumentsOf)),
        ),
      );
      return answers.flatMap(grantsOf);
    });
  }

  close(): void {
    this.#redis.close();
  }

  #keyOf(key: string): string {
    return `${this.#prefix}limit:${key}`;
  }
}

/** In the order that lease-script.ts reads. */
const argumentsOf = ({ policy, unitsMin, unitsMax, unitsBack }: LeaseAsk): number[] => [
  policy.intervalMs * 1_000,
  policy.burst,
  unitsMin,
  unitsMax,
  unitsBack,
];

function grantsOf(answer: unknown): Grant[] {
  const values = (answer as readonly (string | number)[]).map(Number);
  const grants: Grant[] = [];
  for (let i = 0; i < values.length; i += 3) {
    const [units, fullInUs, waitUs] = values.slice(i, i + 3) as [number, number, number];
    grants.push({ units, fullInMs: fullInUs / 1_000, waitMs: waitUs / 1_000 });
  }
  return grants;
}

/** Returns the client with the script as a command. The client sends the digest, and the whole script to a server that does not know it. */
function leaserOf(client: RedisClient): Leaser {
  if (!(COMMAND in client)) client.defineCommand(COMMAND, { lua: LEASE_SCRIPT });
  if (!(COMMAND in client)) {
    throw new SwapstatsError("internal", "the client of Redis does not accept the script as a command");
  }
  return client as unknown as Leaser;
}
