/** The commands `history status`, `migrate`, `verify` and `compact`, over the configured store. */
import type { HistoryStore, Span } from "../../ports/history-store.ts";
import { SwapstatsError } from "../../shared/errors.ts";
import { printableJson } from "../../shared/printable-text.ts";
import { historyStoreSetup, openHistoryStore } from "../../stores/history/open-history-store.ts";
import { CommandFailed } from "../command-failed.ts";
import type { Output } from "../output.ts";
import { groupDigits, Progress } from "../progress.ts";
import { readConfig } from "../read-config.ts";
import { snakeCase } from "../snake-case.ts";
import { spanText, statusLines } from "./status-lines.ts";
import { type Verified, verifyHistory } from "./verify-history.ts";

/** A store that is open, and its kind. */
export type OpenedHistory = { readonly kind: string; readonly store: HistoryStore };

/** Options that every command of the group has. */
export type HistoryOptions = { readonly config?: string; readonly dataDir?: string };

/** Opens the configured store, and closes it when the command has ended. Rejects with `bad_config` where no history is configured. */
export async function withHistory(
  { config: path, dataDir }: HistoryOptions,
  output: Output,
  command: (history: OpenedHistory) => Promise<void>,
): Promise<void> {
  const { config } = readConfig(path, output);
  const setup = historyStoreSetup(config, dataDir ?? config.dataDir);
  if (setup === undefined) {
    throw new SwapstatsError(
      "bad_config",
      "No history is configured. Name a configuration with stores.history by --config, or set SWAPSTATS_STORES_HISTORY.",
    );
  }
  const store = await openHistoryStore(setup);
  try {
    await command({ kind: setup.kind, store });
  } finally {
    await store.close();
  }
}

type Format = { readonly json?: true };
export type VerifyOptions = Format & { readonly from?: number; readonly to?: number };

export async function historyStatus({ kind, store }: OpenedHistory, options: Format, output: Output): Promise<void> {
  const status = await store.status();
  print(output, options, { store: kind, ...status }, statusLines(kind, status));
}

export async function historyMigrate({ store }: OpenedHistory, options: Format, output: Output): Promise<void> {
  const done = await store.migrate();
  print(output, options, { done }, done.length === 0 ? ["The schema is up to date."] : done);
}

/** Rejects with CommandFailed when something is wrong. */
export async function historyVerify(
  { store }: OpenedHistory,
  { from, to, ...format }: VerifyOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const asked: Partial<Span> = {
    ...(from === undefined ? {} : { fromMs: from }),
    ...(to === undefined ? {} : { toMs: to }),
  };
  const progress = new Progress(output, "verify", performance.now());
  let reachedMs: number | undefined;
  const onVerified = (records: number, timeMs: number, { fromMs, toMs }: Span): void => {
    reachedMs = timeMs;
    progress.update({ records, bytesDone: timeMs - fromMs, bytesAll: toMs - fromMs }, performance.now());
  };
  const damage = await store.verify(signal);
  const compared = await verifyHistory(store, asked, onVerified, signal)
    .catch((error: unknown) => {
      if (signal.aborted && reachedMs !== undefined) {
        output.err(`\nVerified up to ${new Date(reachedMs).toISOString()}. Go on with --from and this time.\n`);
      }
      throw error;
    })
    .finally(() => progress.end());
  const isSound = compared.isSound && damage.length === 0;
  const verified = { ...compared, isSound, findings: [...damage, ...compared.findings] };
  print(output, format, verified, verifiedLines(verified));
  if (!isSound) throw new CommandFailed("the history is not sound");
}

export async function historyCompact(
  { store }: OpenedHistory,
  options: Format,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const done = await store.compact(signal);
  print(output, options, { done }, done.length === 0 ? ["There is nothing to compact."] : done);
}

function verifiedLines({ isSound, findings, moreFindings, rows, span }: Verified): string[] {
  const read =
    span === undefined ? "There are no final rows yet." : `Read ${groupDigits(rows)} rows, ${spanText(span)}.`;
  const more = moreFindings === 0 ? [] : [`... and ${groupDigits(moreFindings)} more.`];
  return [...findings, ...more, read, isSound ? "The history is sound." : "The history is NOT sound."];
}

function print(output: Output, { json }: Format, value: unknown, lines: readonly string[]): void {
  output.out(json === true ? `${printableJson(JSON.stringify(snakeCase(value)))}\n` : `${lines.join("\n")}\n`);
}
