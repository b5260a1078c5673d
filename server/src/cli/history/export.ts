/** The command `history export`: writes settled swaps of a span into a file, in bounded memory. */
import { rm } from "node:fs/promises";
import type { HistoryReader, SettledRow, Span, TokenKey } from "../../ports/history-store.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { printableCut } from "../../shared/printable-text.ts";
import type { Output } from "../output.ts";
import { groupDigits, Progress } from "../progress.ts";
import { FileTarget, NAME_LENGTH_MAX, OutputTarget, PART, type TextTarget } from "./file-target.ts";
import type { OpenedHistory } from "./history.ts";
import { CSV_HEADER, csvLine, jsonLine } from "./swap-text.ts";

export type ExportFormat = "ndjson" | "csv" | "parquet";

export type ExportOptions = {
  readonly from?: number;
  readonly to?: number;
  readonly token?: string;
  readonly format: ExportFormat;
  /** `-`: standard output. */
  readonly out: string;
};

const STDOUT = "-";

/**
 * Resolves when the file is complete: it appears under its name at the end, so it is never half. Rejects with `usage`, `not_found` for an
 * unknown token, `bad_config` where Parquet needs a package that is missing, and `storage_failed`.
 */
export async function historyExport(
  { store }: OpenedHistory,
  options: ExportOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const { format, out } = options;
  if (format === "parquet" && out === STDOUT) {
    throw new SwapstatsError(
      "usage",
      "--format parquet needs --out FILE: such a file is written at once, and not to standard output",
    );
  }
  const parquet = format === "parquet" ? await import("./parquet-file.ts") : undefined;
  await parquet?.checkDuckdb();
  const token = options.token === undefined ? undefined : await tokenOf(store, options.token);
  const span = { fromMs: options.from ?? 0, toMs: options.to ?? Number.MAX_SAFE_INTEGER };
  if (span.fromMs >= span.toMs) throw new SwapstatsError("usage", "--from is not before --to");
  const path = parquet === undefined ? out : `${out}.rows${PART}`;
  const target: TextTarget = out === STDOUT ? new OutputTarget(output) : await FileTarget.open(path);
  try {
    const rows = await writeRows(store, { span, token, format }, target, output, signal);
    if (parquet === undefined) await target.finish();
    else {
      await target.finish();
      await parquet.writeParquet(path, out, `${out}${PART}`, signal).finally(() => rm(path, { force: true }));
    }
    output.err(
      `${groupDigits(rows)} swaps are in ${out === STDOUT ? "standard output" : printableCut(out, NAME_LENGTH_MAX)}.\n`,
    );
  } catch (error) {
    await target.drop();
    throw error;
  }
}

type Wanted = { readonly span: Span; readonly token: TokenKey | undefined; readonly format: ExportFormat };

async function writeRows(
  store: HistoryReader,
  { span, token, format }: Wanted,
  target: TextTarget,
  output: Output,
  signal: AbortSignal,
): Promise<number> {
  const { fromMs = 0, toMs = 0 } = await store.status();
  const [first, last] = [Math.max(span.fromMs, fromMs), Math.min(span.toMs, toMs)];
  const progress = new Progress(output, "export", performance.now());
  const line: (row: SettledRow) => string = format === "csv" ? csvLine : jsonLine;
  let rows = 0;
  try {
    if (format === "csv") await target.write(CSV_HEADER);
    for await (const batch of store.rows(span, token, [], signal)) {
      await target.write(batch.map(line).join(""));
      rows += batch.length;
      const doneMs = (batch.at(-1)?.eventTimeMs ?? first) - first;
      progress.update({ records: rows, bytesDone: doneMs, bytesAll: Math.max(0, last - first) }, performance.now());
    }
  } finally {
    progress.end();
  }
  return rows;
}

/** Returns the token with this id (1:0xc02a...), address or symbol. Rejects with `not_found` or, for several, `usage`. */
export async function tokenOf(store: HistoryReader, name: string): Promise<TokenKey> {
  const id = /^([0-9]{1,10}):(.+)$/s.exec(name);
  if (id !== null && Number(id[1]) <= 0xffff_ffff) return { chainId: Number(id[1]), token: id[2] as string };
  const found = await store.find(name);
  const [token] = found;
  const shown = printableCut(name);
  if (token === undefined) {
    throw new SwapstatsError(
      "not_found",
      `The history has no token with the address or symbol ${shown}. Write its id, such as 1:0xc02a...`,
    );
  }
  if (found.length > 1) {
    const ids = found.slice(0, 5).map(({ chainId, token }) => printableCut(`${chainId}:${token}`));
    throw new SwapstatsError(
      "usage",
      `${found.length} tokens are named ${shown}: ${ids.join(", ")}${found.length > 5 ? ", ..." : ""}. Give one of these ids.`,
    );
  }
  return token;
}
