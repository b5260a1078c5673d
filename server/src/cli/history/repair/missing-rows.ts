/** Subtracts the rows that a store holds of a span from those that the log gives. */
import type { Edge, HistoryReader, HistoryStatus, SettledRow, StreamKey } from "../../../ports/history-store.ts";
import { printableText } from "../../../shared/printable-text.ts";
import { isSameStream } from "../../../stores/history/valid-spans.ts";
import { timeText } from "./gap-groups.ts";
import { NotRepairable } from "./not-repairable.ts";
import type { SettledPiece } from "./settled-log.ts";

/** Returns edges that leave out the rows of all other streams. */
export function othersOf(stream: StreamKey, { streams }: HistoryStatus): Edge[] {
  return streams
    .filter((other) => !isSameStream(other, stream))
    .map(({ logId, partition, epoch }) => ({ logId, partition, epoch, sequence: 0 }));
}

export class MissingRows {
  readonly #reader: Pick<HistoryReader, "rows">;
  readonly #others: readonly Edge[];
  readonly #signal: AbortSignal;
  /** Rows of the store of chains that had no swap yet when their time was compared. */
  readonly #early = new Map<string, SettledRow>();

  /** Rows behind the edges are left out. */
  constructor(reader: Pick<HistoryReader, "rows">, others: readonly Edge[], signal: AbortSignal) {
    this.#reader = reader;
    this.#others = others;
    this.#signal = signal;
  }

  /**
   * Resolves with the rows of the next piece that the store lacks, in an order that is always the same. Rejects with NotRepairable for a row that is another
   * one in the store, or that the log does not give: then the log does not tell what is missing.
   */
  async of({ span, rows, late, chains }: SettledPiece): Promise<SettledRow[]> {
    const held = new Map<string, SettledRow>();
    for await (const batch of this.#reader.rows(span, undefined, this.#others, this.#signal)) {
      for (const row of batch) (chains.has(row.chainId) ? held : this.#early).set(keyOf(row), row);
    }
    const missing = [
      ...rows.filter((row) => isMissing(row, held)),
      ...late.filter((row) => isMissing(row, this.#early)),
    ];
    requireNone(held.values());
    return missing;
  }

  /** Call it after the last piece. Throws NotRepairable as `of` does. */
  end(): void {
    requireNone(this.#early.values());
  }
}

/** Takes the row out of those that are held. */
function isMissing(row: SettledRow, held: Map<string, SettledRow>): boolean {
  const key = keyOf(row);
  const before = held.get(key);
  held.delete(key);
  if (before !== undefined) requireSame(before, row);
  return before === undefined;
}

function requireNone(rows: Iterable<SettledRow>): void {
  for (const row of rows) {
    throw new NotRepairable(
      `The history has the ${describe(row)}, which the log does not give with this configuration.`,
    );
  }
}

function requireSame(held: SettledRow, row: SettledRow): void {
  const names = [...new Set([...Object.keys(held), ...Object.keys(row)])] as (keyof SettledRow)[];
  const different = names.filter((name) => held[name] !== row[name]);
  if (different.length === 0) return;
  throw new NotRepairable(
    `The history has the ${describe(row)} with other values than the log gives with this configuration (${different.join(", ")}).`,
  );
}

const keyOf = ({ chainId, token, eventId, eventTimeMs }: SettledRow): string =>
  JSON.stringify([chainId, token, eventId, eventTimeMs]);

const describe = ({ chainId, token, eventId, eventTimeMs }: SettledRow): string =>
  `swap ${printableText(eventId)} of ${printableText(`${chainId}:${token}`)} at ${timeText(eventTimeMs)}`;
