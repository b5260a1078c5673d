/** The status of a history, as text of 80 columns. */
import type { HistoryStatus, Span } from "../../ports/history-store.ts";
import { groupDigits } from "../progress.ts";
import { type Column, safeText, tableLines } from "../table.ts";

const LOG_WIDTH = 14;
const CAUSE_WIDTH = 76;

const STREAM_COLUMNS: readonly Column[] = [
  { title: "Log", align: "left" },
  { title: "Part", align: "right" },
  { title: "Epoch", align: "right" },
  { title: "Rows", align: "right" },
  { title: "Valid from", align: "left" },
  { title: "Settled before", align: "left" },
];
/** Times before the first swap of any chain and behind the last one stand for no bound. */
const YEAR_3000_MS = Date.UTC(3000, 0);

/** Returns `2026-01-31 12:00:00`, or `-` where the time is no time of a swap. */
function timeText(ms: number | undefined): string {
  if (ms === undefined || ms <= 0 || ms >= YEAR_3000_MS) return "-";
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

export const spanText = ({ fromMs, toMs }: Span): string => `${timeText(fromMs)} to ${timeText(toMs)}`;

export function statusLines(kind: string, status: HistoryStatus): string[] {
  const { schemaVersion, streams, gaps, rows, bytes, fromMs, toMs } = status;
  const span = fromMs === undefined || toMs === undefined ? "none yet" : spanText({ fromMs, toMs });
  return [
    `Store    ${kind}, schema ${schemaVersion}`,
    `Rows     ${groupDigits(rows)} in ${sizeText(bytes)}`,
    `Swaps    ${span} (UTC)`,
    `Gaps     ${gaps.length === 0 ? "none" : gaps.length}`,
    ...(streams.length === 0 ? [] : ["", ...streamLines(status)]),
    ...gapLines(status),
  ];
}

function streamLines({ streams }: HistoryStatus): string[] {
  const cells = streams.map(({ logId, partition, epoch, rows, span, settledBeforeMs }) => [
    safeText(logId === "" ? "-" : logId, LOG_WIDTH),
    String(partition),
    String(epoch),
    groupDigits(rows),
    timeText(span.fromMs),
    timeText(settledBeforeMs),
  ]);
  return tableLines(STREAM_COLUMNS, cells);
}

function gapLines({ gaps }: HistoryStatus): string[] {
  return gaps.flatMap(({ logId, partition, fromMs, toMs, cause, isRepairable }) => [
    "",
    `Gap of partition ${partition} of log ${safeText(logId === "" ? "-" : logId, 40)}`,
    `  ${spanText({ fromMs, toMs })}, ${isRepairable ? "repairable from the log" : "not repairable"}`,
    `  ${safeText(cause, CAUSE_WIDTH)}`,
  ]);
}

const sizeText = (bytes: number): string =>
  bytes < 1_000_000 ? `${groupDigits(bytes)} bytes` : `${groupDigits((bytes / 1e6).toFixed(1))} MB`;
