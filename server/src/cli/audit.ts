/** The command `audit`: has a running service recompute its figures from swaps, and reports each figure that differs. */
import { requestLimits } from "@swapstats/protocol/limits.ts";
import type { Audit } from "@swapstats/protocol/schemas/history.ts";
import type { ProblemDocument } from "@swapstats/protocol/schemas/problems.ts";
import type { Overview } from "@swapstats/protocol/schemas/tokens.ts";
import { parseDurationMs } from "../config/units.ts";
import { SwapstatsError } from "../shared/errors.ts";
import { printableJson } from "../shared/printable-text.ts";
import { backoffMs } from "../shared/retry.ts";
import { type AuditResult, isPassed, reportLines, summaryOf, verdictOf } from "./audit-report.ts";
import { CommandFailed } from "./command-failed.ts";
import type { Output } from "./output.ts";
import { Progress } from "./progress.ts";
import { ServiceClient } from "./service-client.ts";

export type AuditOptions = {
  readonly url: string;
  readonly token?: string;
  readonly window?: string;
  readonly at?: number;
  readonly all?: true;
  readonly sample?: number;
  readonly json?: true;
};

const RETRIES_MAX = 10;
const BACKOFF = { firstMs: 300, longestMs: 5_000 };

/** Rejects with `usage` for wrong arguments, and with CommandFailed when a figure differs or nothing could be compared. */
export async function runAudit(
  tokens: readonly string[],
  options: AuditOptions,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  checkUsage(tokens, options);
  const client = new ServiceClient(options.url, signal, options.token);
  const windows = options.window === undefined ? await client.windows() : options.window.split(",");
  const audited = options.all === true ? await sampleOf(client, windows, options) : tokens;
  const results = await auditAll(client, audited, windows, options, output);
  const summary = summaryOf(results);
  const shown = options.all === true ? results.filter((result) => verdictOf(result) !== "equal") : results;
  if (options.json === true) {
    const audits = shown.map(({ token, window, audit, problem }) => audit ?? { id: token, window, error: problem });
    output.out(`${printableJson(JSON.stringify({ ...summary, audits }))}\n`);
  } else {
    output.out(`${reportLines(shown, summary).join("\n")}\n`);
  }
  if (!isPassed(summary)) throw new CommandFailed("figures differ, or could not be compared");
}

function checkUsage(tokens: readonly string[], { all, sample }: AuditOptions): void {
  if (all === true && tokens.length > 0) throw usage("Name tokens, or give --all, not both.");
  if (all !== true && tokens.length === 0) throw usage("Name a token, or give --all for all tokens.");
  if (all !== true && sample !== undefined) throw usage("--sample chooses among all tokens; give --all with it.");
}

const usage = (message: string): SwapstatsError => new SwapstatsError("usage", message);

async function auditAll(
  client: ServiceClient,
  tokens: readonly string[],
  windows: readonly string[],
  { at }: AuditOptions,
  output: Output,
): Promise<AuditResult[]> {
  const progress = new Progress(output, "audit", performance.now());
  const results: AuditResult[] = [];
  let records = 0;
  try {
    for (const token of tokens) {
      for (const window of windows) {
        const result = await auditOne(client, token, window, at);
        results.push(result);
        records += result.audit?.rows ?? 0;
        const state = { records, bytesDone: results.length, bytesAll: tokens.length * windows.length };
        progress.update(state, performance.now());
      }
    }
  } finally {
    progress.end();
  }
  return results;
}

async function auditOne(
  client: ServiceClient,
  token: string,
  window: string,
  at: number | undefined,
): Promise<AuditResult> {
  const query = new URLSearchParams({ window, ...(at === undefined ? {} : { at: String(at) }) });
  const { status, text } = await callPatiently(client, `/api/audit/${encodeURIComponent(token)}?${query}`);
  if (status === 200) return { token, window, audit: JSON.parse(text) as Audit, problem: undefined };
  return { token, window, audit: undefined, problem: problemText(status, text) };
}

/** Repeats a request while the service is busy. */
async function callPatiently(client: ServiceClient, path: string): Promise<{ status: number; text: string }> {
  for (let attempt = 1; ; attempt++) {
    const response = await client.call({ method: "GET", path, body: undefined });
    const isBusy = response.status === 503 || response.status === 429;
    if (!isBusy || attempt > RETRIES_MAX) return response;
    await client.pause(backoffMs(BACKOFF, attempt));
  }
}

function problemText(status: number, text: string): string {
  try {
    const { code, detail, title } = JSON.parse(text) as ProblemDocument;
    return `${code}: ${detail ?? title}`;
  } catch {
    return `The service responded with ${status}, and no problem document.`;
  }
}

/** Returns the tokens, or so many of them, chosen at random. */
async function sampleOf(
  client: ServiceClient,
  windows: readonly string[],
  { at, sample }: AuditOptions,
): Promise<string[]> {
  const ids = await tokensOf(client, windows, at);
  const count = Math.min(sample ?? ids.length, ids.length);
  for (let place = 0; place < count; place++) {
    const other = place + Math.floor(Math.random() * (ids.length - place));
    [ids[place], ids[other]] = [ids[other]!, ids[place]!];
  }
  return ids.slice(0, count);
}

/** Returns the tokens with a swap in the windows. A list of the service has those of its longest window, so longer windows take several lists. */
async function tokensOf(client: ServiceClient, windows: readonly string[], at: number | undefined): Promise<string[]> {
  const listedMs = lengthOf((await client.windows()).at(-1));
  const wantedMs = Math.max(...windows.map(lengthOf));
  const ids = new Set<string>();
  const asOfMs = await addListed(client, at, ids);
  for (let agoMs = listedMs; agoMs > 0 && agoMs < wantedMs; agoMs += listedMs) {
    await addListed(client, asOfMs - agoMs, ids);
  }
  return [...ids];
}

/** 0 for a text that is no window: its audit says so. */
const lengthOf = (window = ""): number => parseDurationMs(window) ?? 0;

/** Adds the tokens that are listed at an instant, or now. Resolves with the instant. */
async function addListed(client: ServiceClient, at: number | undefined, ids: Set<string>): Promise<number> {
  let cursor: string | undefined;
  for (;;) {
    // Every window lists the same tokens.
    const query = new URLSearchParams({
      fields: "trades",
      limit: String(requestLimits.overviewMax),
      ...(at === undefined ? {} : { at: String(at) }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    const { status, text } = await callPatiently(client, `/api/overview?${query}`);
    if (status !== 200)
      throw new SwapstatsError("unavailable", `${client.url}/api/overview: ${problemText(status, text)}`);
    const page = JSON.parse(text) as Overview;
    for (const { id } of page.items) ids.add(id);
    cursor = page.next_cursor;
    if (cursor === undefined) return page.as_of;
  }
}
