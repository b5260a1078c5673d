/**
 * Tickets: a client that cannot set header fields exchanges its token for a ticket, and shows the ticket in the address of a WebSocket or an
 * event stream. Addresses end up in logs, so a ticket is valid for 30 s and once.
 *
 * With Redis a ticket is kept there: it is valid once at all instances together. Without Redis it is signed, and each instance remembers
 * those that it took: with a common secret it is valid once at each instance, and with a secret made at the start at this instance alone.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { SwapstatsError } from "../../shared/errors.ts";
import type { Scope, VerifiedIdentity } from "../identity.ts";
import { unauthorized } from "./unauthorized.ts";

export const TICKET_TTL_MS = 30_000;
/** Tickets that an instance remembers as used. At 30 s each this is 1,000 connects a second. */
export const USED_TICKETS_MAX = 30_000;
const ID_BYTES = 16;
const SECRET_BYTES = 32;

export type Ticket = { readonly text: string; readonly expiresAtMs: number };

export type Tickets = {
  /** Returns a ticket that stands for the identity. Rejects with `unavailable` when it cannot be kept. */
  issue(identity: VerifiedIdentity): Promise<Ticket>;
  /** Returns the identity of a ticket that is valid, and makes it invalid. Rejects with `unauthorized`, `overloaded` or `unavailable`. */
  redeem(text: string): Promise<VerifiedIdentity>;
  close(): void;
};

/** An identity as JSON has it. */
type Stored = Omit<VerifiedIdentity, "scopes"> & { readonly scopes: readonly Scope[] };

export function storedText(identity: VerifiedIdentity): string {
  return JSON.stringify({ ...identity, scopes: [...identity.scopes] } satisfies Stored);
}

export function identityOfText(text: string): VerifiedIdentity {
  const { kind, subject, scopes, expiresAtMs, credentialId } = JSON.parse(text) as Stored;
  return { kind, subject, scopes: new Set(scopes), expiresAtMs, credentialId };
}

export const notValid = (): SwapstatsError =>
  unauthorized(
    `The ticket is not valid: it is used up, older than ${TICKET_TTL_MS / 1_000} s, or not from this service.`,
  );

export class SignedTickets implements Tickets {
  readonly #secret: Buffer;
  readonly #nowMs: () => number;
  /** Ids of used tickets with the time until which they must be remembered, in the order of their use. */
  readonly #used = new Map<string, number>();

  /** `secret`: the common one of all instances; undefined: one that only this instance knows. */
  constructor(secret: string | undefined, nowMs: () => number) {
    this.#secret = secret === undefined ? randomBytes(SECRET_BYTES) : Buffer.from(secret);
    this.#nowMs = nowMs;
  }

  issue(identity: VerifiedIdentity): Promise<Ticket> {
    const expiresAtMs = this.#nowMs() + TICKET_TTL_MS;
    const id = randomBytes(ID_BYTES).toString("base64url");
    const payload = Buffer.from(`${id} ${expiresAtMs} ${storedText(identity)}`).toString("base64url");
    return Promise.resolve({ text: `${payload}.${this.#sign(payload).toString("base64url")}`, expiresAtMs });
  }

  async redeem(text: string): Promise<VerifiedIdentity> {
    const [payload = "", signature = ""] = text.split(".");
    const [given, right] = [Buffer.from(signature, "base64url"), this.#sign(payload)];
    if (given.length !== right.length || !timingSafeEqual(given, right)) throw notValid();
    const content = Buffer.from(payload, "base64url").toString();
    const [id = "", until = ""] = content.split(" ", 2);
    const [nowMs, untilMs] = [this.#nowMs(), Number(until)];
    this.#forgetExpired(nowMs);
    if (untilMs <= nowMs || this.#used.has(id)) throw notValid();
    if (this.#used.size >= USED_TICKETS_MAX) {
      throw new SwapstatsError("overloaded", "Too many tickets are used at once; try again in a moment.");
    }
    this.#used.set(id, untilMs);
    return identityOfText(content.slice(id.length + until.length + 2));
  }

  close(): void {
    this.#used.clear();
  }

  /** The use of a ticket may come up to its whole life later than that of a later one, so some are forgotten that much later than they could be. */
  #forgetExpired(nowMs: number): void {
    for (const [id, untilMs] of this.#used) {
      if (untilMs > nowMs) return;
      this.#used.delete(id);
    }
  }

  #sign(payload: string): Buffer {
    return createHmac("sha256", this.#secret).update("swapstats ticket ").update(payload).digest();
  }
}
