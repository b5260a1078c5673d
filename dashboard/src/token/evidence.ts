/** The statements of "How do I know": each says one thing that the figures of a token stand on. */
import type { StoreMeta, TokenData } from "@swapstats/client";
import { exact, formatCount } from "../format/figures.ts";
import { exactTime, formatClock, formatSpan } from "../format/times.ts";
import { windowsInOrder } from "./comparison.ts";

type Tone = "good" | "plain" | "warn";
export type Statement = {
  readonly id: string;
  readonly label: string;
  readonly value: string;
  /** What the value means for a reader. */
  readonly detail: string;
  /** Exact values. */
  readonly title: string;
  readonly tone: Tone;
};

/** Lag up to which figures are as current as the updates themselves. */
const LAG_PLAIN_MS = 1_000;

/** `seenSinceMs`: the service has every swap since then, if that is known. */
export function statementsOf(data: TokenData, meta: StoreMeta, seenSinceMs: number | undefined): readonly Statement[] {
  return [
    asOf(meta),
    watermark(meta),
    lag(meta),
    completeness(data, meta, seenSinceMs),
    traders(data),
    revision(meta),
    ...(data.split === true ? [SPLIT] : []),
  ];
}

const SPLIT: Statement = {
  id: "split",
  label: "Partitions",
  value: "several",
  detail: "Other partitions have swaps of this token too. Every figure lacks those: key the topic by the token.",
  title: "split: true",
  tone: "warn",
};

function asOf({ asOf: time, stale }: StoreMeta): Statement {
  const detail = stale
    ? "These are the last known figures. The instance that owns the token is unreachable."
    : "Every figure is computed for this instant.";
  const tone = stale ? "warn" : "good";
  return { id: "as-of", label: "As of", value: formatClock(time), detail, title: exactTime(time), tone };
}

function watermark({ asOf: time, watermark: mark }: StoreMeta): Statement {
  const base = { id: "watermark", label: "Watermark", tone: "plain" } as const;
  if (mark === undefined) return { ...base, value: "–", detail: "Not known yet.", title: "" };
  const value = `${formatSpan(Math.max(0, time - mark))} back`;
  return { ...base, value, detail: "A swap from before it is too late to count.", title: exactTime(mark) };
}

function lag({ lagMs }: StoreMeta): Statement {
  const isBehind = lagMs > LAG_PLAIN_MS;
  return {
    id: "lag",
    label: "Lag",
    value: lagMs === 0 ? "none" : formatSpan(lagMs),
    detail: isBehind ? "Swaps wait that are not in the figures yet." : "All swaps that arrived are in the figures.",
    title: `lag_ms: ${exact(lagMs)}`,
    tone: isBehind ? "warn" : "good",
  };
}

function completeness(data: TokenData, { asOf: time }: StoreMeta, seenSinceMs: number | undefined): Statement {
  const names = windowsInOrder(data.windows);
  const missing = names.filter((name) => !data.windows[name]!.complete);
  const since = seenSinceMs === undefined ? "" : `Everything seen since ${formatClock(seenSinceMs)}. `;
  const title = `${seenSinceMs === undefined ? "" : `seen since ${exactTime(seenSinceMs)}, ${formatSpan(time - seenSinceMs)}; `}complete: ${
    names.filter((name) => !missing.includes(name)).join(", ") || "none"
  }`;
  const base = { id: "complete", label: "Complete", title };
  if (missing.length === 0) {
    return { ...base, value: "all windows", detail: since || "No swap of any window was missed.", tone: "good" };
  }
  const whole = names.filter((name) => !missing.includes(name));
  const value = whole.length === 0 ? "not yet" : `only ${whole.join(", ")}`;
  const others = whole.length === 0 ? "All windows began" : "The others began";
  return { ...base, value, detail: `${since}${others} before that.`, tone: "warn" };
}

function traders({ windows }: TokenData): Statement {
  const estimated = windowsInOrder(windows).filter((name) => windows[name]!.traders_estimated === true);
  const base = { id: "traders", label: "Traders" };
  if (estimated.length === 0) {
    const detail = "Wallets are counted one by one. Sums are exact to the last digit.";
    return { ...base, value: "exact", detail, title: "no window is estimated", tone: "good" };
  }
  const errors = estimated.map((name) => `${name} ±${percentOf(windows[name]!.traders_error)}`);
  return {
    ...base,
    value: `≈ in ${estimated.join(", ")}`,
    detail: "Too many wallets to keep each: their number is estimated there. Sums are exact.",
    title: `relative standard error: ${errors.join(", ")}`,
    tone: "plain",
  };
}

/** Writes a share, such as `0.0163`, in percent. */
export function percentOf(share: string | undefined): string {
  return share === undefined ? "?" : `${(Number(share) * 100).toFixed(1)}%`;
}

function revision({ rev, epoch }: StoreMeta): Statement {
  return {
    id: "revision",
    label: "Revision",
    value: exact(rev),
    detail: `Epoch ${epoch}. The same pair means the same figures, everywhere.`,
    title: `epoch ${epoch}, rev ${rev}`,
    tone: "plain",
  };
}

type Counter = { readonly id: string; readonly label: string; readonly value: string; readonly title: string };

/** What did not simply count, since the token's first swap. */
export function countersOf(data: TokenData): readonly Counter[] {
  const rows = [
    ["late", "Too late", data.late, "swaps that arrived behind the watermark, and do not count"],
    ["removed", "Removed", data.removed, "swaps that the chain dropped, and that were taken out again"],
    ["replaced", "Replaced", data.replaced, "announcements that took the place of another one of their swap"],
    ["unresolved", "Unresolved", data.unresolved, "removals that arrived too late"],
    ["unmatched", "Early removals", data.removals_unmatched, "removals that arrived before their swap"],
  ] as const;
  return rows.map(([id, label, count, meaning]) => ({
    id,
    label,
    value: formatCount(count),
    title: `${exact(count)} ${meaning}`,
  }));
}
