/** Times and spans of time. Clock times are those of the reader's time zone; titles give the exact time in UTC. */
import { NO_VALUE, THIN } from "./figures.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const two = (value: number): string => String(value).padStart(2, "0");

/** How long ago, in the largest unit: `now` below a second, `12 s`, `3 min`, `5 h`, `2 d`. A time in the future is `now`. */
export function formatAge(timeMs: number | null | undefined, nowMs: number): string {
  if (timeMs === null || timeMs === undefined) return NO_VALUE;
  const age = nowMs - timeMs;
  return age < SECOND ? "now" : formatSpan(Math.floor(age / SECOND) * SECOND);
}

/** A span: `34 ms`, `1.2 s`, `12 s`, `3 min`, `5 h`, `2 d`. */
export function formatSpan(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return NO_VALUE;
  const span = Math.max(0, ms);
  if (span < SECOND) return `${Math.round(span)}${THIN}ms`;
  if (span < 10 * SECOND && span % SECOND !== 0) return `${(span / SECOND).toFixed(1)}${THIN}s`;
  if (span < MINUTE) return `${Math.floor(span / SECOND)}${THIN}s`;
  if (span < HOUR) return `${Math.floor(span / MINUTE)}${THIN}min`;
  if (span < DAY) return `${Math.floor(span / HOUR)}${THIN}h`;
  return `${Math.floor(span / DAY)}${THIN}d`;
}

/** The time of day of the reader: `17:15:21`. */
export function formatClock(timeMs: number | null | undefined): string {
  if (timeMs === null || timeMs === undefined) return NO_VALUE;
  const time = new Date(timeMs);
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Day and time of day of the reader: `1 Jan 2026, 17:15:21`. */
export function formatDay(timeMs: number | null | undefined): string {
  if (timeMs === null || timeMs === undefined) return NO_VALUE;
  const time = new Date(timeMs);
  return `${time.getDate()} ${MONTHS[time.getMonth()]} ${time.getFullYear()}, ${formatClock(timeMs)}`;
}

/** The exact time: `2026-01-01 17:15:21.034 UTC`. */
export function exactTime(timeMs: number | null | undefined): string {
  if (timeMs === null || timeMs === undefined) return NO_VALUE;
  return `${new Date(timeMs).toISOString().replace("T", " ").replace("Z", "")} UTC`;
}
