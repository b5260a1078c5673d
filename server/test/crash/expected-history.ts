/** The rows that a history must hold: those of the uninterrupted run over the same log. */
import assert from "node:assert/strict";
import { RawRowWriter, readRawRows } from "../../src/codecs/raw-rows.ts";
import { SettledRowWriter } from "../../src/codecs/settled-row-writer.ts";
import { readSettledRows } from "../../src/codecs/settled-rows.ts";
import type { RawRow, SettledRow } from "../../src/ports/history-store.ts";
import type { Shadow } from "./shadow.ts";

type Swap = Omit<SettledRow, "price">;

const SWAP_MEMBERS: readonly (keyof Swap)[] = [
  ...(["eventTimeMs", "chainId", "token", "symbol", "pool", "who", "isBuy", "amountUnits", "usdMicro"] as const),
  ...(["givenPrice", "txHash", "logIndex", "txIndex", "eventId", "blockNumber", "blockHash", "revision"] as const),
];

export class ExpectedHistory {
  /** Texts of all rows in the order of their sequences, and of all raw rows in the order of their offsets. */
  readonly settled: string[] = [];
  readonly raw: string[] = [];
  readonly outcomes = new RawRowWriter();
  #shadow: Shadow | undefined;
  #writer: SettledRowWriter | undefined;

  begin(shadow: Shadow): void {
    this.#shadow = shadow;
    this.#writer = new SettledRowWriter(shadow.engine.source, 0);
    shadow.engine.watchSettled(this.#writer);
  }

  /** Reads everything that the log holds now. */
  async follow(): Promise<void> {
    await this.#shadow?.follow();
    const settled = this.#writer?.cut();
    if (settled !== undefined) for (const row of readSettledRows(settled.bytes)) this.settled.push(settledText(row));
    const raw = this.outcomes.cut();
    if (raw !== undefined) for (const row of readRawRows(raw.bytes, new Map())) this.raw.push(rawText(row));
  }
}

export function settledText(row: SettledRow): string {
  return textOf([...SWAP_MEMBERS.map((name) => row[name]), row.price]);
}

export function rawText(row: RawRow): string {
  const { offset, index, arrivalMs, isRemoval, outcome } = row;
  return textOf([offset, index, arrivalMs, isRemoval, outcome, ...SWAP_MEMBERS.map((name) => row[name])]);
}

function textOf(values: readonly unknown[]): string {
  return JSON.stringify(values.map((value) => (typeof value === "bigint" ? `${value}` : (value ?? null))));
}

/** Asserts that these are the same rows, in any order, each as often. */
export function assertSameRows(found: readonly string[], expected: readonly string[], what: string): void {
  const [there, wanted] = [found, expected].map((rows) => [...rows].sort());
  const counts = `${found.length} ${what} instead of ${expected.length}`;
  for (let i = 0; i < Math.max(found.length, expected.length); i++) {
    const [row, want] = [there?.[i], wanted?.[i]];
    if (row === want) continue;
    const isMissing = row === undefined || (want !== undefined && want < row);
    const isTwice = !isMissing && i > 0 && there?.[i - 1] === row;
    const name = isMissing ? `is missing: ${want}` : `is ${isTwice ? "there twice" : "none of the run"}: ${row}`;
    assert.fail(`${counts}; one ${name}`);
  }
}
