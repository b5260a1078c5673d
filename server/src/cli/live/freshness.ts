/** The age of the shown figures. An idle stream sends nothing, and the view must not look frozen. */
import { formatSpan } from "./figures.ts";
import type { Part } from "./parts.ts";

/** Longer than the interval of status requests plus a slow response. */
const SILENT_AFTER_MS = 8_000;
const NOW_WITHIN_MS = 1_000;

export type Freshness = {
  /** Arrival of the newest figures, by the clock of this machine. */
  readonly changedMs: number;
  /** Last sign of life of the service. */
  readonly heardMs: number;
};

/** Returns `live`, `no change for 12 s`, or `service silent for 12 s`. */
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
