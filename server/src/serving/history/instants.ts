/** Past instants and windows of any length, as clients write them. */
import type { ServedWindow } from "@swapstats/protocol/screener/query.ts";
import { parseDurationMs } from "../../config/units.ts";
import { stepOfWindowMs } from "../../config/windows.ts";
import { ProblemError } from "../problems.ts";

const PARTS = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})$/;
const TIME_MS_MIN = 100_000_000_000;
const WINDOW_MIN_MS = 10_000;

/** Returns the instant in ms. `place`: where the client wrote it. Throws ProblemError `invalid_parameters`, also for an instant in the future. */
export function instantOf(at: string | number, place: "query" | "body", nowMs: number): number {
  const ms = typeof at === "number" ? at : /^[0-9]{1,16}$/.test(at) ? Number(at) : timeOf(at);
  if (ms === undefined || !Number.isSafeInteger(ms) || ms < TIME_MS_MIN) {
    throw wrong(place, "must be ms since 1970 or a time of RFC 3339 that exists, such as 2026-01-31T12:00:00Z");
  }
  if (ms > nowMs) throw wrong(place, `is ${ms}, which is in the future; now is ${nowMs}`);
  return ms;
}

function wrong(place: "query" | "body", message: string): ProblemError {
  const errors = [{ in: place, name: place === "body" ? "/at" : "at", message }];
  return new ProblemError("invalid_parameters", `at ${message}`, { errors });
}

/** Cuts fractions to milliseconds. Returns undefined for a date or time that does not exist. */
function timeOf(text: string): number | undefined {
  const [, date = "", hour = "", minute = "", second = "", fraction = "", zone = ""] = PARTS.exec(text) ?? [];
  const isDate = date !== "" && new Date(`${date}T00:00:00Z`).toJSON()?.startsWith(date);
  if (!isDate || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const millis = fraction.slice(0, 3).padEnd(3, "0");
  const ms = Date.parse(`${date}T${hour}:${minute}:${second}.${millis}${zone.toUpperCase()}`);
  return Number.isNaN(ms) ? undefined : ms;
}

type PastWindowsOptions = {
  readonly windows: readonly ServedWindow[];
  /** Step of all windows; undefined: each has its own. */
  readonly bucketStepMs: number | undefined;
  readonly windowMaxMs: number;
};

/** The edges of windows at past instants. */
export class PastWindows {
  readonly #options: PastWindowsOptions;
  readonly finestStepMs: number;
  readonly #longestMs: number;

  constructor(options: PastWindowsOptions) {
    const { windows } = options;
    this.#options = options;
    this.finestStepMs = windows.reduce((finest, { stepMs }) => Math.min(finest, stepMs), Number.POSITIVE_INFINITY);
    this.#longestMs = windows.reduce((longest, { lengthMs }) => Math.max(longest, lengthMs), 0);
  }

  /**
   * Returns the windows with these names; those of the service for an empty list. `parameter` is where they were named. Throws ProblemError
   * `invalid_parameters`.
   */
  of(names: readonly string[], place: "query" | "body", parameter = "windows"): readonly ServedWindow[] {
    const { windows, bucketStepMs, windowMaxMs } = this.#options;
    if (names.length === 0) return windows;
    return [...new Set(names)].map((name) => {
      const known = windows.find((window) => window.name === name);
      if (known !== undefined) return known;
      const lengthMs = /^[1-9][0-9]*[smhd]$/.test(name) ? parseDurationMs(name) : undefined;
      if (lengthMs === undefined || lengthMs < WINDOW_MIN_MS || lengthMs > windowMaxMs) {
        const message = `must be windows from 10s to ${windowMaxMs / 1_000}s (history.window_max), such as 90s or 7d, not ${JSON.stringify(name)}`;
        const errors = [{ in: place, name: place === "body" ? `/${parameter}` : parameter, message }];
        throw new ProblemError("invalid_parameters", `${parameter} ${message}`, { errors });
      }
      return { name, lengthMs, stepMs: bucketStepMs ?? stepOfWindowMs(lengthMs) };
    });
  }

  /** Returns the open of the longest window of the service. */
  longestOpenMs(asOfMs: number): number {
    const longest = this.#options.windows.find(({ lengthMs }) => lengthMs === this.#longestMs);
    return longest === undefined ? asOfMs : this.openMs(longest, asOfMs);
  }

  openMs({ lengthMs, stepMs }: ServedWindow, asOfMs: number): number {
    return Math.floor((asOfMs - lengthMs) / stepMs) * stepMs;
  }

  closeMs(asOfMs: number): number {
    return Math.floor(asOfMs / this.finestStepMs) * this.finestStepMs + this.finestStepMs;
  }

  /** Whether the window is served with the span before it. */
  hasPrevious({ lengthMs, stepMs }: ServedWindow): boolean {
    return 2 * lengthMs + stepMs <= this.#longestMs;
  }
}
