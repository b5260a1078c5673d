/** How old what a live view shows is. An idle stream has nothing to tell, and the view must not look frozen. */
import { formatSpan } from "./figures.ts";
import type { Part } from "./parts.ts";

/** Longer than the time between two questions for the status, and a slow answer to one. */
export const SILENT_AFTER_MS = 8_000;
const NOW_WITHIN_MS = 1_000;

export type Freshness = {
  /** When the newest figures came, by the clock of this machine. */
  readonly changedMs: number;
  /** When the service said anything the last time. */
  readonly heardMs: number;
};

/** `live`, or `no change for 12 s`, or that the service has gone silent. */
export function freshnessPart({ changedMs, heardMs }: Freshness, nowMs: number): Part {
  const silentMs = nowMs - heardMs;
  if (silentMs >= SILENT_AFTER_MS) return { text: `service silent for ${seconds(silentMs)}`, style: "yellow" };
  const ageMs = nowMs - changedMs;
  if (ageMs <= NOW_WITHIN_MS) return { text: "live", style: "green" };
  return { text: `no change for ${seconds(ageMs)}` };
}

function seconds(ms: number): string {
  return ms < 60_000 ? `${Math.floor(ms / 1_000)} s` : formatSpan(ms);
}

/** `12:34:56 UTC` */
export function clockText(nowMs: number): string {
  return `${new Date(nowMs).toISOString().slice(11, 19)} UTC`;
}
