/** Opens replay sessions for handshakes with `at`: the market as it was, with a hub of its own, so that nothing of the live one is shared. */
import { replayLimits } from "@swapstats/protocol/limits.ts";
import type { ReplayEnd, ReplaySession, ReplaySessions } from "../../ports/replay-sessions.ts";
import type { PastQueries } from "../history/past-queries.ts";
import { Hub } from "../live/hub.ts";
import type { LiveConfig } from "../live/live-limits.ts";
import { historyOff, ProblemError, problemOf } from "../problems.ts";

/** Memory of patches and messages of a session. */
const CACHED_BYTES_MAX = 8 * 1024 * 1024;
const DECIMAL = /^(?:[0-9]{1,4}(?:\.[0-9]{1,6})?|\.[0-9]{1,6})$/;

type ReplaysOptions = {
  /** Undefined: `history.replay_sessions` is 0, or there is no history. */
  readonly sessions: ReplaySessions | undefined;
  readonly past: PastQueries | undefined;
  readonly config: LiveConfig;
};

export type Replay = {
  readonly hub: Hub;
  readonly speed: number;
  readonly session: ReplaySession;
  /** Monotonic; since when no channel is open. Infinity until the clock begins. */
  idleSinceMs: number;
};

export class Replays {
  readonly #options: ReplaysOptions;

  constructor(options: ReplaysOptions) {
    this.#options = options;
  }

  /** Rejects with ProblemError `history_off`, `invalid_parameters`, `history_unsettled`, `overloaded`, and `unavailable` or `storage_failed` where the history does not answer. */
  async open(query: URLSearchParams): Promise<Replay> {
    const { sessions, past, config } = this.#options;
    if (past === undefined) throw historyOff("A WebSocket with at");
    if (sessions === undefined) {
      const message =
        "A WebSocket with at needs a replay session, and there are none here. Set history.replay_sessions.";
      throw new ProblemError("history_off", message);
    }
    const speed = speedOf(query.get("speed"));
    const { atMs, settled } = await past.settledAt({ at: query.get("at") ?? "", place: "query" });
    try {
      const session = sessions.open({ atMs, speed }, settled, () => past.settled());
      // Nobody comes back to a session.
      const ws = { ...config.api.ws, resumeWindowMs: 0 };
      // The as-of of a session lies in the past, as that of events does.
      const hub = new Hub({
        bus: session.bus,
        config: { ...config, windows: { ...config.windows, clock: "event" }, api: { ws } },
        limits: { cachedBytesMax: CACHED_BYTES_MAX },
      });
      return { hub, speed, session, idleSinceMs: Number.POSITIVE_INFINITY };
    } catch (error) {
      throw problemOf(error);
    }
  }
}

/** Returns the text of the message that the clock begins, now. */
export function playingText(replay: Replay): string {
  const { hub, session, speed } = replay;
  replay.idleSinceMs = hub.nowMs();
  return JSON.stringify({ type: "replay", state: "playing", as_of: session.nowMs(), speed });
}

export function endedText({ session }: Replay, { reason, message }: ReplayEnd | IdleEnd): string {
  return JSON.stringify({ type: "replay", state: "ended", as_of: session.nowMs(), reason, message });
}

type IdleEnd = { readonly reason: "idle"; readonly message: string };

/** Returns the end of a session that has had no channel for too long. */
export function idleEnd(replay: Replay, nowMs: number): IdleEnd | undefined {
  if (replay.hub.feeds > 0) replay.idleSinceMs = nowMs;
  if (nowMs - replay.idleSinceMs < replayLimits.idleMs) return undefined;
  const message = `No channel was open for ${replayLimits.idleMs / 1_000} s.`;
  return { reason: "idle", message };
}

function speedOf(text: string | null): number {
  const speed = text === null ? 1 : DECIMAL.test(text) ? Number(text) : Number.NaN;
  if (speed > 0 && speed <= replayLimits.speedMax) return speed;
  const message = `must be a decimal above 0 and at most ${replayLimits.speedMax}, such as 60 or 0.5`;
  throw new ProblemError("invalid_parameters", `speed ${message}`, {
    errors: [{ in: "query", name: "speed", message }],
  });
}
