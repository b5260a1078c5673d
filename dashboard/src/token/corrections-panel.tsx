/** The feed of corrections: what changed after it had been seen. */
import { signOf } from "../format/decimal.ts";
import { exactUsd, formatUsd } from "../format/figures.ts";
import { exactTime, formatAge, formatSpan } from "../format/times.ts";
import { Delta, Panel } from "../ui/parts.tsx";
import type { Correction, CorrectionKind } from "./corrections.ts";

export function CorrectionsPanel({ feed, nowMs }: { readonly feed: readonly Correction[]; readonly nowMs: number }) {
  return (
    <Panel title="Corrections" aside="since you opened this page" class="corrections">
      {feed.length === 0 ? (
        <p class="corrections-none">
          None so far. When a swap arrives late, or a reorg takes one back, the figures are corrected at once, and this
          list says by how much.
        </p>
      ) : (
        <ol class="corrections-feed">
          {feed.map((entry) => (
            <li key={entry.id} class={`correction ${entry.kind}`}>
              <span class="correction-what">{sentenceOf(entry)}</span>
              <time class="correction-age" title={exactTime(entry.atMs)}>
                {formatAge(entry.atMs, nowMs)}
              </time>
              {entry.usd !== undefined && (
                <span class="correction-effect" title={`${exactUsd(entry.usd)} of volume`}>
                  {signOf(entry.usd) > 0 && <span class="up">+</span>}
                  <Delta value={entry.usd} form="usd" /> volume in {windowsText(entry)}
                </span>
              )}
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

const PLURALS: Readonly<Record<CorrectionKind, (count: number) => string>> = {
  late: (count) => `${count} late swaps`,
  removed: (count) => `Reorg: ${count} swaps removed`,
  refused: (count) => (count === 1 ? "1 swap came too late to count" : `${count} swaps came too late to count`),
  unresolved: (count) => (count === 1 ? "1 removal came too late" : `${count} removals came too late`),
  replaced: (count) =>
    count === 1 ? "1 swap replaced another one of its id" : `${count} swaps replaced others of their ids`,
};

/** Says what happened, without what it did to the figures. */
function sentenceOf({ kind, count, swap, ageMs }: Correction): string {
  if (swap === undefined)
    return `${PLURALS[kind](count)}${ageMs === undefined ? "" : `, up to ${formatSpan(ageMs)} old`}`;
  const what = `${swap.side} of ${formatUsd(swap.amount_usd)}`;
  return kind === "removed" ? `Reorg: a ${what} removed` : `A ${what}, ${formatSpan(ageMs)} late`;
}

function windowsText({ windows = [] }: Correction): string {
  const [first, ...rest] = windows;
  if (first === undefined) return "no window";
  return rest.length === 0 ? first : `${first} and longer`;
}
