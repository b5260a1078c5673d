/**
 * Reads all rows of a span in the order of time. Each batch is a statement and a transaction of its own, which continues behind the last row:
 * a reader that takes its time holds nothing at the server. The span of a statement adapts to the rows that it finds.
 */
import type { Reading } from "../../../clients/postgres/connection.ts";
import type { Edge, SettledRow, Span, TokenKey } from "../../../ports/history-store.ts";
import { settledRow } from "./copy-text.ts";
import { type Ask, type Row, rowsQuery } from "./queries.ts";
import { heldSpan, type LayoutStream, rangesOf } from "./ranges.ts";
import { DAY_MS, MINUTE_MS } from "./schema.ts";
import { partitionsOf } from "./tables.ts";

type Wanted = {
  readonly span: Span;
  readonly token: TokenKey | undefined;
  readonly edges: readonly Edge[];
  readonly signal: AbortSignal;
};
/** Runs `work` in a transaction of its own. */
type Read = <T>(work: (query: Reading, ask: Ask, streams: readonly LayoutStream[]) => Promise<T>) => Promise<T>;

const BATCH_ROWS = 5_000;
const LENGTH_MS_MIN = 1_000;

export async function* readRows(
  read: Read,
  schema: string,
  { span, token, edges, signal }: Wanted,
): AsyncGenerator<readonly SettledRow[]> {
  signal.throwIfAborted();
  const { held, days } = await read(async (query, _, streams) => ({
    held: heldSpan(streams, span),
    days: (await partitionsOf(query, schema)).filter(({ table }) => table === "swaps").map(({ dayMs }) => dayMs),
  }));
  let lengthMs = token === undefined ? MINUTE_MS : DAY_MS;
  for (const dayMs of days) {
    let fromMs = Math.max(dayMs, held.fromMs);
    const endMs = Math.min(dayMs + DAY_MS, held.toMs);
    let after: Row | undefined;
    while (fromMs < endMs) {
      signal.throwIfAborted();
      const part = { fromMs, toMs: Math.min(fromMs + lengthMs, endMs) };
      const rows = await read((_, ask, streams) =>
        ask(rowsQuery(schema, token, { ...part, after, limit: BATCH_ROWS }, rangesOf(streams, part, edges, 0))),
      );
      if (rows.length > 0) yield rows.map(settledRow);
      if (rows.length === BATCH_ROWS) {
        after = rows.at(-1);
        fromMs = Number(after?.event_ms);
        lengthMs = Math.max(LENGTH_MS_MIN, lengthMs / 2);
      } else {
        after = undefined;
        fromMs = part.toMs;
        lengthMs = Math.min(DAY_MS, lengthMs * 2);
      }
    }
  }
}
