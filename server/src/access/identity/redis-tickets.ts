/** Tickets in Redis: valid once at all instances together. Redis holds the hash of a ticket, so that reading it lets nobody in. */
import { createHash, randomBytes } from "node:crypto";
import type { RedisConnection } from "../../clients/redis/connection.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import type { VerifiedIdentity } from "../identity.ts";
import { identityOfText, notValid, storedText, TICKET_TTL_MS, type Ticket, type Tickets } from "./tickets.ts";

const TICKET_BYTES = 32;

export class RedisTickets implements Tickets {
  readonly #redis: RedisConnection;
  readonly #prefix: string;
  readonly #nowMs: () => number;

  /** Closes the connection with itself. `prefix`: `stores.redis.prefix`. */
  constructor(redis: RedisConnection, prefix: string, nowMs: () => number) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#nowMs = nowMs;
  }

  async issue(identity: VerifiedIdentity): Promise<Ticket> {
    const text = randomBytes(TICKET_BYTES).toString("base64url");
    const expiresAtMs = this.#nowMs() + TICKET_TTL_MS;
    const stored = storedText(identity);
    await this.#call("keep a ticket", (client) => client.set(this.#keyOf(text), stored, "PX", TICKET_TTL_MS));
    return { text, expiresAtMs };
  }

  async redeem(text: string): Promise<VerifiedIdentity> {
    const stored = await this.#call("look up a ticket", (client) => client.getdel(this.#keyOf(text)));
    if (stored === null) throw notValid();
    return identityOfText(stored);
  }

  close(): void {
    this.#redis.close();
  }

  #keyOf(text: string): string {
    return `${this.#prefix}ticket:${createHash("sha256").update(text).digest("hex")}`;
  }

  /** A failure tells clients to come again, and nothing about Redis. */
  async #call<T>(...[what, call]: Parameters<typeof RedisConnection.prototype.call<T>>): Promise<T> {
    try {
      return await this.#redis.call(what, call);
    } catch (cause) {
      throw new SwapstatsError("unavailable", "Tickets are not available at the moment; try again.", {
        cause,
        retryable: true,
      });
    }
  }
}
