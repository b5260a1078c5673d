/**
 * The credentials of a connection that lasts.
 *
 *   good ------- a minute before they expire -----> expiring
 *   expiring --- shown again, and valid longer ----> good
 *   good, expiring --- expired or revoked ---------> ended
 */
import type { Identity } from "../access/identity.ts";
import type { Gate } from "./gate.ts";

/** Time between the warning and the end of a connection. */
const EXPIRY_WARNING_MS = 60_000;

/** `warn` is returned once for each time of expiry. */
type Verdict = "good" | "warn" | "ended";

export class Standing {
  readonly #gate: Pick<Gate, "hasEnded" | "renew">;
  #identity: Identity;
  #isWarned = false;

  constructor(gate: Pick<Gate, "hasEnded" | "renew">, identity: Identity) {
    this.#gate = gate;
    this.#identity = identity;
  }

  /** Who sends on the connection now. */
  get identity(): Identity {
    return this.#identity;
  }

  /** Returns what a look at the credentials leads to. `nowMs` is Unix milliseconds. Called every few seconds. */
  check(nowMs: number): Verdict {
    const { expiresAtMs = Number.POSITIVE_INFINITY } = this.#identity;
    if (nowMs >= expiresAtMs || this.#gate.hasEnded(this.#identity)) return "ended";
    if (this.#isWarned || nowMs < expiresAtMs - EXPIRY_WARNING_MS) return "good";
    this.#isWarned = true;
    return "warn";
  }

  /** Puts a new token in the place of the old credentials. Rejects with ProblemError when it is not valid, or is another subject's. */
  async renew(token: string): Promise<void> {
    this.#identity = await this.#gate.renew(this.#identity, token);
    this.#isWarned = false;
  }
}
