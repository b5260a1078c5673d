/** Where a client is in the past. */
import type { ReplayOptions } from "../types.ts";

export class Replay {
  readonly #speed: string;
  #at: string;
  /** The latest time that a message was of. */
  #asOfMs = 0;

  /** Throws TypeError for a time that is none. The service checks the rest. */
  constructor({ at, speed = 1 }: ReplayOptions) {
    const ms = at instanceof Date ? at.getTime() : at;
    if (ms === "" || Number.isNaN(ms)) throw new TypeError(`replay.at must be a time, got ${JSON.stringify(at)}`);
    this.#at = String(ms);
    this.#speed = String(speed);
  }

  /** Notes the time of a message. */
  note(message: unknown): void {
    const { as_of: asOfMs } = message as { readonly as_of?: unknown };
    if (typeof asOfMs !== "number" || asOfMs <= this.#asOfMs) return;
    this.#asOfMs = asOfMs;
    this.#at = String(asOfMs);
  }

  /** Adds the place where the next session begins. */
  addTo(query: URLSearchParams): void {
    query.set("at", this.#at);
    query.set("speed", this.#speed);
  }
}
