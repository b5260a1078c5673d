/** Holds the bytes of answers that are not sent yet in a budget, from the moment they are handed to the connection until it is rid of them. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Budget, Lease } from "../../shared/budget.ts";
import { clientOf } from "../../shared/client-address.ts";
import { ProblemError } from "../problems.ts";

/**
 * Shorter answers are not counted: a connection has one answer at a time, so the limit on connections bounds them (160 MiB), and
 * counting costs the fastest answers a measurable part of their time.
 */
export const COUNTED_ANSWER_BYTES_MIN = 16 * 1024;

export class AnswerBudget {
  readonly #budget: Budget;
  readonly #leases = new WeakMap<ServerResponse, Lease>();

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** True: the answer may be sent. False: too much waits to be read; it must not be. */
  hold(request: IncomingMessage, response: ServerResponse, bytes: number): boolean {
    if (bytes < COUNTED_ANSWER_BYTES_MIN || request.method === "HEAD") return true;
    if (response.closed) return false;
    const lease = this.#budget.lease(clientOf(request.socket.remoteAddress), () => request.socket.destroy());
    if (!lease.take(bytes)) {
      lease.end();
      return false;
    }
    this.#leases.set(response, lease);
    response.once("close", () => lease.end());
    return true;
  }

  /** The client of this answer reads it. */
  readonly reading = (response: ServerResponse): void => this.#leases.get(response)?.progress();
}

export const tooManyUnread = (): ProblemError =>
  new ProblemError("overloaded", "Too many answers wait to be read; read them, and ask again in a moment.");
