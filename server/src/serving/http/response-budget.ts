/** Holds the bytes of responses in a budget, from the write to the connection until they are sent. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Budget, Lease } from "../../shared/budget.ts";
import type { Gate } from "../gate.ts";
import { ProblemError } from "../problems.ts";

/**
 * Shorter responses are not counted. A connection has one response at a time, so the limit on connections bounds them (160 MiB), and
 * counting takes a measurable part of the time of the fastest responses.
 */
const COUNTED_RESPONSE_BYTES_MIN = 16 * 1024;

export class ResponseBudget {
  readonly #budget: Budget;
  readonly #addressOf: Gate["addressOf"];
  readonly #leases = new WeakMap<ServerResponse, Lease>();

  constructor(budget: Budget, addressOf: Gate["addressOf"]) {
    this.#budget = budget;
    this.#addressOf = addressOf;
  }

  /** Returns whether the response may be sent. False: too many bytes wait to be read. */
  hold(request: IncomingMessage, response: ServerResponse, bytes: number): boolean {
    if (bytes < COUNTED_RESPONSE_BYTES_MIN || request.method === "HEAD") return true;
    if (response.closed) return false;
    const lease = this.#budget.lease(this.#addressOf(request), () => request.socket.destroy());
    if (!lease.take(bytes)) {
      lease.end();
      return false;
    }
    this.#leases.set(response, lease);
    response.once("close", () => lease.end());
    return true;
  }

  /** Notes that the client reads this response. */
  readonly reading = (response: ServerResponse): void => this.#leases.get(response)?.progress();
}

export const tooManyUnread = (): ProblemError =>
  new ProblemError("overloaded", "Too many responses wait to be read; read them, and try again in a moment.");
