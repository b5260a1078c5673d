/** What the tests of `replay` over files share. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runCli } from "../../../src/cli/run.ts";
import { memoryOutput } from "../../support/memory-output.ts";

const never = new AbortController().signal;

export type Figures = Record<string, unknown>;
type Overview = {
  as_of?: number;
  counters: Record<string, unknown> & { accepted: number; applied: number; dead_letters: Record<string, number> };
  items: { id: string; symbol?: string; windows: Record<string, Figures> }[];
};
type Run = { code: number; out: string; err: string };

export async function replay(...args: string[]): Promise<Run> {
  const output = memoryOutput();
  const code = await runCli(["replay", ...args], output, never);
  return { code, out: output.outText(), err: output.errText() };
}

export async function overviewOf(...args: string[]): Promise<Overview & { err: string; code: number }> {
  const { code, out, err } = await replay(...args, "--format", "json");
  assert.notEqual(out, "", err);
  return { ...(JSON.parse(out) as Overview), err, code };
}

/** Writes files into a folder; returns the path of each. */
export function writerInto(folder: string): (name: string, content: string | Uint8Array) => string {
  return (name, content) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
}

export const EVENT_TIME_MS = 1_691_514_839_123;
export const HEADER = "chain_id,tx_hash,log_index,token,side,amount_token,amount_usd,event_time,note";

/** A row under HEADER. */
export function row(hash: string, note = "", usd = "10"): string {
  return `1,${hash},0,T,buy,2,${usd},${EVENT_TIME_MS},${note}`;
}

export function event(hash: string, more: Record<string, unknown> = {}): string {
  const swap = {
    chain_id: 1,
    tx_hash: hash,
    log_index: 0,
    token: "T",
    side: "buy",
    amount_token: "2",
    amount_usd: "10",
  };
  return JSON.stringify({ ...swap, event_time: EVENT_TIME_MS, ...more });
}
