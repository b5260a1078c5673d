/**
 * The states of a connection. Timers, sockets and credentials are those of link.ts, which does for each state what the table says.
 *
 *   state    | meaning                              | leaves it
 *   ---------|--------------------------------------|---------------------------------------------------------------------------
 *   idle     | nothing is wanted                    | wanted -> opening
 *   opening  | credentials, then the connection     | opened -> open; lost -> waiting
 *   open     | messages flow                        | lost -> waiting; slept -> asleep; changed -> opening (of a stream of events)
 *   waiting  | until the next try, for `delayMs`    | due, online -> opening
 *   asleep   | closed, because the page is hidden   | shown -> opening
 *   any      |                                      | unwanted -> idle
 */

import { closeCodes } from "../wire/websocket.ts";

export type Phase = "idle" | "opening" | "open" | "waiting" | "asleep";
export type TransportKind = "websocket" | "sse";

export type LinkState = {
  readonly phase: Phase;
  /** Of the present or the next connection. */
  readonly transport: TransportKind;
  /** Connections in a row that failed or ended soon. */
  readonly failures: number;
  /** WebSockets in a row that did not open. */
  readonly blocked: number;
  /** In `waiting`: time until the next try. */
  readonly delayMs: number;
  readonly hasOpened: boolean;
  /** In `opening`: a stream of events is replaced by one with other channels. */
  readonly isReplaced: boolean;
  /** In `waiting` and the `opening` after it: the service answered that none of the channels can be opened. */
  readonly isEmpty: boolean;
};

/** How a connection ended, or why there was none. */
export type Loss = {
  /** Close code of the WebSocket; 0 without one. */
  readonly code: number;
  /** What the service asks for: `Retry-After`, or `reconnect_after_ms` of a shutdown. */
  readonly retryAfterMs: number | undefined;
  /** Whether it was an answer that says why; then another transport would get the same. */
  readonly isRefusal: boolean;
  /** Whether the answer is about the channels of a stream of events, and not about the client. */
  readonly isEmpty: boolean;
  /** How long it was open; 0 if it did not open. */
  readonly openMs: number;
};

export type LinkEvent =
  | { readonly type: "wanted" | "unwanted" | "opened" | "changed" | "due" | "online" | "slept" | "shown" }
  | { readonly type: "lost"; readonly loss: Loss };

export const DELAY_MIN_MS = 500;
export const DELAY_MAX_MS = 30_000;
/** After an end that the service chose because of too much load. */
const OVERLOAD_DELAY_MS = 5_000;
/** The longest time that the service can ask for. */
export const RETRY_AFTER_MAX_MS = 300_000;
/** A connection that lasted this long was a good one. */
const GOOD_MS = 5_000;
const BLOCKED_MAX = 2;
/** The same where one has opened before: perhaps the network is another one now. */
const BLOCKED_LATER_MAX = 5;
const EXPONENT_MAX = 6;
const CLOSED_TRY_LATER = 1013;

export const initialLink = (transport: TransportKind): LinkState => ({
  phase: "idle",
  transport,
  failures: 0,
  blocked: 0,
  delayMs: 0,
  hasOpened: false,
  isReplaced: false,
  isEmpty: false,
});

/** Returns the next state; `state` itself for an event that means nothing in it. `random` is from 0 to 1. `isAuto`: the transport may change. */
export function nextLink(state: LinkState, event: LinkEvent, isAuto: boolean, random: number): LinkState {
  const { phase } = state;
  const to = (next: Phase): LinkState => ({ ...state, phase: next, delayMs: 0, isReplaced: false });
  switch (event.type) {
    case "wanted":
      return phase === "idle" ? to("opening") : state;
    case "unwanted":
      return phase === "idle" ? state : to("idle");
    case "opened":
      return phase === "opening" ? { ...to("open"), hasOpened: true, blocked: 0, isEmpty: false } : state;
    case "changed":
      return phase === "open" ? { ...to("opening"), isReplaced: true } : state;
    case "due":
    case "online":
      return phase === "waiting" ? to("opening") : state;
    case "slept":
      return phase === "open" ? to("asleep") : state;
    case "shown":
      return phase === "asleep" ? to("opening") : state;
    case "lost":
      return phase === "open" || phase === "opening" ? lost(state, event.loss, isAuto, random) : state;
  }
}

function lost(state: LinkState, loss: Loss, isAuto: boolean, random: number): LinkState {
  const isGood = loss.openMs >= GOOD_MS;
  const failures = isGood ? 0 : state.failures;
  const isRenewed = loss.code === closeCodes.unauthorized && loss.retryAfterMs === undefined && failures === 0;
  return {
    ...state,
    ...(isAuto ? nextTransport(state, loss) : {}),
    phase: "waiting",
    isReplaced: false,
    isEmpty: loss.isEmpty,
    failures: failures + 1,
    delayMs: isRenewed ? 0 : delayOf(failures, loss, random),
  };
}

/** Full jitter, so that the clients of an instance that ended do not come back together. */
function delayOf(failures: number, { code, retryAfterMs }: Loss, random: number): number {
  const isLoad = code === CLOSED_TRY_LATER || code === closeCodes.policyViolation;
  const floorMs = Math.min(Math.max(retryAfterMs ?? 0, isLoad ? OVERLOAD_DELAY_MS : 0), RETRY_AFTER_MAX_MS);
  // The service gives each client another time at a shutdown.
  if (retryAfterMs !== undefined && floorMs > 0) return floorMs + Math.round(random * DELAY_MIN_MS);
  const ceilingMs = Math.min(DELAY_MAX_MS, 2 * DELAY_MIN_MS * 2 ** Math.min(failures, EXPONENT_MAX));
  return floorMs + Math.round(DELAY_MIN_MS + random * (ceilingMs - DELAY_MIN_MS));
}

/**
 * A WebSocket that does not open twice in a row makes room for server-sent events. When these end or do not open either, the WebSocket is tried
 * again: perhaps the service was away, or the network is another one.
 */
function nextTransport(
  { transport, blocked, hasOpened, phase }: LinkState,
  loss: Loss,
): Pick<LinkState, "transport" | "blocked" | "hasOpened"> {
  if (transport === "sse") {
    return loss.isRefusal
      ? { transport, blocked, hasOpened }
      : { transport: "websocket", blocked: phase === "open" ? BLOCKED_MAX - 1 : 0, hasOpened: false };
  }
  if (phase === "open" || loss.isRefusal) return { transport, blocked: 0, hasOpened };
  const count = blocked + 1;
  const isBlocked = count >= (hasOpened ? BLOCKED_LATER_MAX : BLOCKED_MAX);
  return { transport: isBlocked ? "sse" : "websocket", blocked: count, hasOpened };
}
