/** Audits a window of a token: its figures as they are served, and recomputed from the swaps of history and memory. */

import type { WindowFigures } from "@swapstats/protocol/schemas/figures.ts";
import type { Audit } from "@swapstats/protocol/schemas/history.ts";
import type { ServedWindow } from "@swapstats/protocol/screener/query.ts";
import type { Edge, HistoryReader, SettledRow, Span, TokenKey } from "../../ports/history-store.ts";
import { ProblemError } from "../problems.ts";
import { differencesOf, toleranceOf } from "./audit-differences.ts";
import { AuditFold } from "./audit-fold.ts";

/** Swaps that one audit reads at most. Each takes about a microsecond of the main thread. */
const AUDIT_ROWS_MAX = 5_000_000;
/** Wallets that one audit holds at most, buyers and sellers apart: about 100 bytes each. */
const AUDIT_WALLETS_MAX = 1_000_000;

/** A window of a token at an instant. Served figures, memory and edges are of the same moment. */
type AuditSubject = {
  readonly token: TokenKey;
  readonly id: string;
  readonly symbol: string | undefined;
  readonly window: ServedWindow;
  readonly asOfMs: number;
  /** The finest step of the configured windows. */
  readonly finestStepMs: number;
  readonly served: WindowFigures;
  /** Swaps of the token that the owner answers for. */
  readonly memory: readonly SettledRow[];
  /** Where memory begins in its stream. */
  readonly edges: readonly Edge[];
};

type AuditLimits = { readonly rowsMax: number; readonly walletsMax: number };
const LIMITS: AuditLimits = { rowsMax: AUDIT_ROWS_MAX, walletsMax: AUDIT_WALLETS_MAX };

/** Returns [open_time, close_time) of a window by its definition. */
function spanOf({ lengthMs, stepMs }: ServedWindow, asOfMs: number, finestStepMs: number): Span {
  return {
    fromMs: Math.floor((asOfMs - lengthMs) / stepMs) * stepMs,
    toMs: Math.floor(asOfMs / finestStepMs) * finestStepMs + finestStepMs,
  };
}

/**
 * Reads the swaps of the window, and of the span before it where that is served, and compares. `isComplete(span)` says whether history and
 * memory hold all swaps of a span. Rejects with ProblemError `invalid_parameters` beyond the limits, with `storage_failed` when history cannot be read, and with the
 * signal's reason.
 */
export async function auditWindow(
  reader: Pick<HistoryReader, "rows">,
  subject: AuditSubject,
  isComplete: (span: Span) => Promise<boolean>,
  signal: AbortSignal,
  limits = LIMITS,
): Promise<Audit> {
  const { token, served, window, asOfMs, edges, memory } = subject;
  const span = spanOf(window, asOfMs, subject.finestStepMs);
  const before =
    served.previous === undefined ? undefined : { fromMs: span.fromMs - window.lengthMs, toMs: span.fromMs };
  const whole = { fromMs: before?.fromMs ?? span.fromMs, toMs: span.toMs };
  const fold = new AuditFold(span, before);
  const isHistoryComplete = await isComplete(whole);
  for (const row of memory) fold.add(row);
  for await (const rows of reader.rows(whole, token, edges, signal)) {
    for (const row of rows) fold.add(row);
    if (fold.rows > limits.rowsMax || fold.wallets > limits.walletsMax) throw tooLarge(subject, limits);
  }
  const recomputed = fold.result(served.complete);
  const tolerance = toleranceOf(served);
  return {
    id: subject.id,
    ...(subject.symbol === undefined ? {} : { symbol: subject.symbol }),
    window: window.name,
    as_of: asOfMs,
    served,
    recomputed: recomputed.figures,
    differences: differencesOf(served, recomputed),
    ...(tolerance === 0 ? {} : { estimate_tolerance: String(Number(tolerance.toFixed(6))) }),
    rows: fold.rows,
    from: whole.fromMs,
    to: whole.toMs,
    history_complete: isHistoryComplete,
  };
}

function tooLarge({ id, window }: AuditSubject, { rowsMax, walletsMax }: AuditLimits): ProblemError {
  const message = `has more than ${rowsMax} swaps or ${walletsMax} wallets of ${id}, which is the limit of an audit`;
  return new ProblemError(
    "invalid_parameters",
    `The window ${window.name} ${message}. Audit a shorter window, or read the swaps yourself.`,
    { errors: [{ in: "query", name: "window", message }] },
  );
}
