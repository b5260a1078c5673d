/**
 * A circuit breaker for one dependency of the service:
 *
 *   closed     --three failures in a row--> open
 *   open       --a pause with jitter, doubled each time up to its limit--> half_open    until then calls fail at once
 *   half_open  --one call succeeds--> closed
 *   half_open  --it fails--> open
 *
 * A failed dependency is called rarely, and callers do not wait for its timeouts. The jitter keeps many instances from returning to it at
 * the same moment.
 */
import {
  type CircuitBreakerPolicy,
  CircuitState as CockatielState,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  halfJitterGenerator,
  handleWhen,
  isBrokenCircuitError,
} from "cockatiel";
import { type ErrorCode, SwapstatsError } from "./errors.ts";

type CircuitState = "closed" | "half_open" | "open";

/** Consecutive failures that open the circuit. */
export const FAILURES_TO_OPEN = 3;
const PAUSE_FIRST_MS = 1_000;
const PAUSE_MAX_MS = 15_000;

type CircuitOptions = {
  /** Name in messages and metrics, such as `redis`. */
  readonly dependency: string;
  /** Whether an error means that the dependency is unavailable. Any other error shows that it works. */
  readonly isFailure: (error: unknown) => boolean;
  /** Code of the retryable error that a call gets while the circuit is open. */
  readonly openCode: ErrorCode;
  /** ms since 1970. */
  readonly nowMs: () => number;
};

export class Circuit {
  readonly dependency: string;
  readonly #policy: CircuitBreakerPolicy;
  readonly #openCode: ErrorCode;
  #sinceMs: number | undefined;

  constructor({ dependency, isFailure, openCode, nowMs }: CircuitOptions) {
    this.dependency = dependency;
    this.#openCode = openCode;
    this.#policy = circuitBreaker(handleWhen(isFailure), {
      breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
      halfOpenAfter: new ExponentialBackoff({
        generator: halfJitterGenerator,
        initialDelay: PAUSE_FIRST_MS,
        maxDelay: PAUSE_MAX_MS,
      }),
    });
    let wasClosed = true;
    this.#policy.onStateChange(() => {
      const isClosed = this.state === "closed";
      if (isClosed !== wasClosed) this.#sinceMs = nowMs();
      wasClosed = isClosed;
    });
  }

  get state(): CircuitState {
    const { state } = this.#policy;
    if (state === CockatielState.Closed) return "closed";
    return state === CockatielState.HalfOpen ? "half_open" : "open";
  }

  /** When it last left the state `closed`, or came back to it, ms since 1970. Undefined: it has always been closed. */
  get sinceMs(): number | undefined {
    return this.#sinceMs;
  }

  /** Why the last call failed. Undefined while the circuit is closed. */
  get problem(): string | undefined {
    if (this.state === "closed") return undefined;
    const last = this.#policy.lastFailure;
    if (last === undefined || !("error" in last)) return `${this.dependency} is unavailable`;
    return last.error instanceof Error ? last.error.message : String(last.error);
  }

  /** Makes the call, or rejects at once while the circuit is open. Errors of the call itself pass through. */
  async run<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await this.#policy.execute(call);
    } catch (error) {
      if (!isBrokenCircuitError(error)) throw error;
      const message = `${this.problem} (calls to ${this.dependency} are suspended for a moment; the service retries)`;
      throw new SwapstatsError(this.#openCode, message, { cause: error, retryable: true });
    }
  }
}
