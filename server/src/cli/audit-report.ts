/** The results of audits, as text of 80 columns and as JSON. */
import type { Audit } from "@swapstats/protocol/schemas/history.ts";
import { groupDigits } from "./progress.ts";
import { type Column, safeText, shortId, tableLines } from "./table.ts";

/** An audit that was made, or the reason why it was not. */
export type AuditResult = {
  readonly token: string;
  readonly window: string;
  readonly audit: Audit | undefined;
  readonly problem: string | undefined;
};

type AuditVerdict = "equal" | "different" | "incomplete" | "failed";

/** Counts of results by verdict. */
type AuditSummary = Readonly<Record<AuditVerdict, number>> & { readonly tokens: number; readonly rows: number };

const ID_WIDTH = 30;
const SYMBOL_WIDTH = 12;
const PROBLEM_WIDTH = 76;
const COLUMNS: readonly Column[] = [
  { title: "Token", align: "left" },
  { title: "Symbol", align: "left" },
  { title: "Window", align: "left" },
  { title: "Swaps", align: "right" },
  { title: "Result", align: "left" },
];

/** Figures of a window that history does not wholly hold may differ without an error. */
export function verdictOf({ audit }: AuditResult): AuditVerdict {
  if (audit === undefined) return "failed";
  if (!audit.history_complete) return "incomplete";
  return audit.differences.length === 0 ? "equal" : "different";
}

export function summaryOf(results: readonly AuditResult[]): AuditSummary {
  const counts = { equal: 0, different: 0, incomplete: 0, failed: 0 };
  let rows = 0;
  for (const result of results) {
    counts[verdictOf(result)] += 1;
    rows += result.audit?.rows ?? 0;
  }
  return { tokens: new Set(results.map(({ token }) => token)).size, rows, ...counts };
}

/** Whether figures were compared, and none was wrong. */
export const isPassed = ({ equal, different, failed }: AuditSummary): boolean =>
  equal > 0 && different === 0 && failed === 0;

/** Returns a table of the results, then each difference, then a sentence. */
export function reportLines(shown: readonly AuditResult[], summary: AuditSummary): string[] {
  const table = shown.length === 0 ? [] : [...tableLines(COLUMNS, shown.map(cellsOf)), ""];
  return [...table, ...shown.flatMap(differenceLines), ...summaryLines(summary)];
}

function cellsOf(result: AuditResult): string[] {
  const { token, window, audit } = result;
  const symbol = safeText(audit?.symbol ?? "", SYMBOL_WIDTH);
  const swaps = audit === undefined ? "-" : groupDigits(audit.rows);
  return [shortId(audit?.id ?? token, ID_WIDTH), symbol, window, swaps, resultText(result)];
}

function resultText(result: AuditResult): string {
  const verdict = verdictOf(result);
  if (verdict !== "different") return verdict;
  const count = result.audit!.differences.length;
  return count === 1 ? "1 difference" : `${count} differences`;
}

function differenceLines(result: AuditResult): string[] {
  const { token, window, audit, problem } = result;
  const head = `${shortId(audit?.id ?? token, ID_WIDTH)}, ${window}`;
  if (problem !== undefined) return [`${head}:`, `  ${safeText(problem, PROBLEM_WIDTH)}`, ""];
  if (verdictOf(result) !== "different") return [];
  return audit!.differences.flatMap(({ field, served = "-", recomputed = "-" }) => [
    `${head}, ${field}:`,
    `  served      ${safeText(served, PROBLEM_WIDTH - 12)}`,
    `  recomputed  ${safeText(recomputed, PROBLEM_WIDTH - 12)}`,
    "",
  ]);
}

function summaryLines(summary: AuditSummary): string[] {
  const { tokens, rows, equal, different, incomplete, failed } = summary;
  const windows = equal + different + incomplete + failed;
  const lines = [
    `Audited ${counted(windows, "window")} of ${counted(tokens, "token")} from ${counted(rows, "swap")}: ` +
      `${equal} equal, ${different} different.`,
  ];
  if (incomplete > 0) {
    lines.push(`${incomplete} not compared: history does not hold all swaps of the window.`);
  }
  if (failed > 0) lines.push(`${failed} failed.`);
  return lines;
}

const counted = (count: number, noun: string): string => `${groupDigits(count)} ${noun}${count === 1 ? "" : "s"}`;
